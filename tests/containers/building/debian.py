"""Make a small Debian with Python in a folder, in place of the image's base, which needs a registry and an engine.

debootstrap takes some minutes and 80 s of processor, so its result stays below `build/`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.debian_packages import PackageMissing, unpack_package
from tests.sources import ROOT

SUITE: Final = "bookworm"
FOR_IMAGE: Final = ("python3", "python3-venv", "ca-certificates")
"""The packages of a base in place of the image's."""
_BUILD: Final = ROOT / "build"
_SECONDS: Final = 1_800
"""For debootstrap on a busy machine."""


class DebianMissing(Exception):
    """No Debian can be made here. The text says in a line how to get it."""


def make_debian(packages: Sequence[str] = FOR_IMAGE) -> Path:
    """Make it below `build/`, unless it is there: minbase and the packages.

    Raises:
        DebianMissing: this isn't root, or debootstrap can't be had or doesn't come through.
    """
    if os.geteuid() != 0:
        raise DebianMissing("the image is built by root alone: chroot and mounts need it")
    key = hashlib.sha256(" ".join((SUITE, *packages)).encode()).hexdigest()[:12]
    base = _BUILD / f"debian-{key}"
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that come at once, one makes it
        if not base.exists():
            _bootstrap(base, packages)
    return base


def _bootstrap(base: Path, packages: Sequence[str]) -> None:
    half = base.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    program, environment = _find_debootstrap()
    command = ["sh", program, "--variant=minbase", f"--include={','.join(packages)}", SUITE, str(half)]
    try:
        subprocess.run(  # noqa: S603
            command, env=environment, check=True, capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        printed = getattr(error, "stdout", None) or str(error)
        last = " ".join(printed.strip().splitlines()[-1:])
        raise DebianMissing(f"debootstrap did not come through: {last}") from None
    if packages == FOR_IMAGE:
        # As the image of Python has it, and pip for no one: Debian's venv brings its own.
        (half / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    for name in ("hosts", "resolv.conf"):  # places for a command's own
        (half / "etc" / name).touch()
    half.rename(base)


def _find_debootstrap() -> tuple[str, dict[str, str]]:
    """Give the script, and the environment in which it finds its parts."""
    installed = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed:
        return installed, dict(os.environ)
    folder = _BUILD / "debootstrap"
    if not folder.exists():
        try:
            unpack_package("debootstrap", folder)
        except PackageMissing as error:
            advice = "install debootstrap (Debian: apt-get install debootstrap)"
            raise DebianMissing(f"debootstrap is missing: {advice}. Its download failed: {error}") from None
    parts = {"DEBOOTSTRAP_DIR": str(folder / "usr" / "share" / "debootstrap")}
    return str(folder / "usr" / "sbin" / "debootstrap"), os.environ | parts
