"""The bare limit: nothing but calls and events. No queue, limiter, token or change detection, no crash survived."""

import asyncio

from redis.asyncio import Redis

from benchmarks.wire.baselines.http import fetched, session
from benchmarks.wire.baselines.job import Job
from benchmarks.wire.baselines.product import Entry

IN_FLIGHT = 200
PIPELINE = 100


def run(job: Job) -> None:
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    products = iter(job.products)
    ready: list[Entry] = []
    async with Redis.from_url(job.redis) as redis, session() as http:

        async def send(some: list[Entry]) -> None:
            async with redis.pipeline(transaction=False) as pipe:
                for stream, fields in some:
                    pipe.xadd(stream, fields)
                await pipe.execute()

        async def work() -> None:
            for product in products:
                ready.extend(await fetched(http, job.url, product))
                if len(ready) >= PIPELINE:
                    some, ready[:] = ready[:], []
                    await send(some)

        await redis.ping()
        with job.measured():
            async with asyncio.TaskGroup() as workers:
                for _ in range(IN_FLIGHT):
                    workers.create_task(work())
            if ready:
                await send(ready)
