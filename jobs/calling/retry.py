"""Decide the delay before a failed id is tried again, and the tries after which it is given up. Pure."""

import random
import time
from typing import Final

from worker.marketplace.call_errors import CallError, TooLarge, Unlisted, Unreadable

CRASHES_MAX: Final = 5
"""Takeovers after which an id is given up: it is then taken for the cause of the workers' deaths."""
TRIES_MAX: Final = 12
"""Failed tries that an id gets. With the delays below they take about half an hour, to outlast an outage of TikTok."""
UNREADABLE_TRIES_MAX: Final = 5
"""Failed tries that an id gets whose answer can't be read."""
DELAY_MAX: Final = 300.0
"""Seconds between two tries at most."""
OUTAGE_SECONDS: Final = 2
REFUSED_SECONDS: Final = 60
"""Seconds until a shop whose cipher could not be had is called again."""
TOKEN_SECONDS: Final = 10
"""Seconds until a shop without a token is called again: twice the token store's wait after a failed refresh."""


def tries_max(error: CallError) -> int:
    """Return the number of failed tries that an id gets. It is smaller if the answer itself is at fault."""
    return UNREADABLE_TRIES_MAX if isinstance(error, Unreadable | TooLarge | Unlisted) else TRIES_MAX


def delay_ms(tries: int) -> int:
    """Return the ms until the next try: 1 s, 2 s, 4 s … with 10 % of jitter either way.

    Args:
        tries: the failed tries before the one that has just failed.
    """
    seconds: float = min(DELAY_MAX, 2.0**tries)
    return int(1000 * seconds * random.uniform(0.9, 1.1))  # noqa: S311 - spreading, not secrecy


def seconds_to_hour() -> float:
    """Return the seconds until the next full hour. TikTok counts the calls of a test shop by the hour."""
    return 3600 - time.time() % 3600
