"""Count the events of the details that a walk asked for."""

import re
from collections import Counter
from typing import Final

from worker.publishing.counts import Counts
from worker.publishing.seen import Target
from worker.runtime import Runtime

KEPT_SECONDS: Final = 86_400
"""Seconds for which the counts of a walk are kept after its last detail."""
_RUN: Final = re.compile(r"(full|delta)-[0-9]{1,15}-[0-9a-f]{6}")


async def note_details(runtime: Runtime, target: Target, done: Counts) -> None:
    """Count the events of details that a walk asked for, so that its summary has them too."""
    runs: dict[str, Counter[str]] = {}
    for change in done.found:
        if _RUN.fullmatch(change.cause):
            runs.setdefault(change.cause, Counter()).update(change.types)
    if not runs:
        return
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for run, types in runs.items():
            for name, number in types.items():
                pipe.hincrby(target.partition.walk(run), name, number)
            pipe.expire(target.partition.walk(run), KEPT_SECONDS)
        await pipe.execute()
