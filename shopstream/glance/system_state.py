"""Read workers, streams, consumer groups, history, memory and dead letters, in few round trips."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.consume.groups.group_list import ConsumerGroup, list_groups
from shopstream.doctor.overdue import read_overdue
from shopstream.glance import rings
from shopstream.glance.rings import Ring, Slot
from shopstream.redis import clock
from shopstream.redis.cluster.node_choice import is_cluster
from shopstream.redis.deployment_keys import holds_key
from shopstream.redis.keys import STREAMS, Partition
from shopstream.redis.standards.seen_servers import read_memory
from shopstream.registry.workers import WorkerSeen, workers

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


class WebhookTraffic(NamedTuple):
    """The notifications that gateways have taken: the newest one's ms (None without one), and the number in 24 h."""

    newest_ms: int | None = None
    last_day: int = 0


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
        aof_ok: Redis's last write of its append-only file succeeded; None without the right to ask.
        overdue_seconds: the longest time for which due work waits for a slot.
        next_token_end: Unix seconds at which the next access token ends; None without any.
        held_consents: consents that wait for an operator's yes.
        webhooks: the notifications that gateways have taken.
    """

    now_ms: int
    workers: list[WorkerSeen]
    streams: list[StreamSeen]
    groups: list[ConsumerGroup]
    dead: list[DeadClass]
    history: dict[str, list[Slot]]
    memory_used: int | None
    memory_most: int | None
    aof_ok: bool | None
    overdue_seconds: float
    next_token_end: int | None
    held_consents: int
    webhooks: WebhookTraffic


async def read_system(redis: Redis, partitions: int) -> SystemState:
    """Read all of it."""
    places = [(Partition(number), stream) for number in range(partitions) for stream in STREAMS]
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.info("memory")
        pipe.info("persistence")
        pipe.zcard(holds_key())
        for number in range(partitions):
            pipe.hmget(Partition(number).rings, [ring.name for ring in _RINGS])
            pipe.xrevrange(Partition(number).stream("dead"), count=DEAD_MOST)
            pipe.zrange(Partition(number).notified, 0, 0, desc=True, withscores=True)
            pipe.zcount(Partition(number).notified, "-inf", "+inf")
            pipe.hvals(Partition(number).token_ends)
        for partition, stream in places:
            pipe.xlen(partition.stream(stream))
            pipe.xrange(partition.stream(stream), count=1)
        moment, memory, persistence, held, *answers = await pipe.execute(raise_on_error=False)
    _raise_first(one for one in (moment, held, *answers) if not isinstance(one, ResponseError))
    for one in (memory, persistence):
        if isinstance(one, Exception) and not isinstance(one, NoPermissionError):
            raise one
    now_ms, mine = clock.convert(moment), answers[: 5 * partitions]
    seen = answers[5 * partitions :]
    by_place = {place: seen[2 * at : 2 * at + 2] for at, place in enumerate(places)}
    info: Mapping[str, Any] = {} if isinstance(memory, Exception) else memory
    if info and is_cluster(redis):
        info = await read_memory(redis)
    return SystemState(
        now_ms=now_ms,
        workers=await workers(redis),
        streams=[_sum_stream(stream, by_place, now_ms) for stream in STREAMS],
        groups=sorted(await list_groups(redis, partitions), key=lambda one: one.oldest_unread_ms or now_ms),
        dead=_count_dead((letter for page in mine[1::5] if isinstance(page, list) for letter in page), now_ms),
        history=_sum_history(mine[0::5], now_ms),
        memory_used=info.get("used_memory"),
        memory_most=info.get("maxmemory") or None,
        aof_ok=persistence.get("aof_last_write_status") == "ok" if isinstance(persistence, dict) else None,
        overdue_seconds=await read_overdue(redis, partitions),
        next_token_end=min((int(end) for ends in mine[4::5] if isinstance(ends, list) for end in ends), default=None),
        held_consents=held if isinstance(held, int) else 0,
        webhooks=_sum_traffic(mine[2::5], mine[3::5]),
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
    for (_, name), (length, first) in by_place.items():
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


def _sum_traffic(newest: Iterable[Any], counts: Iterable[Any]) -> WebhookTraffic:
    moments = [score for rows in newest if isinstance(rows, list) for _, score in rows]
    number = sum(count for count in counts if isinstance(count, int))
    return WebhookTraffic(int(max(moments)) if moments else None, number)


def _count_dead(letters: Iterable[tuple[bytes, Mapping[bytes, bytes]]], now_ms: int) -> list[DeadClass]:
    count: Counter[str] = Counter()
    recent: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for entry, fields in letters:
        name = _class_of(fields.get(b"data", b""))
        count[name] += 1
        if name not in examples:
            examples[name] = _message_of(fields.get(b"data", b""))
        recent[name] += now_ms - _moment(entry) < RECENT_MS
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
