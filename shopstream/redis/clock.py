"""Read Redis's clock: the one clock that all processes share."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from redis.asyncio import Redis

from shopstream.redis.cluster.node_choice import ask_node
from shopstream.redis.keys import Partition


async def read_ms(redis: Redis, partition: Partition = Partition(0)) -> int:  # noqa: B008 - it never changes
    """Read the time: Unix milliseconds. On a cluster it is that of the partition's node, whose scripts compare it."""
    return convert(await ask_node(redis, partition.prefix, "TIME"))


async def read_s(redis: Redis, partition: Partition = Partition(0)) -> float:  # noqa: B008 - it never changes
    """Read the time: Unix seconds, to the millisecond. Of a cluster as `read_ms`."""
    return await read_ms(redis, partition) / 1000


async def measure_offset(redis: Redis) -> float:
    """Measure by how many seconds this machine's clock is ahead of Redis's, at least. A slow answer adds nothing."""
    before = time.time()
    server = await read_s(redis)
    after = time.time()
    return before - server if server < before else min(0.0, after - server)


def convert(answer: Sequence[bytes | int | str]) -> int:
    """Give the Unix milliseconds of a TIME answer: seconds and microseconds."""
    seconds, micros = answer
    return int(seconds) * 1000 + int(micros) // 1000


def write_seconds(moment: float) -> str:
    """Write Unix seconds as RFC 3339 UTC with milliseconds."""
    return write_rfc3339(moment * 1000)


def write_rfc3339(ms: float, unit: str = "milliseconds") -> str:
    """Write Unix milliseconds as RFC 3339 UTC, to the `unit` that `datetime.isoformat` names."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec=unit).replace("+00:00", "Z")
