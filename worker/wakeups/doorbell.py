"""Use arq as a doorbell: a ring says that a member is due, and a worker with a free slot answers it.

No id, error or retry lives in arq, so nothing is lost with its queue: a due member is rung again within a
second. While the queue is away, each worker starts itself what it would have rung for. Only this module and
`worker/__main__.py` know arq.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import orjson
import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.redis.keys import PREFIX
from worker.instrumentation.instrument import SILENT, Instrument
from worker.redis.pool import impatient_pool
from worker.tasks import end
from worker.wakeups.due_queue import Piece

QUEUE: Final = f"arq:{PREFIX}"
_JOB: Final = "drain"
POLL_SECONDS: Final = 0.5
"""Seconds between polls, each a command of every worker. Urgent work uses wake-ups instead (listener.py)."""
SILENT_SECONDS: Final = 5.0
"""Seconds without a ring after the queue has failed: a frozen queue would hold up each sweep."""
_RESTART_SECONDS: Final = 0.1
_AWAY_SECONDS: Final = 1.0
_AWAY: Final = (RedisConnectionError, RedisTimeoutError, OSError)
Answer = Callable[[int, str], Awaitable[None]]
"""Callback of a ring, with partition and member of its due set. It returns as soon as the piece has a slot."""


class Doorbell:
    """Rings through arq's queue, and answers rings by handing the member to a free slot of this worker.

    Attributes:
        failure: the class of the error with which the queue failed last; "" while it works.
    """

    def __init__(self, queue_url: str, instrument: Instrument = SILENT) -> None:
        """Connect to the queue, which may be another Redis than that of the work."""
        self.failure = ""
        self._silent_until = -math.inf
        self._instrument = instrument
        self._log = structlog.get_logger("worker.doorbell")
        self._redis = ArqRedis(
            impatient_pool(queue_url),
            job_serializer=orjson.dumps,
            job_deserializer=_loads,
            default_queue_name=QUEUE,
            expires_extra_ms=10_000,
        )

    async def ring(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Ring for due pieces. Return those that it could not ring for, which is no error.

        Each ring is a job of its own: arq refuses an id whose job key is still there, and would so keep a ring whose
        queue entry was lost from ever being repeated. Repetition is bounded by the due set instead.
        """
        if time.monotonic() < self._silent_until:
            return pieces
        for index, piece in enumerate(pieces):
            try:
                await self._redis.enqueue_job(_JOB, piece.partition, piece.member)
            except Exception as error:  # noqa: BLE001 - arq may raise anything, and must not harm the sweep: reported
                self._note_failure(error)
                return pieces[index:]
        if pieces:
            self._note_success()
        return []

    async def answer(self, answer: Answer, *, slots: int) -> None:
        """Answer rings, until cancelled.

        arq dies of a malformed entry, and of other errors. It holds no work, so its queue is emptied and arq restarted.
        """
        logging.getLogger("arq").setLevel(logging.CRITICAL)  # it logs arguments and ids raw
        while True:
            worker = self._worker(answer, slots)
            try:
                await worker.async_run()
            except _AWAY as error:
                self._note_failure(error)
            except Exception as error:  # noqa: BLE001 - arq may raise anything and holds no work: counted, restarted
                self._instrument.report_doorbell_restart(type(error).__name__)
            finally:
                await end(*worker.tasks.values())
            await asyncio.sleep(_AWAY_SECONDS if self.failure else _RESTART_SECONDS)
            await self._clear()

    async def close(self) -> None:
        """Close the pool."""
        await self._redis.aclose()

    async def _clear(self) -> None:
        try:
            await self._redis.delete(QUEUE)
        except Exception as error:  # noqa: BLE001 - reported; the next round clears it, and no work is in it
            self._note_failure(error)
        else:
            self._note_success()

    def _note_failure(self, error: Exception) -> None:
        before, self.failure = self.failure, type(error).__name__
        self._silent_until = time.monotonic() + SILENT_SECONDS
        self._instrument.report_redis_failure("queue", self.failure, again=bool(before))

    def _note_success(self) -> None:
        if self.failure:
            self.failure, self._silent_until = "", -math.inf
            self._log.info("queue_back")

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
