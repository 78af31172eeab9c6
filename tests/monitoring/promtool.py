"""Prometheus's own judge of rules and configuration: the machine's promtool, or that of Debian's package.

No wheel and no npm package carries promtool, so the package is downloaded, unpacked below `build/` and not installed.
"""

import fcntl
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from tests.debian_packages import PackageMissing, unpack_package
from tests.sources import ROOT

_CACHE: Final = ROOT / "build" / "promtool"
_PROGRAM: Final = _CACHE / "usr" / "bin" / "promtool"
_SPARING: Final = {"GOGC": "400"}
"""Go's collector of garbage is a third of its time; it may have more memory instead."""
_SECONDS: Final = 600
"""For all cases of the rules, on a busy machine."""


class PromtoolMissing(Exception):
    """There is no promtool, and no way to get it."""


def run_promtool(*arguments: str, folder: Path = ROOT) -> tuple[int, str]:
    """Run promtool in a folder, and give its exit code and all that it printed."""
    command = [str(find_promtool()), *arguments]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False, env=os.environ | _SPARING,
    )  # fmt: skip
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
    """Unpack Debian's package into a folder.

    Raises:
        PromtoolMissing: as `find_promtool`.
    """
    try:
        unpack_package("prometheus", cache_folder)
    except PackageMissing as error:
        advice = "install Prometheus (Debian: apt-get install prometheus)"
        raise PromtoolMissing(f"promtool is missing: {advice}. Its download failed: {error}") from None
