"""T44: a bridge to Kafka killed in the middle of its batches."""

import time

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import valkey
from tests.processes import until

P = Partition(0)
_SUBJECTS = 50
_EACH = 2_000


async def killed(size: Size, _seed: int) -> Result:
    """Each bridge is killed while Kafka has a part of its batch; the last one brings the rest."""
    from tests.kafka.stand import assert_whole, bridge, brokers, copied, publish, read

    runs = size.pick(short=3, ci=20, nightly=200)
    slowest = 0.0
    # Mock brokers keep 5 MB a partition: with all of the runs, each subject has one of its own.
    async with brokers(partitions=_SUBJECTS * 2) as kafka, valkey() as server, Redis.from_url(server.url) as redis:
        for number in range(runs):
            await publish(redis, range(number * _EACH, (number + 1) * _EACH), _SUBJECTS)
            async with bridge(server.url, kafka.bootstrap) as running:
                began = time.monotonic()
                await until(lambda: _is_delivering(redis), seconds=60, every=0.002)
                slowest = max(slowest, time.monotonic() - began)
                running.child.kill()
            if size is Size.SHORT:
                await redis.delete(P.owner("stock", "kafka"))
        async with bridge(server.url, kafka.bootstrap) as running:
            await until(lambda: copied(redis), seconds=120)
            assert await running.end() == 0
        messages = await read(kafka.bootstrap)
        assert_whole(messages, runs * _EACH, _SUBJECTS)
    note = f"{len(messages) - runs * _EACH:,} of {len(messages):,} messages came twice; the order of each subject kept"
    if size is Size.SHORT:
        note += "; leases run out by hand"
    return Result(runs, runs * _EACH, runs * _EACH, 0, 0, slowest, note)


async def _is_delivering(redis: Redis) -> bool:
    """Tell whether a part of the entries is acknowledged, and some are on their way."""
    groups = await redis.xinfo_groups(P.stream("stock"))
    return any(one["name"] == b"kafka" and one["pending"] > 0 for one in groups)


CASES = [Case("T44", "a bridge to Kafka killed in the middle of its batches", killed)]
