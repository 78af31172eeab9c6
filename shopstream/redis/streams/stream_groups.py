"""Read the consumer groups of a stream, in the shapes that redis-py gives their records."""

from typing import NotRequired, TypedDict

from redis.asyncio import Redis

GroupInfo = TypedDict(
    "GroupInfo",
    {"name": bytes, "pending": int, "last-delivered-id": bytes, "lag": NotRequired[int | None]},
)
"""One group in the answer of XINFO GROUPS. `lag` is None if Redis can't compute it, and absent on Redis 6.2."""


class PendingEntry(TypedDict):
    """One entry in the answer of XPENDING: delivered, not acknowledged. `time_since_delivered` is in ms."""

    message_id: bytes
    consumer: bytes
    time_since_delivered: int
    times_delivered: int


async def read_groups(redis: Redis, stream: str) -> list[GroupInfo]:
    """Read all consumer groups of a stream.

    Raises:
        ResponseError: no such stream exists.
    """
    groups: list[GroupInfo] = await redis.xinfo_groups(stream)
    return groups
