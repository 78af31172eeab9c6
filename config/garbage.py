"""Collect garbage rarely once a process is up: reference counts free nearly everything, and a full pass costs 10 % CPU.

Until then a process collects none: passes over what it imports are about a tenth of its start's CPU, and free nothing.
"""

import gc
from typing import Final

GARBAGE: Final = (10_000, 2, 2)
"""Objects that may wait for the collector, and how soon older ones are looked at too: calls are among them."""


def collect_rarely() -> None:
    """Begin to collect. All that is there by now stays out of the passes."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
