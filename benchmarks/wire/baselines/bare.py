"""The bare limit: nothing but calls and events. No queue, limiter, token or change detection, no crash survived.

Waves of 100 calls, three at a time, cost less than as many calls that follow each other one by one (the loop wakes up
for more at once), and one pipeline a wave less than several.
"""

import asyncio
from itertools import chain, islice

from redis.asyncio import Redis

from benchmarks.wire.baselines.http import fetched, session
from benchmarks.wire.baselines.job import Job

WAVE = 100
WAVES = 3


def run(job: Job) -> None:
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    products = iter(job.products)
    async with Redis.from_url(job.redis) as redis, session() as http:

        async def work() -> None:
            while wave := list(islice(products, WAVE)):
                found = await asyncio.gather(*(fetched(http, job.url, product) for product in wave))
                async with redis.pipeline(transaction=False) as pipe:
                    for stream, fields in chain.from_iterable(found):
                        pipe.xadd(stream, fields)
                    await pipe.execute()

        await redis.ping()
        with job.measured():
            async with asyncio.TaskGroup() as workers:
                for _ in range(WAVES * job.times):
                    workers.create_task(work())
