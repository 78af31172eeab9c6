"""The image, built once for the tests of `make image`."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.containers.building.debian import make_debian
from tests.containers.building.image_build import Image, build_image
from tests.sources import ROOT

BUILT_WITH: Final = {"PYTHON_BUILT_WITH": "--with-dtrace"}
"""Debian optimizes its Python by a way of its own, which its configuration doesn't show."""
VERSION: Final = "1.2.3"
ARGUMENTS: Final = {"VERSION": VERSION, "REVISION": "0123abc", "SOURCE": "https://example.com/shopstream"}


_AS_THE_BASE: Final = """
[ -e /usr/local/bin/pip ] && exit
python -m venv /made
mkdir -p /usr/local/lib/python3.11/site-packages
mv /made/lib/python3.11/site-packages/pip* /usr/local/lib/python3.11/site-packages/
mv /made/bin/pip3 /made/bin/pip /usr/local/bin/
rm -r /made
"""
"""The base has a pip of its own, and Debian's Python has none. Without one no test would see that it is removed."""


@pytest.fixture(scope="session")
def debian() -> Path:
    base = make_debian()
    subprocess.run(["chroot", base, "sh", "-ec", _AS_THE_BASE], check=True, capture_output=True)  # noqa: S603, S607
    return base


@pytest.fixture(scope="session")
def image(debian: Path) -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="image-"))
    try:
        yield build_image(debian, folder, ARGUMENTS | BUILT_WITH)
    finally:
        shutil.rmtree(folder)
