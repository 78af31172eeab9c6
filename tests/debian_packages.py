"""Download a package of Debian and unpack it, without installing it: for programs that no wheel carries."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

_SECONDS: Final = 600
"""For a package of 20 MB, on a busy machine."""


class PackageMissing(Exception):
    """There is no such package, or no way to get it. The text is the last line of the program that failed."""


def unpack_package(name: str, target: Path) -> None:
    """Unpack a package into a folder, in one step: several processes may come at once.

    Raises:
        PackageMissing: it can't be had.
    """
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{name}-") as folder_name:
        folder = Path(folder_name)
        try:
            _fetch(name, folder)
            (package,) = folder.glob(f"{name}_*.deb")
            _run("dpkg-deb", "-x", package.name, "unpacked", folder=folder)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            printed = getattr(error, "stderr", None) or str(error)
            raise PackageMissing(" ".join(printed.strip().splitlines()[-1:])) from None
        try:
            (folder / "unpacked").rename(target)
        except OSError:
            if not target.exists():  # else another process was first
                raise


def _fetch(name: str, folder: Path) -> None:
    """Download by the machine's list of packages; where that is missing or old, by a new one in the folder."""
    try:
        _run("apt-get", "download", name, folder=folder)
    except subprocess.CalledProcessError:
        (folder / "lists" / "partial").mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}")
        _run("apt-get", *own, "update", folder=folder)
        _run("apt-get", *own, "download", name, folder=folder)


def _run(*command: str, folder: Path) -> None:
    environment = os.environ | {"LC_ALL": "C"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
