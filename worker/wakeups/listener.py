"""Answer wake-ups: new work starts within milliseconds, in one worker with a free slot.

A wake-up is the number of a partition in a sorted set: see shopstream/redis/due.py. Redis hands it to the worker that
has waited longest. That worker starts one piece and hands the wake-up on, so that work spreads over all idle workers. A
worker that finds nothing due drops it. A busy worker listens too, for urgent work and upkeep; it hands on a wake-up for
other work, and the score counts those hand-overs. The sweep finds all work whose wake-up was lost, wrong or late.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn

import structlog
from redis.exceptions import RedisError, ResponseError

from shopstream.redis.deployment_keys import wake_key
from worker.instrumentation.instrument import SILENT, Found, Instrument
from worker.redis import pool

WAIT_SECONDS: Final = 5
"""Seconds of one blocking command of an idle worker."""
AGAIN_SECONDS: Final = 0.5
"""Seconds of pause after a failure: one sweep, which finds the work meanwhile."""
NOTHING_SECONDS: Final = 0.01
"""Seconds of pause after a wake-up without work: a flood costs a worker a hundred looks a second at most."""
HANDED_ON: Final = 8
"""Hand-overs after which a wake-up is left to the sweep: otherwise it would circle while all workers are busy."""
_NUMBER: Final = re.compile(rb"[0-9]{1,4}")

Look = Callable[[int], Awaitable[tuple[Found, bool]]]
"""Starts a due piece of this partition. Tells what it found, and whether it left any that another worker may start."""


class Strange(Exception):
    """A malformed wake-up: every producer may write the key."""

    def __init__(self, value: bytes) -> None:
        super().__init__(repr(value[:80]))


class WakeUps:
    """The listening side, on one connection of its own."""

    def __init__(self, redis_url: str, partitions: int, instrument: Instrument = SILENT) -> None:
        self._instrument = instrument
        self._redis = pool.single(redis_url, blocked=WAIT_SECONDS)
        self._partitions = partitions

    async def answer(self, room: Callable[[], Awaitable[None]], look: Look) -> NoReturn:
        """Look at each wake-up's partition, until cancelled. `room` waits for a free slot."""
        log = structlog.get_logger("worker.wake")
        failing = ""
        while True:
            try:
                await room()
                if wake_up := await self._next():
                    number, score = wake_up
                    found, left = await look(number)
                    self._instrument.report_wake_up(found)
                    # Behind the newest wake-ups.
                    if left and (found == "work" or score < HANDED_ON):
                        score = 1 if found == "work" else max(1, score) + 1
                        await self._redis.zadd(wake_key(), {str(number): score}, nx=True)
                    if found != "work":
                        await asyncio.sleep(NOTHING_SECONDS)
                failing = ""
            except (RedisError, OSError, Strange) as error:
                before, failing = failing, type(error).__name__
                if not isinstance(error, Strange):
                    self._instrument.report_redis_failure("wake_up", failing, again=failing == before)
                elif failing != before:
                    log.warning("wake_up_failed", error=failing, value=str(error))
                await self._mend(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _next(self) -> tuple[int, float] | None:
        """Wait for the next wake-up and give its partition and score; None if none comes in WAIT_SECONDS."""
        popped = await self._redis.bzpopmin(wake_key(), WAIT_SECONDS)
        if popped is None:
            return None
        _, member, score = popped
        if not _NUMBER.fullmatch(member) or int(member) >= self._partitions:
            raise Strange(member)
        return int(member), float(score)

    async def _mend(self, error: Exception) -> None:
        """Remove a malformed wake-up or a key of another type, and reconnect: Redis's name may point elsewhere now."""
        with suppress(RedisError, OSError):
            if isinstance(error, Strange | ResponseError):
                await self._redis.unlink(wake_key())
        await self._redis.connection_pool.disconnect()
