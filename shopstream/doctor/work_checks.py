"""Check the workers and the work that is due."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from shopstream.doctor.checks import Check, bad, ok, warn
from shopstream.doctor.overdue import read_overdue
from shopstream.doctor.worker_reports import check_authorizations, check_clocks, check_keys, check_refused
from shopstream.durations import write_duration
from shopstream.registry.workers import WorkerSeen, workers

_STARVED_SECONDS: Final = 30.0


async def check_work(redis: Redis, partitions: int) -> list[Check]:
    """Check the living workers, their versions, and how long due work has waited for a slot."""
    found = await workers(redis)
    overdue = _check_overdue(await read_overdue(redis, partitions), found)
    reports = [*check_authorizations(found), *check_clocks(found), *check_refused(found)]
    tokens = [check_keys(found)] if found else []
    return [_check_workers(found), _check_versions(found), overdue, *reports, *tokens]


def _check_workers(found: Sequence[WorkerSeen]) -> Check:
    if not found:
        return bad("workers", "none lives", "start one: python -m worker")
    slots, in_use = sum(one.slots for one in found), sum(one.in_use for one in found)
    if full := [one.name for one in found if one.full]:
        text = f"{len(full)} of {len(found)} claim nothing: Redis's memory is nearly used up"
        return bad("workers", text, "raise maxmemory, or trim events")
    return ok("workers", f"{len(found)} live, {in_use} of {slots} slots in use")


def _check_versions(found: Sequence[WorkerSeen]) -> Check:
    versions = Counter(one.version or "unknown" for one in found)
    text = ", ".join(f"{number} of version {version}" for version, number in sorted(versions.items())) or "no worker"
    if len(versions) > 1:
        return warn("worker versions", text, "replace the older workers")
    return ok("worker versions", text)


def _check_overdue(seconds: float, found: Sequence[WorkerSeen]) -> Check:
    if seconds < _STARVED_SECONDS:
        return ok("overdue work", f"due work has waited {write_duration(seconds)} for a slot at most")
    remedy = "add workers" if found else "start a worker"
    return warn("overdue work", f"due work has waited {write_duration(seconds)} for a slot", remedy)
