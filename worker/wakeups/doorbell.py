"""Use arq as a doorbell: a ring says that a member is due, and a worker with a free slot answers it.

No id, error or retry lives in arq, so nothing is lost with its queue: a due member is rung again within a
second. Only this module and `worker/__main__.py` know arq.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import orjson
import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func

from shopstream.redis.keys import PREFIX
from worker.instrumentation.instrument import SILENT, Instrument
from worker.redis.pool import pool
from worker.tasks import end

QUEUE: Final = f"arq:{PREFIX}"
_JOB: Final = "drain"
POLL_SECONDS: Final = 0.5
"""Seconds between polls, each a command of every worker. Urgent work uses wake-ups instead (listener.py)."""
Answer = Callable[[int, str], Awaitable[None]]
"""Callback of a ring, with partition and member of its due set. It returns as soon as the piece has a slot."""


class Doorbell:
    """Rings through arq's queue, and answers rings by handing the member to a free slot of this worker."""

    def __init__(self, redis_url: str, instrument: Instrument = SILENT) -> None:
        self._instrument = instrument
        self._redis = ArqRedis(
            pool(redis_url),
            job_serializer=orjson.dumps,
            job_deserializer=_loads,
            default_queue_name=QUEUE,
            expires_extra_ms=10_000,
        )

    async def ring(self, partition: int, members: Iterable[str]) -> None:
        """Ring for due members.

        Each ring is a job of its own: arq refuses an id whose job key is still there, and would so keep a ring whose
        queue entry was lost from ever being repeated. Repetition is bounded by the due set instead.
        """
        for member in members:
            await self._redis.enqueue_job(_JOB, partition, member)

    async def answer(self, answer: Answer, *, slots: int) -> None:
        """Answer rings, until cancelled.

        arq dies of a malformed entry, and of other errors. It holds no work, so its queue is emptied and arq restarted.
        """
        logging.getLogger("arq").setLevel(logging.CRITICAL)  # it logs arguments and ids raw
        log = structlog.get_logger("worker.doorbell")
        while True:
            worker = self._worker(answer, slots)
            try:
                await worker.async_run()
            except Exception as error:  # noqa: BLE001 - arq may raise anything and holds no work: counted, restarted
                self._instrument.report_doorbell_restart(type(error).__name__)
            finally:
                await end(*worker.tasks.values())
            await asyncio.sleep(0.1)
            await self._clear(log)

    async def close(self) -> None:
        """Close the pool."""
        await self._redis.aclose()

    async def _clear(self, log: Any) -> None:
        try:
            await self._redis.delete(QUEUE)
        except Exception as error:  # noqa: BLE001 - logged; the next round clears it, and no work is in it
            log.warning("doorbell_not_cleared", error=type(error).__name__)

    def _worker(self, answer: Answer, slots: int) -> Worker:
        async def drain(_ctx: dict[Any, Any], partition: int, member: str) -> None:
            await answer(partition, member)

        return Worker(
            [func(cast("Any", drain), name=_JOB)],
            queue_name=QUEUE,
            redis_pool=self._redis,
            handle_signals=False,
            max_jobs=slots,
            job_timeout=60,
            keep_result=0,
            poll_delay=POLL_SECONDS,
            queue_read_limit=2000,
            max_tries=2**31,
            health_check_interval=5,
            allow_abort_jobs=False,
            job_serializer=orjson.dumps,
            job_deserializer=_loads,
            log_results=False,
        )


def _loads(payload: bytes) -> dict[str, object]:
    """Decode a job as arq stores it. A malformed job raises ValueError here, which arq takes for a failed job."""
    match job := orjson.loads(payload):
        case {"f": str(name), "t": None, "et": int(), "a": [int(), str()], "k": {}} if name == _JOB:
            return cast("dict[str, object]", job)
    structlog.get_logger("worker.doorbell").warning("doorbell_strange_ring")
    raise ValueError("not a ring of ours")
