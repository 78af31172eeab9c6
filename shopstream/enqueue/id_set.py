"""A set for millions of ids that grows by small steps."""

from collections.abc import Iterable
from typing import Final

_SHARDS: Final = 256


class IdSet:
    """Strings, in many small sets: one with a million takes 120 ms to grow, in which an event loop stands still."""

    def __init__(self) -> None:
        self._shards: list[set[str]] = [set() for _ in range(_SHARDS)]

    def __contains__(self, one: object) -> bool:
        return one in self._shards[hash(one) % _SHARDS]

    def take(self, values: Iterable[str]) -> list[str]:
        """Add all of `values`; those that were not there yet, in their order."""
        new = []
        for one in values:
            shard = self._shards[hash(one) % _SHARDS]
            if one not in shard:
                shard.add(one)
                new.append(one)
        return new
