"""Compute the slot of a key, and remember the node of each slot."""

from binascii import crc_hqx
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from shopstream.redis.urls.host_list import Address

SLOTS: Final = 16_384
"""The slots of every cluster."""


def find_slot(key: str | bytes) -> int:
    """Compute the slot of a key: CRC16 of its hash tag, the first text in braces that isn't empty, or of all of it."""
    raw = key.encode() if isinstance(key, str) else key
    begin = raw.find(b"{")
    if begin >= 0 and (end := raw.find(b"}", begin + 1)) > begin + 1:
        raw = raw[begin + 1 : end]
    return crc_hqx(raw, 0) % SLOTS


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The nodes of a cluster, as one of them knows it.

    Attributes:
        nodes: the address of the primary of each slot; None where a slot is not covered.
        primaries: the primaries that have slots, each once.
        replicas: the replicas of those.
        ids: the id of each node in the cluster, by address.
    """

    nodes: list[Address | None]
    primaries: tuple[Address, ...]
    replicas: tuple[Address, ...]
    ids: Mapping[Address, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, answer: Iterable[Sequence[Any]], asked: Address) -> Self:
        """Read the answer of CLUSTER SLOTS, which leaves out the host of the node itself if it doesn't know it."""
        nodes: list[Address | None] = [None] * SLOTS
        primaries: dict[Address, None] = {}
        replicas: dict[Address, None] = {}
        ids: dict[Address, bytes] = {}
        for first, last, *servers in answer:
            places = [((host or b"").decode() or asked[0], int(port)) for host, port, *_ in servers]
            ids |= {place: server[2] for place, server in zip(places, servers, strict=True)}
            primary, *others = places
            nodes[first : last + 1] = [primary] * (last + 1 - first)
            primaries[primary] = None
            replicas |= dict.fromkeys(others)
        return cls(nodes, tuple(primaries), tuple(replicas), ids)
