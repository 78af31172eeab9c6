"""Tell how far the consumer groups of a stream are with some of its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis

from shopstream.events import Event
from shopstream.redis.streams.entry_ids import place
from shopstream.redis.streams.stream_groups import GroupInfo, PendingEntry, read_groups

Standing = Literal["not_read", "in_hand", "acknowledged"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer group of the stock stream, and its standing with the SKU's newest event.

    Attributes:
        group: its name.
        standing: `not_read`; `in_hand`, which is delivered and not acknowledged; or `acknowledged`. A group that began
            behind the event counts as `acknowledged`.
        consumer: the member that has the event in hand; None if none has.
        deliveries: the number of deliveries to that member; 0 if it is not in hand.
        idle: seconds since the last delivery; None if it is not in hand.
        knows: the newest of the given changes that the group has acknowledged; None if it has acknowledged none.
    """

    group: str
    standing: Standing
    consumer: str | None
    deliveries: int
    idle: float | None
    knows: Event | None


async def readers(redis: Redis, stream: str, changes: Sequence[Event]) -> list[Reader]:
    """Read each group of `stream`, and its standing with the events `changes`, which are given newest first."""
    groups = await read_groups(redis, stream)
    async with redis.pipeline(transaction=False) as pipe:
        for group in groups:
            for event in changes:
                pipe.xpending_range(stream, group["name"], min=event.entry_id, max=event.entry_id, count=1)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    found = []
    for number, group in enumerate(groups):
        pending = answers[number * len(changes) : (number + 1) * len(changes)]
        if any(isinstance(answer, Exception) for answer in pending):
            continue  # the group was deleted just now
        found.append(_reader(group, changes, pending))
    return found


def _reader(group: GroupInfo, changes: Sequence[Event], pending: Sequence[list[PendingEntry]]) -> Reader:
    delivered = place(group["last-delivered-id"].decode())
    read = [place(event.entry_id) <= delivered for event in changes]
    done = (event for event, got, hand in zip(changes, read, pending, strict=True) if got and not hand)
    hand = pending[0][0] if pending[0] else None
    return Reader(
        group=group["name"].decode(errors="replace"),
        standing="in_hand" if hand else "acknowledged" if read[0] else "not_read",
        consumer=hand["consumer"].decode(errors="replace") if hand else None,
        deliveries=hand["times_delivered"] if hand else 0,
        idle=hand["time_since_delivered"] / 1000 if hand else None,
        knows=next(done, None),
    )
