"""Install hashed requirements into .venv or another folder: `python3 -m config.project.install demo`, which make runs.

The interpreter's own pip installs uv, and uv the rest: it takes a tenth of pip's CPU. Where uv has no wheel, or does
not come through, pip installs all. The standard library alone is used.
"""

import os
import subprocess  # nosec B404
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.project import package_index

_ROOT = Path(__file__).parents[2]
_NO_PACKAGE = (
    "missing: a package could not be installed. "
    "Is there a network, or a package index that pip knows (pip config list)?"
)


def main(name: str, folder: str = ".venv") -> int:
    """Install requirements/NAME.txt and this checkout; 1 if something could not be had, said in one line.

    Args:
        name: `demo` or `dev`.
        folder: the virtual environment, within the checkout.
    """
    print(f"installing into {folder} what {name} needs (once)", flush=True)  # noqa: T201
    python = str(_ROOT / folder / "bin" / "python")
    try:
        with _step("virtual environment"):
            _make_environment(python)
        requirements = str(_ROOT / "requirements" / f"{name}.txt")
        _install(_uv(python) or _pip(python), requirements)
    except subprocess.CalledProcessError as failure:
        reason = (failure.stderr or "").strip().rpartition("\n")[2]
        print(f"{reason}\n{_NO_PACKAGE}".lstrip(), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _make_environment(python: str) -> None:
    """Make one, if there is none that runs."""
    if Path(python).exists():
        with suppress(OSError, subprocess.CalledProcessError):
            _run(python, "-c", "")
            return
    # Without pip, as a Debian without python3-venv has none to put in.
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(Path(python).parent.parent))


Installer = Callable[..., None]


def _install(installer: Installer, requirements: str) -> None:
    with _step("packages"):
        installer("sync", requirements)
    with _step("shopstream"):
        installer("install", "--no-deps", "--no-build-isolation", "-e", str(_ROOT))


def _uv(python: str) -> Installer | None:
    """Give uv, installed by pip; None if it can't be had."""
    pip, own_uv = _pip(python), str(Path(python).with_name("uv"))
    try:
        with _step("uv"):
            pip("sync", str(_ROOT / "requirements" / "uv.txt"))
            environment = package_index.environment()
            _run(own_uv, "--version")
    except (OSError, subprocess.CalledProcessError):
        return None

    def uv(command: str, *arguments: str) -> None:
        hashed = ["--require-hashes"] * (command == "sync")
        options = ("-q", "--python", python, *hashed, *arguments)
        try:
            _run(own_uv, "pip", command, *options, env=environment)
        except subprocess.CalledProcessError:
            print("  uv did not come through; pip is slower", flush=True)  # noqa: T201
            pip(command, *arguments)

    return uv


def _pip(python: str) -> Installer:
    def pip(command: str, *arguments: str) -> None:
        if command == "sync":
            arguments = ("--require-hashes", "-r", *arguments)
        options = ("-q", "--disable-pip-version-check", "--no-compile")
        _run(sys.executable, "-m", "pip", "--python", python, "install", *options, *arguments)

    return pip


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(  # noqa: S603 - our own tools and arguments  # nosec B603
        command, check=True, capture_output=True, text=True, cwd=_ROOT, env=env or dict(os.environ)
    )


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"  {name}: {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
