"""Check what the kept events cost in memory, by their measured rate and size, and if Redis has room for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from redis.asyncio import Redis

from shopstream.doctor.checks import Check, ok, warn
from shopstream.durations import write_duration
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.redis.standards.server_standards import FULL
from shopstream.redis.streams.entry_ids import place

_MEASURED: Final = ("products", "stock")
"""The streams whose entries all leave by one age. Those of `shops` are few, since its syncs leave by themselves."""
_SAMPLES: Final = 20
"""Nodes of a stream whose memory Redis measures; it concludes from them."""
_LEAST_SECONDS: Final = 3_600.0
"""Seconds over which a rate is measured at least: a first load is no steady rate."""
_GB, _MB = 1e9, 1e6
_Variable = Literal["SHOPSTREAM_RETENTION_HOURS", "SHOPSTREAM_RETENTION_MAX_HOURS", "SHOPSTREAM_STREAM_MAX_ENTRIES"]
_DEFAULTS: Final[Mapping[_Variable, float]] = {
    "SHOPSTREAM_RETENTION_HOURS": 24,
    "SHOPSTREAM_RETENTION_MAX_HOURS": 168,
    "SHOPSTREAM_STREAM_MAX_ENTRIES": 1_000_000,
}


@dataclass(frozen=True, slots=True)
class KeptTimes:
    """The times and the number by which workers keep entries.

    Attributes:
        kept: seconds for which an entry is kept that all groups have read.
        longest: seconds for which any entry is kept.
        cap: entries of a stream and partition at most.
    """

    kept: float
    longest: float
    cap: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "KeptTimes":
        """Read them from the environment; a value that is no positive number counts as unset."""
        hours, most, cap = (_read_number(environment, name) for name in _DEFAULTS)
        return cls(3_600 * hours, 3_600 * max(hours, most), cap)


@dataclass(frozen=True, slots=True)
class StreamMeasure:
    """The measured size of a stream, over all partitions.

    Attributes:
        stream: its name.
        entries: its entries.
        size: the bytes of its memory.
        rate: entries that come in a second.
        fullest_rate: those of the partition where most come.
    """

    stream: str
    entries: int
    size: int
    rate: float
    fullest_rate: float

    @property
    def entry_size(self) -> float:
        """Give the bytes of an entry."""
        return self.size / self.entries

    def predict_size(self, seconds: float, times: KeptTimes) -> float:
        """Predict the bytes of the stream if entries are kept for so many seconds, within the cap."""
        within = min(seconds, self.find_cap_seconds(times))
        return self.rate * within * self.entry_size

    def find_cap_seconds(self, times: KeptTimes) -> float:
        """Find the seconds within which so many entries come that the cap removes the first."""
        return times.cap / self.fullest_rate if self.fullest_rate else float("inf")


async def check_kept_events(redis: Redis, partitions: int, environment: Mapping[str, str]) -> list[Check]:
    """Check the memory of the kept events: a line for each stream with entries, and one for the room in Redis."""
    times = KeptTimes.read(environment)
    found = [one for name in _MEASURED if (one := await _measure(redis, name, partitions)).entries]
    info = await redis.info("memory")
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    return [*(describe_cost(one, times) for one in found), *check_room(found, times, limit, used)]


def describe_cost(one: StreamMeasure, times: KeptTimes) -> Check:
    """Describe what the entries of a stream cost, and warn if the cap removes them before their time."""
    name = f"kept events of {one.stream}"
    text = (
        f"{_write_rate(one.rate)} events/s, {one.entry_size:,.0f} B each, kept {write_duration(times.kept)} = "
        f"{_write_gb(one.predict_size(times.kept, times))}, {_write_gb(one.size)} now; "
        f"{write_duration(times.longest)}, as for a group that stops, would be "
        f"{_write_gb(one.predict_size(times.longest, times))}"
    )
    if (ends := one.find_cap_seconds(times)) < times.kept:
        remedy = "raise SHOPSTREAM_STREAM_MAX_ENTRIES, or lower SHOPSTREAM_RETENTION_HOURS"
        return warn(name, f"{text}; the cap removes them after {write_duration(ends)}", remedy)
    return ok(name, text)


def check_room(found: Sequence[StreamMeasure], times: KeptTimes, limit: int, used: int) -> list[Check]:
    """Check if the events that are still to come until the kept time is over fit into `limit` bytes of `maxmemory`.

    Gives nothing without a limit, of which another check warns, and without events.
    """
    if not limit or not found:
        return []
    more = sum(max(0.0, one.predict_size(times.kept, times) - one.size) for one in found)
    room = max(0.0, FULL * limit - used)
    text = f"{_write_gb(more)} are to come until {write_duration(times.kept)} are kept, {_write_gb(room)} are free"
    if more <= room:
        return [ok("room for events", text)]
    remedy = "raise maxmemory, or lower SHOPSTREAM_RETENTION_HOURS"
    return [warn("room for events", f"{text} below {FULL:.0%} of maxmemory", remedy)]


async def _measure(redis: Redis, name: str, partitions: int) -> StreamMeasure:
    now_ms = await clock.read_ms(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(partitions):
            stream = Partition(number).stream(name)
            pipe.xlen(stream)
            pipe.memory_usage(stream, samples=_SAMPLES)
            pipe.xrange(stream, count=1)
        answers = await pipe.execute()
    entries, size, rates = 0, 0, [0.0]
    for length, used, first in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        if first:
            seconds = (now_ms - place(first[0][0].decode())[0]) / 1000
            rates.append(length / max(_LEAST_SECONDS, seconds))
            entries, size = entries + length, size + int(used or 0)
    return StreamMeasure(stream=name, entries=entries, size=size, rate=sum(rates), fullest_rate=max(rates))


def _read_number(environment: Mapping[str, str], name: _Variable) -> float:
    try:
        value = float(environment.get(name, ""))
    except ValueError:
        return _DEFAULTS[name]
    return value if 0 < value < float("inf") else _DEFAULTS[name]


def _write_rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _write_gb(size: float) -> str:
    return f"{size / _GB:.2f} GB" if size >= _GB / 100 else f"{size / _MB:.1f} MB"
