"""Put ids into a shop's backlog. Nothing else writes new ids there, but `notify.lua` for webhooks.

An id stands in the backlog (sorted set) with the moment from which it may be fetched: ms of Redis's clock, 0 if it is
urgent. Its reason, if there is one, stands in `asked` (hash), with the moment of an urgent request. Without a reason
the score has that moment, since a reason for it alone would cost a command, and replace an earlier one. The shop's
backlog stands in the partition's due set. Workers move ids between backlog and claim by scripts of their own
(`worker/backlog`).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from shopstream.redis import due
from shopstream.redis.keys import Partition

T = TypeVar("T")
URGENT: Final = 0
"""The moment of an id that passes the shop's other ids, and the bulk of all other shops."""
_SPAN_MS: Final = 2**43
"""Milliseconds from 1970 to 2248. A moment divided by it has 43 binary digits, which a score holds exactly."""
COMMAND_IDS: Final = 1_000
"""Ids a command: 2,000 arguments, below what rented Redis takes."""


def urgent_since(now_ms: int) -> float:
    """Make the score of an urgent id that was requested at a moment: between -1 and 0, earlier ids first."""
    return now_ms / _SPAN_MS - 1


def read_urgent_ms(score: float) -> int:
    """Read the moment in ms of Redis's clock from the score of an urgent id; 0 if the score has none."""
    return round((score + 1) * _SPAN_MS) if -1 < score < 0 else 0


async def enqueue(
    redis: Redis, partition: Partition, kind: str, shop: str,
    moments: Mapping[str, float], reasons: Mapping[str, bytes] | None = None, *, wake: bool = True,
) -> None:  # fmt: skip
    """Put ids into a backlog, and wake a worker: one round trip. Without ids, send nothing.

    Args:
        redis: the client.
        partition: of the shop.
        kind: of the backlog: one of `keys.KINDS`.
        shop: TikTok's id.
        moments: id → score. An id that waits for an earlier one keeps it.
        reasons: id → reason as JSON, which replaces an older one.
        wake: False if no id may be fetched yet.
    """
    if not moments:
        return
    async with redis.pipeline(transaction=False) as pipe:
        add_commands(pipe, partition, kind, shop, moments, reasons or {})
        member = {f"{kind}:{shop}": max(0, min(moments.values()))}
        await due.add(pipe, partition, member, lt=True, wake=wake)


def add_commands(
    pipe: Pipeline, partition: Partition, kind: str, shop: str,
    moments: Mapping[str, float], reasons: Mapping[str, bytes], *, keep_reasons: bool = False,
) -> None:  # fmt: skip
    """Add the commands for `backlog` and `asked` to a pipeline; the due set is left to the caller.

    With `keep_reasons` an id that has a reason already keeps it.
    """
    key = partition.asked(kind, shop)
    for part in slices(reasons.items(), COMMAND_IDS):
        if keep_reasons:
            for name, reason in part:
                pipe.hsetnx(key, name, reason)  # type: ignore[arg-type]
        else:
            pipe.hset(key, mapping=dict(part))
    for chunk in slices(moments.items(), COMMAND_IDS):
        pipe.zadd(partition.backlog(kind, shop), dict(chunk), lt=True)


def slices(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` of the values, in order. The last one may be shorter."""
    source = iter(values)
    while part := list(islice(source, size)):
        yield part
