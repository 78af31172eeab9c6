"""Walk a newcomer's first minutes: README's two commands in a fresh Debian that has Python, pip and make, and no more.

`make fresh` runs it, as root, since it makes the Debian by debootstrap. It prints the seconds of each command. A user
of that Debian, not root, has a clone of the last commit.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.containers.building.chroot import Chroot, list_network_files
from tests.containers.building.debian import DebianMissing, make_debian
from tests.containers.building.pip_settings import read_pip_settings
from tests.sources import ROOT

PACKAGES: Final = ("python3", "python3-pip", "make", "ca-certificates")
"""README's three, and the authorities by which TLS is verified."""
COMMANDS: Final = ("make demo", "make demo", "make test", "make test")
"""Each twice: the second run must find nothing in its way."""
_USER: Final = "1000:1000"
_HOME: Final = "/home/newcomer"
_TAIL: Final = 12


def main() -> int:
    """Run the commands of the arguments, or all. Return 0, or 1 with the first that fails."""
    try:
        base = make_debian(PACKAGES)
    except DebianMissing as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program
        return 1
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="fresh-") as folder:
        tree = Path(folder) / "tree"
        _run("cp", "-a", "--reflink=auto", f"{base}/.", str(tree))
        clone = _clone(tree)
        return int(not all(_perform(tree, clone, command) for command in sys.argv[1:] or COMMANDS))


def _clone(tree: Path) -> str:
    place = f"{_HOME}/shopstream"
    _run("git", "clone", "--quiet", str(ROOT), str(tree) + place)
    _run("chroot", str(tree), "useradd", "--no-create-home", "--home-dir", _HOME, "newcomer")
    _run("chown", "-R", _USER, str(tree) + _HOME)
    return place


def _perform(tree: Path, folder: str, command: str) -> bool:
    """Run a command as the user in the clone, and print its last lines."""
    pip, bound = read_pip_settings()
    chroot = Chroot(tree, folder, bound | list_network_files(), _USER)
    env = pip | {"HOME": _HOME, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    if "PIP_CERT" in pip:
        env["NODE_EXTRA_CA_CERTS"] = pip["PIP_CERT"]  # npm's registry is behind the same authorities
    began = time.monotonic()
    words = chroot.command(["sh", "-c", command], env)
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    for line in done.stdout.strip().splitlines()[-_TAIL if done.returncode == 0 else 0 :]:
        print(f"  {line}")  # noqa: T201 - a program
    print(f"{command}: exit code {done.returncode}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
    return done.returncode == 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
