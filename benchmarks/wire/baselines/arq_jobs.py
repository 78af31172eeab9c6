"""arq, with one product or a hundred a job. Tuned: see the numbers below; JSON instead of pickle, no results kept."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import orjson
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool

from benchmarks.wire.baselines.http import fetched, session
from benchmarks.wire.baselines.job import Job


@dataclass(frozen=True)
class Tuning:
    """Found by trying: what gave the most products a second."""

    products_a_job: int
    jobs_at_once: int
    read: int
    poll_seconds: float


ONE = Tuning(1, 100, 200, 0.005)
HUNDRED = Tuning(100, 3, 10, 0.005)


def one(job: Job) -> None:
    asyncio.run(_run(job, ONE))


def hundred(job: Job) -> None:
    asyncio.run(_run(job, HUNDRED))


async def _run(job: Job, tuning: Tuning) -> None:
    logging.getLogger("arq").setLevel(logging.WARNING)
    queue = f"baseline:arq:{tuning.products_a_job}"
    redis = ArqRedis(
        ConnectionPool.from_url(job.redis),
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        default_queue_name=queue,
    )
    async with redis, session() as http:

        async def sync(_ctx: dict[Any, Any], products: Sequence[str]) -> None:
            found = await asyncio.gather(*(fetched(http, job.url, product) for product in products))
            async with redis.pipeline(transaction=False) as pipe:
                for stream, fields in chain.from_iterable(found):
                    pipe.xadd(stream, fields)
                await pipe.execute()

        for begin in range(0, len(job.products), tuning.products_a_job):
            await redis.enqueue_job("sync", job.products[begin : begin + tuning.products_a_job])
        worker = Worker(
            [func(cast("Any", sync), name="sync")], queue_name=queue, redis_pool=redis, burst=True,
            handle_signals=False, max_jobs=tuning.jobs_at_once * job.times, queue_read_limit=tuning.read * job.times,
            poll_delay=tuning.poll_seconds, keep_result=0, log_results=False, job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
        )  # fmt: skip
        with job.measured():
            await worker.async_run()
        assert worker.jobs_failed == 0, f"{worker.jobs_failed} jobs failed"
