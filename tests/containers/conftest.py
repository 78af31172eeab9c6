"""The image, built once for the tests of `make image`."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.containers.debian import make_debian
from tests.containers.image_build import Image, build_image
from tests.sources import ROOT

BUILT_WITH: Final = {"PYTHON_BUILT_WITH": "--with-dtrace"}
"""Debian optimizes its Python by a way of its own, which its configuration doesn't show."""
VERSION: Final = "1.2.3"
ARGUMENTS: Final = {"VERSION": VERSION, "REVISION": "0123abc", "SOURCE": "https://example.com/shopstream"}


@pytest.fixture(scope="session")
def debian() -> Path:
    return make_debian()


@pytest.fixture(scope="session")
def image(debian: Path) -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="image-"))
    try:
        yield build_image(debian, folder, ARGUMENTS | BUILT_WITH)
    finally:
        shutil.rmtree(folder)
