"""Give a virtual environment of an optimized Python: `python -m config.project.optimized_python NAMES`.

`make bench` does so. Without profile-guided optimization Python takes up to 1.3 times the CPU, and not alike for all
kinds of code: figures of such a one would be of none that anybody deploys. The image's is optimized. The standard
library alone is used.
"""

import os
import shutil
import subprocess  # nosec B404
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NEEDED_BY: Final = "real"
"""The benchmark that refuses another Python."""
FOLDER: Final = ".venv-bench"
MISSING: Final = (
    "missing: a Python 3.11 or later, with pip, that was built with --enable-optimizations; this one was not. "
    "Debian's own is (apt-get install python3 python3-pip), and so are the python images of Docker."
)
_ROOT: Final = Path(__file__).parents[2]
_NAMES: Final = ("python3", "python3.13", "python3.12", "python3.11")
_PROBE: Final = (
    "import sys; from config.project.optimized_python import is_optimized; "
    "assert sys.version_info >= (3, 11) and is_optimized()"
)


def is_optimized() -> bool:
    """Tell if the running Python was built by a profile.

    Debian does so by rules of its own, without the option, and takes the compiler's flag out of what sysconfig tells.
    """
    asked, used = (sysconfig.get_config_var(name) for name in ("CONFIG_ARGS", "PGO_PROF_USE_FLAG"))
    return "--enable-optimizations" in (asked or "") or used == ""


def main(names: list[str]) -> int:
    """Print the Python to run benchmarks with, made first if need be; 1 and one line if there is none."""
    if is_optimized() or (names and NEEDED_BY not in names):
        print(sys.executable)  # noqa: T201
        return 0
    return _print_other(FOLDER, [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/bin"])


def _print_other(folder: str, places: Sequence[str]) -> int:
    made, wanted = _ROOT / folder / "bin" / "python", _ROOT / "requirements" / "dev.txt"
    stamp = _ROOT / folder / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < wanted.stat().st_mtime or not _fits(str(made)):
        python = find(places)
        if python is None:
            print(MISSING, file=sys.stderr)  # noqa: T201
            return 1
        install = (python, "-m", "config.project.install", "dev", folder)
        if subprocess.run(install, cwd=_ROOT, stdout=sys.stderr, check=False).returncode:  # noqa: S603  # nosec B603
            return 1
        stamp.touch()
    print(made)  # noqa: T201
    return 0


def find(places: Sequence[str]) -> str | None:
    """Find an optimized Python of 3.11 or later that has pip, in one of the folders."""
    found = (shutil.which(name, path=place) for place in dict.fromkeys(places) for name in _NAMES)
    return next((python for python in found if python and _fits(python, "import pip")), None)


def _fits(python: str, more: str = "") -> bool:
    try:
        command = (python, "-c", f"{_PROBE}; {more}")
        return not subprocess.run(command, cwd=_ROOT, capture_output=True, check=False).returncode  # noqa: S603  # nosec B603
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
