"""Check the streams: their lengths, the groups that read them, and the dead letters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from redis.asyncio import Redis

from shopstream.consume.groups.group_list import ConsumerGroup, list_groups
from shopstream.doctor.checks import Check, bad, ok, warn
from shopstream.durations import write_duration
from shopstream.redis import clock
from shopstream.redis.keys import STREAMS, Partition

_CAP: Final = "SHOPSTREAM_STREAM_MAX_ENTRIES"
_DEFAULT_CAP: Final = 1_000_000
_NEAR: Final = 0.85
_BEHIND_SECONDS: Final = 300.0
_HOUR_MS: Final = 3_600_000
_LETTERS_MOST: Final = 1_000
_SHOWN: Final = 5


async def check_streams(redis: Redis, partitions: int, environment: Mapping[str, str]) -> list[Check]:
    """Check the streams against the cap of this environment, the groups, and the dead letters of the last hour."""
    return [
        await _check_lengths(redis, partitions, environment.get(_CAP, "")),
        _check_groups(await list_groups(redis, partitions)),
        await _check_letters(redis, partitions),
    ]


async def _check_lengths(redis: Redis, partitions: int, written: str) -> Check:
    cap = int(written) if written.isascii() and written.isdigit() and int(written) else _DEFAULT_CAP
    names = [(stream, number) for stream in STREAMS for number in range(partitions)]
    async with redis.pipeline(transaction=False) as pipe:
        for stream, number in names:
            pipe.xlen(Partition(number).stream(stream))
        lengths: list[int] = await pipe.execute()
    length, (stream, _) = max(zip(lengths, names, strict=True))
    text = f"the longest, {stream}, has {length:,} of {cap:,} entries"
    remedy = f"see `shopstream groups` for the group that holds it, or raise {_CAP}"
    if length >= cap:
        return bad("streams", f"{text}: unread entries are lost", remedy)
    return warn("streams", text, remedy) if length >= _NEAR * cap else ok("streams", text)


def _check_groups(groups: Sequence[ConsumerGroup]) -> Check:
    faults = [f"{one.group} of {one.stream} {fault}" for one in groups if (fault := _find_fault(one))]
    if not faults:
        return ok("consumer groups", f"{len(groups)} groups, none is behind" if groups else "no group reads yet")
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    remedy = (
        "start its consumers or mend their handler; after a loss take a snapshot; `shopstream groups delete` ends one"
    )
    return warn("consumer groups", f"{'; '.join(faults[:_SHOWN])}{more}", remedy)


def _find_fault(one: ConsumerGroup) -> str:
    if one.lost:
        return f"has lost {one.lost} entries"
    if one.unread and not one.members:
        return f"has no living member and {one.unread} unread entries"
    if (one.oldest_unread_seconds or 0) > _BEHIND_SECONDS:
        return f"is {write_duration(one.oldest_unread_seconds or 0)} behind"
    return ""


async def _check_letters(redis: Redis, partitions: int) -> Check:
    begin = await clock.read_ms(redis) - _HOUR_MS
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            pipe.xrange(Partition(number).stream("dead"), min=str(begin), count=_LETTERS_MOST)
        pages: list[list[tuple[bytes, Mapping[bytes, bytes]]]] = await pipe.execute()
    classes = Counter(_find_class(fields) for page in pages for _, fields in page)
    if not classes:
        return ok("dead letters", "none within an hour")
    most = "at least " if any(len(page) == _LETTERS_MOST for page in pages) else ""
    counts = ", ".join(f"{number} {error_class}" for error_class, number in classes.most_common(_SHOWN))
    text = f"{most}{classes.total()} within an hour: {counts}"
    return warn("dead letters", text, "see `shopstream dead counts`; after fixing the cause `shopstream dead requeue`")


def _find_class(fields: Mapping[bytes, bytes]) -> str:
    try:
        letter = orjson.loads(fields.get(b"data", b"{}"))
    except orjson.JSONDecodeError:
        return "unreadable"
    return str(letter.get("error_class", "unknown"))[:40] if isinstance(letter, dict) else "unreadable"
