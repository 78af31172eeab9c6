"""Wake-ups: what has just been asked for is begun within milliseconds, by one worker that has a slot without work.

A wake-up is the number of a partition in a sorted set: see shopstream/redis/due.py. Redis hands it to the worker that
has waited longest. That one begins with one piece of work and hands the wake-up on, so that work that comes at once
spreads over all idle workers; who finds nothing due lets it go. A worker whose slots are taken listens too, for what is
urgent and for upkeep; it hands on a wake-up for anything else, whose score counts how often. Whatever is lost, wrong or
late here, the sweep finds.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn

import structlog
from redis.exceptions import RedisError, ResponseError

from shopstream.redis.keys import wake_key
from worker.instrumentation.instrument import SILENT, Instrument
from worker.redis import pool as redis

WAIT_SECONDS: Final = 5
"""One command of an idle worker in so long."""
AGAIN_SECONDS: Final = 0.5
"""After a failure. As long as the sweep takes, which serves meanwhile."""
NOTHING_SECONDS: Final = 0.01
"""After a wake-up for nothing: a flood of them costs a worker a hundred looks a second, and no more."""
HANDED_ON: Final = 8
"""So many workers without a slot for it, and a wake-up is left to the sweep: else it would go round while all work."""
_NUMBER: Final = re.compile(rb"[0-9]{1,4}")

Look = Callable[[int], Awaitable[bool | None]]
"""Begins with something that is due in this partition; whether there may be more, None: not for this worker."""


class Strange(Exception):
    """A wake-up that is none of ours: anyone who may ask may write it."""

    def __init__(self, value: bytes) -> None:
        super().__init__(repr(value[:80]))


class WakeUps:
    """The listening side, on one connection of its own."""

    def __init__(self, redis_url: str, partitions: int, instrument: Instrument = SILENT) -> None:
        self._instrument = instrument
        self._redis = redis.single(redis_url, blocked=WAIT_SECONDS)
        self._partitions = partitions

    async def answer(self, room: Callable[[], Awaitable[None]], look: Look) -> NoReturn:
        """Look at each wake-up's partition, until cancelled; `room` returns when there is a slot for what is found."""
        log = structlog.get_logger("worker.wake")
        failing = ""
        while True:
            try:
                await room()
                if wake_up := await self._next():
                    number, score = wake_up
                    more = await look(number)
                    self._instrument.woken("work" if more else "no_room" if more is None else "nothing")
                    # Behind those that have just been asked for.
                    if more or (more is None and score < HANDED_ON):
                        await self._redis.zadd(wake_key(), {str(number): 1 if more else max(1, score) + 1}, nx=True)
                    if not more:
                        await asyncio.sleep(NOTHING_SECONDS)
                failing = ""
            except (RedisError, OSError, Strange) as error:
                before, failing = failing, type(error).__name__
                if not isinstance(error, Strange):
                    self._instrument.redis_failed("wake_up", failing, again=failing == before)
                elif failing != before:
                    log.warning("wake_up_failed", error=failing, value=str(error))
                await self._mend(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _next(self) -> tuple[int, float] | None:
        """Partition and score of the next wake-up; None if there is none in WAIT_SECONDS."""
        popped = await self._redis.bzpopmin(wake_key(), WAIT_SECONDS)
        if popped is None:
            return None
        _, member, score = popped
        if not _NUMBER.fullmatch(member) or int(member) >= self._partitions:
            raise Strange(member)
        return int(member), float(score)

    async def _mend(self, error: Exception) -> None:
        """Away with what is strange or of another type; the next try goes to where the name of Redis points then."""
        with suppress(RedisError, OSError):
            if isinstance(error, Strange | ResponseError):
                await self._redis.unlink(wake_key())
        await self._redis.connection_pool.disconnect()
