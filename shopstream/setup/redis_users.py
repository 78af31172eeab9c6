"""Make passwords for the users of Redis, the server's ACL file, and a URL for each user."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

NAMES: Final = ("worker", "producer", "waiter", "consumer", "gateway")
"""The users, each with the rights that its work needs: docs/operations.md."""
_PLACE: Final = ">PASSWORD"
_PROBE: Final = "user default on nopass resetchannels resetkeys -@all +ping"
"""The user of a connection that doesn't log in. It may ask if the server is up, and nothing else."""


def make_passwords() -> dict[str, str]:
    """Make a password of 256 random bits for each user, of characters that need no escape in a URL."""
    return {name: secrets.token_urlsafe(32) for name in NAMES}


def format_acl(passwords: Mapping[str, str]) -> str:
    """Return the text of an ACL file of Redis 7 or Valkey, in which passwords are SHA-256 digests."""
    return "\n".join((_PROBE, *_read_users(passwords))) + "\n"


def _read_users(passwords: Mapping[str, str]) -> Iterator[str]:
    rules = files("shopstream.setup").joinpath("users.acl").read_text(encoding="utf-8")
    for line in rules.splitlines():
        name = line.split()[1]
        digest = hashlib.sha256(passwords[name].encode()).hexdigest()
        yield line.replace(_PLACE, f"#{digest}")


def format_url(name: str, password: str, place: str) -> str:
    """Return the URL by which a user reaches Redis at `place`, which is HOST:PORT."""
    return f"redis://{name}:{password}@{place}/0"
