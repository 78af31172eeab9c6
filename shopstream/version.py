"""Hold the version of shopstream. The build of a wheel or an image writes it into a file; a checkout has none."""

from importlib import import_module
from typing import Final

CHECKOUT: Final = "0.0.0.dev0"
"""The version of files that no tag names."""


def _read_version() -> str:
    try:
        version: str = import_module("shopstream._version").version
    except ImportError:
        return CHECKOUT
    return version


VERSION: Final = _read_version()
