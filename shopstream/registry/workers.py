"""The workers that are there now, as each says of itself every two seconds: for `doctor` and dashboards."""

from dataclasses import dataclass

import orjson
from redis.asyncio import Redis

from shopstream.redis.keys import WORKER_MS, worker_key, workers_key


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker process.

    Attributes:
        name: host and process id.
        host: its machine's or container's name.
        pid: its process id there.
        started: RFC 3339, by its machine's clock.
        slots: shops that it syncs at once.
        in_use: of these, how many have work.
        full: it claims nothing, because Redis's memory is nearly used up.
        seen_ms: when it was last heard of, ms of Redis's clock.
    """

    name: str
    host: str
    pid: int
    started: str
    slots: int
    in_use: int
    full: bool
    seen_ms: int


async def workers(redis: Redis) -> list[WorkerSeen]:
    """Those heard of within the last WORKER_MS, by name."""
    seconds, _ = await redis.time()
    heard = await redis.zrangebyscore(workers_key(), int(seconds) * 1000 - WORKER_MS, "+inf", withscores=True)
    if not heard:
        return []
    heartbeats = await redis.mget([worker_key(name.decode()) for name, _ in heard])
    return sorted(
        (
            WorkerSeen(name=name.decode(), seen_ms=int(at), **orjson.loads(heartbeat))
            for (name, at), heartbeat in zip(heard, heartbeats, strict=True)
            if heartbeat is not None
        ),
        key=lambda worker: worker.name,
    )
