"""Notice a cancellation that Python 3.11 has swallowed."""

import asyncio


def count_cancellations() -> int:
    """Count the cancellation requests of the running task that had no effect yet.

    Call it regularly: Python 3.11's wait_for, which redis-py uses, swallows a cancellation that arrives as the wait
    ends.
    """
    task = asyncio.current_task()
    return task.cancelling() if task else 0
