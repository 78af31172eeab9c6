"""Read workers, streams, consumer groups, history, memory and dead letters, in two round trips."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.glance import rings
from shopstream.glance.rings import Ring, Slot
from shopstream.redis import clock
from shopstream.redis.keys import STREAMS, Partition
from shopstream.registry.workers import WorkerSeen, workers

if TYPE_CHECKING:
    from shopstream.redis.stream_groups import GroupInfo

RECENT_MS: Final = 3_600_000
"""Milliseconds for which a dead letter is recent."""
DEAD_MOST: Final = 500
"""Newest dead letters of a partition that are counted by class."""
_MESSAGE_MOST: Final = 200
_SUMMED: Final = (rings.CALLS, rings.FRESH, rings.FRESH_DAYS)
"""Rings whose counts of all partitions are added. Of the others the largest value counts."""
_RINGS: Final = (*_SUMMED, rings.OLDEST, rings.MEMORY, rings.URGENT)


class StreamSeen(NamedTuple):
    """A stream over all partitions.

    Attributes:
        stream: its name.
        entries: the entries that are kept.
        fullest: entries of its fullest partition, since the cap counts by partition.
        oldest_ms: the moment of the oldest entry, in ms of Redis's clock; None without entries.
        hourly: entries an hour of the fullest partition, over the time that it keeps.
    """

    stream: str
    entries: int
    fullest: int
    oldest_ms: int | None
    hourly: float


class GroupSeen(NamedTuple):
    """A consumer group of a stream, over all partitions.

    Attributes:
        stream: the name of the stream.
        group: its name.
        unread: entries not delivered to it yet, at least.
        pending: entries delivered and not acknowledged.
        members: its living members.
        oldest_unread_ms: the moment of its oldest unread entry, in ms of Redis's clock; None without one.
        lost: entries that were trimmed before it had read them.
    """

    stream: str
    group: str
    unread: int
    pending: int
    members: int
    oldest_unread_ms: int | None
    lost: int


class DeadClass(NamedTuple):
    """Dead letters of one class of error: all that were counted, those of the last hour, and a sentence of one."""

    error_class: str
    letters: int
    recent: int
    example: str


class SystemState(NamedTuple):
    """The state of everything but shops, at ms of Redis's clock.

    Attributes:
        now_ms: that moment.
        workers: the living workers.
        streams: the streams, in their order.
        groups: their consumer groups, the furthest behind first.
        dead: dead letters by class, most first.
        history: the slots of each ring, by its name.
        memory_used: bytes that Redis uses; None without the right to ask.
        memory_most: bytes that it may use; None without a limit.
    """

    now_ms: int
    workers: list[WorkerSeen]
    streams: list[StreamSeen]
    groups: list[GroupSeen]
    dead: list[DeadClass]
    history: dict[str, list[Slot]]
    memory_used: int | None
    memory_most: int | None


async def read_system(redis: Redis, partitions: int, recent_ms: int) -> SystemState:
    """Read all of it."""
    places = [(Partition(number), stream) for number in range(partitions) for stream in STREAMS]
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.info("memory")
        for number in range(partitions):
            pipe.hmget(Partition(number).rings, [ring.name for ring in _RINGS])
            pipe.hgetall(Partition(number).retention)
            pipe.xrevrange(Partition(number).stream("dead"), count=DEAD_MOST)
        for partition, stream in places:
            pipe.xlen(partition.stream(stream))
            pipe.xrange(partition.stream(stream), count=1)
            pipe.xinfo_groups(partition.stream(stream))
        moment, memory, *answers = await pipe.execute(raise_on_error=False)
    _raise_first(one for one in (moment, *answers) if not isinstance(one, ResponseError))
    if isinstance(memory, Exception) and not isinstance(memory, NoPermissionError):
        raise memory
    now_ms, mine = clock.convert(moment), answers[: 3 * partitions]
    seen = answers[3 * partitions :]
    by_place = {place: seen[3 * at : 3 * at + 3] for at, place in enumerate(places)}
    info: Mapping[str, Any] = {} if isinstance(memory, Exception) else memory
    return SystemState(
        now_ms=now_ms,
        workers=await workers(redis),
        streams=[_sum_stream(stream, by_place, now_ms) for stream in STREAMS],
        groups=await _read_groups(redis, by_place, mine[1::3], now_ms),
        dead=_count_dead(
            (letter for page in mine[2::3] if isinstance(page, list) for letter in page), now_ms, recent_ms
        ),
        history=_sum_history(mine[0::3], now_ms),
        memory_used=info.get("used_memory"),
        memory_most=info.get("maxmemory") or None,
    )


_Place = tuple[Partition, str]


def _raise_first(answers: Iterable[object]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _moment(entry: bytes | str) -> int:
    text = entry.decode() if isinstance(entry, bytes) else entry
    return int(text.partition("-")[0])


def _sum_stream(stream: str, by_place: Mapping[_Place, Sequence[Any]], now_ms: int) -> StreamSeen:
    entries, fullest, oldest, hourly = 0, 0, list[int](), 0.0
    for (_, name), (length, first, _) in by_place.items():
        if name != stream or not first:
            continue
        entries += length
        oldest.append(_moment(first[0][0]))
        if length > fullest:
            fullest = length
            hourly = length * 3_600_000 / max(3_600_000, now_ms - oldest[-1])
    return StreamSeen(
        stream=stream, entries=entries, fullest=fullest, oldest_ms=min(oldest, default=None), hourly=hourly
    )


async def _read_groups(
    redis: Redis, by_place: Mapping[_Place, Sequence[Any]], retention: Sequence[Any], now_ms: int
) -> list[GroupSeen]:
    """Read of each group the living members and the first unread entry, and add its numbers up."""
    found: list[tuple[_Place, GroupInfo, int]] = [
        (place, group, length)
        for place, (length, _, groups) in by_place.items()
        if isinstance(groups, list)
        for group in groups
    ]
    names = sorted({(place[1], group["name"]) for place, group, _ in found})
    async with redis.pipeline(transaction=False) as pipe:
        for stream, name in names:
            pipe.zcount(Partition(0).members(stream, name.decode(errors="replace")), now_ms, "+inf")
        for (partition, stream), group, _ in found:
            pipe.xrange(partition.stream(stream), min=b"(" + group["last-delivered-id"], count=1)
        answers = await pipe.execute() if names else []
    living = dict(zip(names, answers, strict=False))
    unread: Counter[tuple[str, bytes]] = Counter()
    pending: Counter[tuple[str, bytes]] = Counter()
    oldest: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for ((_, stream), group, length), first in zip(found, answers[len(names) :], strict=True):
        key = (stream, group["name"])
        pending[key] += group["pending"]
        if first:
            lag = group.get("lag")
            unread[key] += length if lag is None else max(1, lag)
            oldest[key].append(_moment(first[0][0]))
    lost = _count_lost(retention)
    groups = [
        GroupSeen(
            stream=stream, group=name.decode(errors="replace"), unread=unread[stream, name],
            pending=pending[stream, name], members=living[stream, name],
            oldest_unread_ms=min(oldest[stream, name], default=None),
            lost=lost[f"{stream}:lost:".encode() + name],
        )
        for stream, name in names
    ]  # fmt: skip
    return sorted(groups, key=lambda one: (one.oldest_unread_ms or now_ms, one.stream, one.group))


def _count_lost(retention: Sequence[Any]) -> Counter[bytes]:
    lost: Counter[bytes] = Counter()
    for fields in retention:
        if isinstance(fields, dict):
            lost.update({name: int(value) for name, value in fields.items() if b":lost:" in name})
    return lost


def _count_dead(letters: Iterable[tuple[bytes, Mapping[bytes, bytes]]], now_ms: int, recent_ms: int) -> list[DeadClass]:
    count: Counter[str] = Counter()
    recent: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for entry, fields in letters:
        name = _class_of(fields.get(b"data", b""))
        count[name] += 1
        if name not in examples:
            examples[name] = _message_of(fields.get(b"data", b""))
        recent[name] += now_ms - _moment(entry) < recent_ms
    return [DeadClass(name, number, recent[name], examples[name]) for name, number in count.most_common()]


def _message_of(data: bytes) -> str:
    """Read the message of a letter; "" without one."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ""
    return str(document.get("message") or "")[:_MESSAGE_MOST] if isinstance(document, dict) else ""


def _class_of(data: bytes) -> str:
    """Find the class of a letter without decoding all of it, which may be 64 KiB."""
    _, found, rest = data.partition(b'"error_class":"')
    return rest.partition(b'"')[0].decode(errors="replace") if found else "other"


def _sum_history(stored: Sequence[Any], now_ms: int) -> dict[str, list[Slot]]:
    """Add the rings of all partitions up, slot by slot."""
    columns = zip(*[one if isinstance(one, list) else [None] * len(_RINGS) for one in stored], strict=True)
    return {
        ring.name: _sum_ring(ring, [read for read in raws if read is not None], now_ms)
        for ring, raws in zip(_RINGS, columns, strict=True)
    }


def _sum_ring(ring: Ring, raws: Sequence[bytes], now_ms: int) -> list[Slot]:
    whole = rings.read_ring(raws[0] if raws else None, ring, now_ms)
    for raw in raws[1:]:
        other = rings.read_ring(raw, ring, now_ms)
        whole = [
            Slot(
                period=a.period, first=a.first + b.first, second=a.second + b.second, third=a.third + b.third,
                value=max(a.value, b.value),
            )
            for a, b in zip(whole, other, strict=True)
        ]  # fmt: skip
    return whole
