"""Import structlog without rich and redis without PyJWT, as a program's first import: a seventh of a start's CPU less.

structlog takes rich for tracebacks on a terminal, but `config/logging.py` formats them before, and greenlet for values
of a thread, which nothing here has. redis takes PyJWT for access tokens of Entra ID, which no URL of ours can name.
Whoever imports one of these afterwards gets the real one.
"""

import importlib
import sys
from types import ModuleType
from typing import Final

_SPARED: Final = {"structlog": ("rich", "greenlet"), "redis": ("jwt",)}


def import_sparingly() -> None:
    """Import both, each without what it loads for a use that isn't ours. Change nothing of what is there already."""
    for wanted, spared in _SPARED.items():
        absent = [] if wanted in sys.modules else [name for name in spared if name not in sys.modules]
        if not absent:
            continue
        sys.modules.update({name: ModuleType(name) for name in absent})  # redis imports it without an alternative
        try:
            importlib.import_module(wanted)
        finally:
            for name in absent:
                del sys.modules[name]


import_sparingly()
