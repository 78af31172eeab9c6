"""Make a small Debian with Python in a folder, in place of the image's base, which needs a registry and an engine.

debootstrap takes some minutes and 80 s of processor, so its result stays below `build/`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.debian_packages import PackageMissing, unpack_package
from tests.sources import ROOT

SUITE: Final = "bookworm"
_PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")
_AS_THE_BASE: Final = """
ln -s /usr/bin/python3 /usr/local/bin/python
python -m venv /made
mkdir -p /usr/local/lib/python3.11/site-packages
mv /made/lib/python3.11/site-packages/pip* /usr/local/lib/python3.11/site-packages/
mv /made/bin/pip /made/bin/pip3 /usr/local/bin/
rm -r /made
touch /etc/hosts /etc/resolv.conf
"""
"""What the image of Python has more: the name `python`, and its own pip. A command's network has files of its own."""
_BUILD: Final = ROOT / "build"
_SECONDS: Final = 1_800
"""For debootstrap on a busy machine."""


class DebianMissing(Exception):
    """No Debian can be made here. The text says in a line how to get it."""


def make_debian() -> Path:
    """Make it below `build/`, unless it is there: minbase, the packages, and what the image's base has more.

    Raises:
        DebianMissing: this isn't root, or debootstrap can't be had or doesn't come through.
    """
    if os.geteuid() != 0:
        raise DebianMissing("the image is built by root alone: chroot and mounts need it")
    key = hashlib.sha256(" ".join((SUITE, *_PACKAGES, _AS_THE_BASE)).encode()).hexdigest()[:12]
    base = _BUILD / f"debian-{key}"
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that come at once, one makes it
        if not base.exists():
            _bootstrap(base)
    return base


def _bootstrap(base: Path) -> None:
    half = base.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    program, environment = _find_debootstrap()
    command = ["sh", program, "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, str(half)]
    inside = ["chroot", str(half), "sh", "-ec", _AS_THE_BASE]
    try:
        for words in (command, inside):
            subprocess.run(  # noqa: S603
                words, env=environment, check=True, capture_output=True, text=True, timeout=_SECONDS
            )
    except (OSError, subprocess.SubprocessError) as error:
        printed = getattr(error, "stdout", None) or str(error)
        last = " ".join(printed.strip().splitlines()[-1:])
        raise DebianMissing(f"debootstrap did not come through: {last}") from None
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
