"""saq, with one product a job. Tuned: so many at once, orjson, no results kept, no time-outs watched over."""

import asyncio
from typing import Any

import orjson
from redis.asyncio import Redis
from saq import Worker
from saq.queue.redis import RedisQueue

from benchmarks.wire.baselines.http import fetched, session
from benchmarks.wire.baselines.job import Job

AT_ONCE = 100


def one(job: Job) -> None:
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    left = len(job.products)
    async with Redis.from_url(job.redis) as redis, session() as http:
        queue = RedisQueue(redis, name="baseline", dump=lambda job: orjson.dumps(job).decode(), load=orjson.loads)

        async def sync(_ctx: Any, *, product: str) -> None:
            async with redis.pipeline(transaction=False) as pipe:
                for stream, fields in await fetched(http, job.url, product):
                    pipe.xadd(stream, fields)
                await pipe.execute()

        async def count(ctx: Any) -> None:
            nonlocal left
            assert ctx["job"].status == "complete", ctx["job"].error
            left -= 1
            if not left:
                worker.event.set()

        worker: Worker[Any] = Worker(queue, [("sync", sync)], concurrency=AT_ONCE * job.times, after_process=count)
        for product in job.products:
            await queue.enqueue("sync", product=product, timeout=0, retries=1, ttl=-1)
        with job.measured():
            await worker.start()
        await queue.disconnect()
