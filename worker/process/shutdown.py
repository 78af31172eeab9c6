"""SIGTERM and SIGINT: told to the event loop, and an end that comes whatever Redis, TikTok or the loop does."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

HARD_STOP_SECONDS: Final = 19
"""From the signal on; with the moment that the machine takes, 20 s are kept."""


def on_signal(stop: Callable[[], None], *, hard_stop: int = HARD_STOP_SECONDS) -> None:
    """At the first SIGTERM or SIGINT call `stop` in the running loop; `hard_stop` s later the process is ended.

    The kernel ends it (SIGALRM, whose default is to kill): neither a loop that is blocked nor a thread that hangs in a
    name server can keep it. What it had in hand goes to others when its lease has run out.
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
