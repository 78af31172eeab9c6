"""Build a package as a release does, judge it as PyPI would, and install it as a stranger does."""

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from config.project import package_index
from config.project.lock import BASE_PYTHON
from tests.archives import unpack
from tests.sources import ROOT

VERSION = "9.8.7"
"""A release that never was: the tag of this checkout, if it has one, plays no part."""
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Package:
    sdist: Path
    wheel: Path

    @property
    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return Parser().parsestr(archive.read(name).decode())

    def list_files(self) -> dict[str, bytes]:
        """The wheel's files by name, without its metadata."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """What a command wrote; its errors if it failed."""
    done = subprocess.run(  # noqa: S603 - ours
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    return done.stdout


def build(project: Path, folder: Path) -> Package:
    """The source archive of a project, and the wheel that is made of nothing but that archive."""
    hatchling = (sys.executable, "-m", "hatchling", "build", "-d", folder)
    run(*hatchling, "-t", "sdist", cwd=project, SETUPTOOLS_SCM_PRETEND_VERSION=VERSION)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        unpack(archive, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(*hatchling, "-t", "wheel", cwd=unpacked)
    (wheel,) = folder.glob("*.whl")
    return Package(sdist, wheel)


def judge(package: Package) -> None:
    """Have PyPI's own checks and those of wheels pass."""
    run(BIN / "twine", "check", "--strict", package.sdist, package.wheel)
    run(BIN / "check-wheel-contents", package.wheel)


class Environment:
    """A virtual environment in which nothing is."""

    def __init__(self, folder: Path) -> None:
        self._index = package_index.environment(BASE_PYTHON)
        self.bin = folder / "bin"
        self._uv("venv", "-q", "--python", sys.executable, str(folder))

    def install(self, *requirements: str) -> None:
        self._uv("pip", "install", "-q", "--python", str(self.bin / "python"), *requirements)

    def _uv(self, *arguments: str) -> None:
        subprocess.run([str(BIN / "uv"), *arguments], check=True, capture_output=True, env=self._index)  # noqa: S603 - ours
