"""T49: a bridge to Kafka killed in the middle of its batches."""

import asyncio
import random
import time
from functools import partial

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import valkey
from tests.processes import until

P = Partition(0)
_SUBJECTS = 50
_EACH = 2_000
_ANSWER_MS = 50


async def killed(size: Size, seed: int) -> Result:
    """Each bridge is killed while Kafka has a part of its batch; the last one brings the rest."""
    from tests.kafka.stand import assert_whole, bridge, brokers, copied, publish, read

    chance = random.Random(seed)  # noqa: S311 - repeatable
    runs = size.pick(short=3, ci=20, nightly=200)
    slowest = 0.0
    # Mock brokers keep 5 MB a partition: with all of the runs, each subject has one of its own.
    async with brokers(partitions=_SUBJECTS * 2) as kafka, valkey() as server, Redis.from_url(server.url) as redis:
        await kafka.order("slow", ms=_ANSWER_MS)
        for number in range(runs):
            await publish(redis, range(number * _EACH, (number + 1) * _EACH), _SUBJECTS)
            async with bridge(server.url, kafka.bootstrap) as running:
                began, before = time.monotonic(), await _acknowledged(redis)
                await until(partial(_goes_on, redis, before), seconds=60, every=0.005)
                slowest = max(slowest, time.monotonic() - began)
                # Brokers have written what the bridge will not hear of.
                await asyncio.sleep(chance.uniform(0, 2 * _ANSWER_MS / 1000))
                running.child.kill()
            if size is Size.SHORT:
                await redis.delete(P.owner("stock", "kafka"), P.members("stock", "kafka"))
        async with bridge(server.url, kafka.bootstrap) as running:
            await until(lambda: copied(redis), seconds=120)
            assert await running.end() == 0
        messages = await read(kafka.bootstrap)
        assert_whole(messages, runs * _EACH, _SUBJECTS)
    note = f"{len(messages) - runs * _EACH:,} of {len(messages):,} messages came twice; the order of each subject kept"
    if size is Size.SHORT:
        note += "; leases run out by hand"
    return Result(runs, runs * _EACH, runs * _EACH, 0, 0, slowest, note)


async def _acknowledged(redis: Redis) -> int:
    for group in await redis.xinfo_groups(P.stream("stock")):
        return int(group["entries-read"] or 0) - int(group["pending"])
    return 0


async def _goes_on(redis: Redis, before: int) -> bool:
    """Tell whether this bridge has delivered its first batch; the next one is on its way."""
    return await _acknowledged(redis) > before


CASES = [Case("T49", "a bridge to Kafka killed in the middle of its batches", killed)]
