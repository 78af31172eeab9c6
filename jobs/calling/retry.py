"""Decide when a failed id is tried again, and when it is given up. Pure."""

import random
import time
from typing import Final

from worker.marketplace.call_errors import CallError, TooLarge, Unlisted, Unreadable

CRASHES_MAX: Final = 5
"""An id that was in hand when that many workers died is what killed them."""
TRIES_MAX: Final = 12
"""With the delays below: about half an hour, so that an outage at TikTok fills no dead letters."""
UNREADABLE_TRIES_MAX: Final = 5
DELAY_MAX: Final = 300.0
OUTAGE_SECONDS: Final = 2
REFUSED_SECONDS: Final = 60
TOKEN_SECONDS: Final = 10
"""Twice what the token store waits after a refresh that failed."""


def tries_max(error: CallError) -> int:
    """Give the failed tries that an id gets; fewer when the answer itself is what is wrong."""
    return UNREADABLE_TRIES_MAX if isinstance(error, Unreadable | TooLarge | Unlisted) else TRIES_MAX


def delay_ms(tries: int) -> int:
    """Milliseconds until the next try after `tries` failed ones before this: 1 s, 2 s, 4 s … with a fifth of jitter."""
    seconds: float = min(DELAY_MAX, 2.0**tries)
    return int(1000 * seconds * random.uniform(0.9, 1.1))  # noqa: S311 - spreading, not secrecy


def hour_left() -> float:
    """Seconds until the next full hour, when a test shop's cap of calls begins anew."""
    return 3600 - time.time() % 3600
