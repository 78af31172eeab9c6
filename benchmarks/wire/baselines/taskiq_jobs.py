"""taskiq over Redis streams, with one product a job: acknowledged, orjson, no results kept, arguments not validated."""

import asyncio
import contextlib
import logging

from redis.asyncio import Redis
from taskiq.api import run_receiver_task
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from benchmarks.wire.baselines.http import fetched, session
from benchmarks.wire.baselines.job import Job

AT_ONCE = 100


def one(job: Job) -> None:
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    logging.getLogger("taskiq").setLevel(logging.ERROR)
    left, done = len(job.products), asyncio.Event()
    broker = RedisStreamBroker(job.redis, queue_name="baseline:taskiq").with_serializer(ORJSONSerializer())
    async with Redis.from_url(job.redis) as redis, session() as http:

        async def sync(product: str) -> None:
            nonlocal left
            async with redis.pipeline(transaction=False) as pipe:
                for stream, fields in await fetched(http, job.url, product):
                    pipe.xadd(stream, fields)
                await pipe.execute()
            left -= 1
            if not left:
                done.set()

        task = broker.register_task(sync, task_name="sync")
        await broker.startup()
        for product in job.products:
            await task.kiq(product)
        at_once = AT_ONCE * job.times
        with job.measured():
            receiving = asyncio.create_task(
                run_receiver_task(broker, max_async_tasks=at_once, max_prefetch=at_once, validate_params=False)
            )
            await done.wait()
        await asyncio.sleep(0.2)  # the last ones are acknowledged
        receiving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await receiving
        await broker.shutdown()
        await redis.delete("baseline:taskiq")
