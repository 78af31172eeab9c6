"""Prometheus's own judge of rules and configuration: the machine's promtool, or that of Debian's package.

No wheel and no npm package carries promtool, so the package is downloaded, unpacked below `build/` and not installed.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tests.sources import ROOT

_CACHE: Final = ROOT / "build" / "promtool"
_PROGRAM: Final = _CACHE / "usr" / "bin" / "promtool"
_SECONDS: Final = 600
"""For the package (19 MB) or all cases of the rules, on a busy machine."""


class PromtoolMissing(Exception):
    """There is no promtool, and no way to get it."""


def run_promtool(*arguments: str, folder: Path = ROOT) -> tuple[int, str]:
    """Run promtool in a folder, and give its exit code and all that it printed."""
    command = [str(find_promtool()), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


@cache
def find_promtool() -> Path:
    """Find promtool on PATH or below `build/`; else download it.

    Raises:
        PromtoolMissing: neither works. The message says in a line how to get it.
    """
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    _CACHE.parent.mkdir(exist_ok=True)
    with (_CACHE.parent / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that come at once, one downloads
        if not _PROGRAM.exists():
            download(_CACHE)
    return _PROGRAM


def is_there() -> bool:
    """Whether promtool can be had without a download."""
    return shutil.which("promtool") is not None or _PROGRAM.exists()


def download(cache_folder: Path) -> None:
    """Unpack Debian's package into a folder, in one step: several processes may come at once.

    Raises:
        PromtoolMissing: as `find_promtool`.
    """
    cache_folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder.parent, prefix="promtool-") as name:
        folder = Path(name)
        try:
            _fetch_package(folder)
            (package,) = folder.glob("prometheus_*.deb")
            _run("dpkg-deb", "-x", package.name, "unpacked", folder=folder)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            printed = getattr(error, "stderr", None) or str(error)
            reason = " ".join(printed.strip().splitlines()[-1:])
            advice = "install Prometheus (Debian: apt-get install prometheus)"
            raise PromtoolMissing(f"promtool is missing: {advice}. Its download failed: {reason}") from None
        try:
            (folder / "unpacked").rename(cache_folder)
        except OSError:
            if not cache_folder.exists():  # else another process was first
                raise


def _fetch_package(folder: Path) -> None:
    """Download by the machine's list of packages; where that is missing or old, by a new one in the folder."""
    try:
        _run("apt-get", "download", "prometheus", folder=folder)
    except subprocess.CalledProcessError:
        (folder / "lists" / "partial").mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}")
        _run("apt-get", *own, "update", folder=folder)
        _run("apt-get", *own, "download", "prometheus", folder=folder)


def _run(*command: str, folder: Path) -> None:
    environment = os.environ | {"LC_ALL": "C"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
