"""Name the version of the package. It is known without an installation too, as in a container's image."""

from typing import Final

VERSION: Final = "0.1.0"
