"""Hold the version of shopstream. The image has the code alone, and no metadata of an installed package."""

from typing import Final

VERSION: Final = "0.1.0"
