"""Hand SIGTERM and SIGINT to the event loop, and end the process even if Redis, TikTok or the loop hangs."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

HARD_STOP_SECONDS: Final = 19
"""Seconds from the signal. With the machine's own delay the process ends within 20 s."""


def on_signal(stop: Callable[[], None], *, hard_stop: int = HARD_STOP_SECONDS) -> None:
    """Call `stop` in the running loop at the first SIGTERM or SIGINT, and end the process `hard_stop` seconds later.

    The kernel ends it (SIGALRM kills by default), even if the loop is blocked or a thread hangs in a name look-up.
    Other workers take over its ids when its leases have run out.
    """
    loop = asyncio.get_running_loop()
    stopping = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:  # a second signal must not put the end off
            stopping = True
            signal.alarm(hard_stop)
            loop.call_soon_threadsafe(stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
