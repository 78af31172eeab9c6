"""Run a command in a folder that holds a whole system, with mounts that end with the command."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Chroot:
    """A tree that is the root of commands.

    Attributes:
        tree: the folder.
        folder: the working directory inside.
        bound: files and folders of this machine, by their places inside. A place must be there, or be below `mnt` or
            `run`, which are in memory.
        user: uid and gid of the commands. Others than root have no capability and can't get one.
        read_only: nothing in the tree can be written, as a container with `read_only` has it.
        net: a process whose network the commands use; None for the machine's.
    """

    tree: Path
    folder: str = "/"
    bound: Mapping[str, Path] = field(default_factory=dict)
    user: str = "0:0"
    read_only: bool = False
    net: int | None = None

    def command(self, words: Sequence[str], env: Mapping[str, str]) -> list[str]:
        """Give the words that run a command inside. It is the process that they start, so signals reach it."""
        inside = ["env", "-i", *(f"{name}={value}" for name, value in env.items())]
        inside += ["sh", "-c", 'cd "$0" && exec "$@"', self.folder, *words]
        script = "\n".join(("set -e", *self._mounts(), f'exec chroot "$0" {shlex.join(self._drop())} "$@"'))
        enter = ["nsenter", f"--net=/proc/{self.net}/ns/net"] if self.net else []
        return [*enter, "unshare", "-m", "sh", "-c", script, str(self.tree), *inside]

    def _mounts(self) -> list[str]:
        lines = ['mount --bind "$0" "$0"', "cd /"]
        if self.read_only:
            lines.append('mount -o remount,bind,ro "$0"')
        lines += ['mount -t proc proc "$0/proc"', 'mount --rbind /dev "$0/dev"']
        lines += [f'mount -t tmpfs tmpfs "$0/{name}"' for name in ("mnt", "run")]
        for inside, outside in self.bound.items():
            place = f'"$0"{shlex.quote(inside)}'
            if inside.startswith(("/mnt/", "/run/")):
                make = "mkdir -p" if outside.is_dir() else "install -D /dev/null"
                lines.append(f"{make} {place}")
            lines.append(f"mount --bind {shlex.quote(str(outside.resolve()))} {place}")
        return lines

    def _drop(self) -> list[str]:
        uid, gid = self.user.split(":")
        if uid == "0":
            return ["setpriv", "--no-new-privs"]
        return [
            "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
            "--bounding-set=-all",
        ]  # fmt: skip


def list_network_files() -> dict[str, Path]:
    """List what a command with the machine's network needs of it, by the same places inside."""
    names = ("/etc/resolv.conf", "/etc/hosts")
    return {name: Path(name) for name in names if os.path.exists(name)}  # noqa: PTH110
