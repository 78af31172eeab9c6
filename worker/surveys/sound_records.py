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
"""Records that one script call reads at most: 5 ms of Redis's time."""
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
        seen: set[str] = set()
        waiting: dict[str, list[str]] = {}  # by partition
        async for key in scan_keys(self._redis, TOKENS):
            if key in seen:
                continue
            seen.add(key)
            of_one = waiting.setdefault(key.partition("}")[0], [])
            of_one.append(key)
            if len(of_one) >= _PART:
                yield await self._read_some(of_one)
                of_one.clear()
        for of_one in waiting.values():
            if of_one:
                yield await self._read_some(of_one)

    async def _read_some(self, keys: Sequence[str]) -> list[TokenRecord]:
        """Read the records of some keys of one partition."""
        names = [key.rpartition(":")[2] for key in keys]
        sound = partition_for(names[0], self._partitions).sound(self._mark)
        issuers, *rows = await self._read([sound, *keys], [])
        found: list[TokenRecord] = []
        for name, row in zip(names, rows, strict=True):
            if isinstance(row, list):
                number, digest, pair, ciphers, previous = row
                sealed = [pair, ciphers] if ciphers else [pair]
                found.append(TokenRecord(name, issuers[number - 1], sealed, previous, digest=digest))
            elif row:
                found.append(TokenRecord(name, issuers[row - 1], (), b"", sound=True))
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
