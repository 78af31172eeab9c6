"""Ask TikTok again for what a consent needs, for some seconds: a person waits, and a code is good for 30 minutes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from worker.marketplace.call_errors import HourlyCap, Throttled, Transient, UnknownCode

T = TypeVar("T")
_LONGEST_SECONDS: Final = 8.0
"""Seconds after which no further call begins. A call takes 20 s at most, a consent two, and a client waits 60 s."""


async def persist(ask: Callable[[], Awaitable[T]], *, tries: int) -> T:
    """Ask until TikTok answers, `tries` times at most.

    Raises:
        Throttled, Transient: TikTok was too busy or gave no answer, at the last try too.
        CallError: any other of its classes, at once.
    """
    began, attempt = time.monotonic(), 0
    while True:
        attempt += 1
        try:
            return await ask()
        except (HourlyCap, UnknownCode):
            raise  # the same call would get the same answer
        except (Throttled, Transient) as error:
            wait = 0.2 * 2**attempt
            if isinstance(error, Throttled):
                wait = max(wait, error.retry_after or 0)
            if attempt >= tries or time.monotonic() + wait - began > _LONGEST_SECONDS:
                raise
        await asyncio.sleep(wait)
