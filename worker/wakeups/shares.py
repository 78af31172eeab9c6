"""Share the partitions among workers, so that idle workers together ask Redis no more than one would. Pure."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import xxhash


class Share:
    """One worker's share, found anew when workers come or go."""

    def __init__(self, name: str, partitions: int, names: Callable[[], AbstractSet[str]]) -> None:
        """Keep this worker's name; `names` gives those of all, this one too."""
        self._name = name
        self._partitions = partitions
        self._names = names
        self._known: AbstractSet[str] = frozenset()
        self._found: frozenset[int] = frozenset()

    def find(self) -> frozenset[int]:
        """Find the partitions that this worker looks at now."""
        if (names := self._names()) != self._known:
            self._known, self._found = names, find_share(self._name, names, self._partitions)
        return self._found


def find_share(name: str, names: AbstractSet[str], partitions: int) -> frozenset[int]:
    """Find the partitions that the worker `name` looks at, of those that `names` share.

    Each partition belongs to the worker with the highest hash of both (rendezvous hashing). So a worker that comes or
    goes moves only its own partitions, and all workers that know the same names agree. One that isn't named has none.
    """
    if name not in names:
        return frozenset()
    others = names - {name}
    return frozenset(
        number for number in range(partitions) if all(_rank(name, number) > _rank(other, number) for other in others)
    )


def _rank(name: str, number: int) -> tuple[int, str]:
    return xxhash.xxh64_intdigest(f"{number} {name}".encode()), name
