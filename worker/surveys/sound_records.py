"""Remember in Redis which token records are sealed by a first key, so that no survey decrypts them again.

A digest of the ciphertexts stands beside the name of each authorization. A record that has changed or moved since has
another digest, or another name, and is decrypted.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from redis.asyncio import Redis

from shopstream.redis.keys import TOKENS, Partition, partition_for
from shopstream.redis.scanning import scan_keys
from worker.redis.lua_script import WorkerScript
from worker.tokens.token_records import TokenRecord

_PART: Final = 500
"""Records that one script call reads at most: some ms of Redis's time."""
_FORGET_SECONDS: Final = 30 * 86_400
"""Seconds after which all is decrypted once more, so that forgotten authorizations leave nothing behind."""


class SoundRecords:
    """The token records of a deployment, with those that are known to be sealed by one first key."""

    def __init__(self, redis: Redis, mark: str, partitions: int) -> None:
        """Take the mark that tells the first key from others."""
        self._redis = redis
        self._mark = mark
        self._partitions = partitions
        self._read = WorkerScript(redis, "surveys/records.lua")

    async def read_all(self) -> AsyncIterator[list[TokenRecord]]:
        """Give all records, by parts. A record that is stored meanwhile may be missing."""
        names: set[str] = set()
        seen: set[str] = set()
        async for key in scan_keys(self._redis, TOKENS):
            names.add(key.rpartition(":")[2])
            if len(names) >= _PART:
                yield await self._read_some(sorted(names - seen))
                seen |= names
                names = set()
        yield await self._read_some(sorted(names - seen))

    async def _read_some(self, names: Sequence[str]) -> list[TokenRecord]:
        by_partition: dict[int, list[str]] = {}
        for name in names:
            by_partition.setdefault(partition_for(name, self._partitions).number, []).append(name)
        found: list[TokenRecord] = []
        for number, of_one in by_partition.items():
            partition = Partition(number)
            keys = [partition.sound(self._mark), *(partition.token(name) for name in of_one)]
            for name, row in zip(of_one, await self._read(keys, of_one), strict=True):
                if len(row) == 1:
                    found.append(TokenRecord(name, row[0], (), b"", sound=True))
                elif row:
                    issuer, digest, pair, ciphers, previous = row
                    sealed = [pair, ciphers] if ciphers else [pair]
                    found.append(TokenRecord(name, issuer, sealed, previous, digest=digest))
        return found

    async def note(self, records: Sequence[TokenRecord]) -> None:
        """Note that these records, which were decrypted, are sound."""
        by_partition: dict[int, dict[str, bytes]] = {}
        for record in records:
            number = partition_for(record.name, self._partitions).number
            by_partition.setdefault(number, {})[record.name] = record.digest
        for number, digests in by_partition.items():
            key = Partition(number).sound(self._mark)
            await self._redis.hset(key, mapping=digests)  # type: ignore[misc]
            if await self._redis.ttl(key) < 0:
                await self._redis.expire(key, _FORGET_SECONDS)
