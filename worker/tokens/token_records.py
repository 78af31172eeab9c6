"""Check token records, and encrypt them again by the first token key."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis

from shopstream.redis.keys import partition_for
from worker.redis.lua_script import WorkerScript
from worker.tokens.vault import Undecryptable, Vault

_SEALED: Final = ("pair", "ciphers", "previous")


class TokenRecord(NamedTuple):
    """A token record as it is stored.

    Attributes:
        name: the id of the authorization.
        issuer: the JSON of its issuer; b"" in a record of an older version.
        sealed: its ciphertexts that are used: the pair, and in most records the ciphers.
        previous: the ciphertext of the pair before; b"" without one.
        sound: True if all of it is known to be sealed by the first key. The ciphertexts are then left out.
        digest: tells the ciphertexts from others; b"" if they are left out.
    """

    name: str
    issuer: bytes
    sealed: Sequence[bytes]
    previous: bytes
    sound: bool = False
    digest: bytes = b""


class TokenRecords:
    """The token records of a deployment."""

    def __init__(self, redis: Redis, vault: Vault, partitions: int) -> None:
        self._redis = redis
        self._vault = vault
        self._partitions = partitions
        self._rotate = WorkerScript(redis, "tokens/rotate.lua")

    def check(self, record: TokenRecord) -> bool:
        """Return whether all of a record is sealed by the first key.

        Raises:
            Undecryptable: no key opens a used part of it, or it is another's.
        """
        if record.sound:
            return True
        by_first = [self._vault.check(record.name, sealed) for sealed in record.sealed]
        return all(by_first) and not (record.previous and self._vault.needs_rotation(record.previous))

    async def rotate(self, name: str) -> bool:
        """Encrypt a record by the first key. Return False if it was so already, or can't be opened."""
        key, done = partition_for(name, self._partitions).token(name), False
        for part in _SEALED:
            while True:
                sealed = await self._redis.hget(key, part)  # type: ignore[misc]
                if sealed is None or not self._vault.needs_rotation(sealed):
                    break
                try:
                    fresh = self._vault.seal(name, self._vault.open(name, sealed))
                except Undecryptable:
                    break  # the survey counts it
                # Another worker may store a newer pair meanwhile, under its own first key: look again.
                done = bool(await self._rotate([key], [part, sealed, fresh])) or done
        return done
