"""Read all token records, and encrypt them again by the first token key."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis

from shopstream.redis.cluster.node_choice import scan_all
from shopstream.redis.keys import TOKENS, partition_for
from worker.redis.lua_script import WorkerScript
from worker.tokens.vault import Undecryptable, Vault

_PART: Final = 100
"""Records that are read in one round trip."""
_SEALED: Final = ("pair", "ciphers", "previous")


class TokenRecord(NamedTuple):
    """A token record as it is stored.

    Attributes:
        name: the id of the authorization.
        issuer: the JSON of its issuer; b"" in a record of an older version.
        sealed: its ciphertexts that are used: the pair, and in most records the ciphers.
        previous: the ciphertext of the pair before; b"" without one.
    """

    name: str
    issuer: bytes
    sealed: Sequence[bytes]
    previous: bytes


class TokenRecords:
    """The token records of a deployment."""

    def __init__(self, redis: Redis, vault: Vault, partitions: int) -> None:
        self._redis = redis
        self._vault = vault
        self._partitions = partitions
        self._rotate = WorkerScript(redis, "tokens/rotate.lua")
        self._sound: dict[str, int] = {}

    async def read_all(self) -> AsyncIterator[list[TokenRecord]]:
        """Give all records, by parts. A record that is stored meanwhile may be missing."""
        names: list[str] = []
        async for key in scan_all(self._redis, match=TOKENS, count=_PART):
            names.append(key.decode().rpartition(":")[2])
            if len(names) >= _PART:
                yield await self._read(names)
                names = []
        if names:
            yield await self._read(names)

    async def _read(self, names: Sequence[str]) -> list[TokenRecord]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(partition_for(name, self._partitions).token(name), ["issuer", *_SEALED])
            rows = await pipe.execute()
        return [
            TokenRecord(name, issuer or b"", [one for one in (pair, ciphers) if one], previous or b"")
            for name, (issuer, pair, ciphers, previous) in zip(names, rows, strict=True)
            if pair
        ]

    def check(self, record: TokenRecord) -> bool:
        """Return whether all of a record is sealed by the first key.

        Raises:
            Undecryptable: no key opens a used part of it, or it is another's.
        """
        known = hash((*record.sealed, record.previous))
        if self._sound.get(record.name) == known:
            return True
        by_first = [self._vault.check(record.name, sealed) for sealed in record.sealed]
        sound = all(by_first) and not (record.previous and self._vault.needs_rotation(record.previous))
        if sound:
            self._sound[record.name] = known
        return sound

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
