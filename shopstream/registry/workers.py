"""Read the living workers from the heartbeats that each writes every two seconds."""

from dataclasses import dataclass, fields
from typing import Any

import orjson
from redis.asyncio import Redis

from shopstream.redis.keys import WORKER_MS, worker_key, workers_key


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker process, as its last heartbeat describes it.

    Attributes:
        name: host and process id.
        host: the name of its machine or container.
        pid: its process id there.
        started: the time of its start by its machine's clock, RFC 3339.
        slots: pieces of work that it can do at once.
        in_use: the slots that have work.
        full: true if it claims nothing, because Redis's memory is nearly used up.
        seen_ms: the time of the heartbeat, in ms of Redis's clock.
        version: its version of shopstream; "" of a worker that doesn't report it.
    """

    name: str
    host: str
    pid: int
    started: str
    slots: int
    in_use: int
    full: bool
    seen_ms: int
    version: str = ""


async def workers(redis: Redis) -> list[WorkerSeen]:
    """Read the workers whose last heartbeat is younger than WORKER_MS, sorted by name."""
    seconds, _ = await redis.time()
    heard = await redis.zrangebyscore(workers_key(), int(seconds) * 1000 - WORKER_MS, "+inf", withscores=True)
    if not heard:
        return []
    heartbeats = await redis.mget([worker_key(name.decode()) for name, _ in heard])
    return sorted(
        (
            WorkerSeen(name=name.decode(), seen_ms=int(at), **_read(heartbeat))
            for (name, at), heartbeat in zip(heard, heartbeats, strict=True)
            if heartbeat is not None
        ),
        key=lambda worker: worker.name,
    )


def _read(heartbeat: bytes) -> dict[str, Any]:
    """Read the fields that are known here. A newer worker may send more."""
    document: dict[str, Any] = orjson.loads(heartbeat)
    known = {field.name for field in fields(WorkerSeen)} - {"name", "seen_ms"}
    return {name: value for name, value in document.items() if name in known}
