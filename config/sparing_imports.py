"""Import structlog without rich and redis without PyJWT, as a program's first import: a seventh of a start's CPU less.

structlog takes rich for tracebacks on a terminal, but `config/logging.py` formats them before. redis takes PyJWT for
access tokens of Entra ID, which no URL of ours can name. Whoever imports rich or PyJWT afterwards gets the real one.
"""

import importlib
import sys
from types import ModuleType
from typing import Final

_SPARED: Final = {"structlog": "rich", "redis": "jwt"}


def import_sparingly() -> None:
    """Import both, each without the package that it loads for a use that isn't ours. Change nothing if one is there."""
    for wanted, spared in _SPARED.items():
        if wanted in sys.modules or spared in sys.modules:
            continue
        sys.modules[spared] = ModuleType(spared)  # redis imports it without an alternative
        try:
            importlib.import_module(wanted)
        finally:
            del sys.modules[spared]


import_sparingly()
