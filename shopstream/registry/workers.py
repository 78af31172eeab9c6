"""Read the living workers from the heartbeats that each writes every two seconds."""

from dataclasses import dataclass, fields
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shopstream.authorizations.findings import Finding, read_findings
from shopstream.ids import InvalidArgument, show
from shopstream.redis.deployment_keys import WORKER_MS, worker_key, workers_key
from shopstream.registry.shop_of_apps import DEFAULT_APP


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
        version: the version of shopstream; "" of an older worker, of which all that follows is unknown too.
        generation: the generation of TikTok's API that it calls.
        calls: calls to TikTok since its start, as all further counts.
        throttled: those that TikTok refused for their number.
        published: events.
        drained: ids of the backlogs that it has dealt with.
        dead: dead letters.
        cpu_seconds: processor time, of all cores together.
        rss_bytes: memory that it occupies at the moment; 0 if its system does not tell.
        app_key: the key of its app, or those of its apps with commas between them; "" of a worker of an older version,
            of which all that follows is unknown too.
        key: eight hex digits that tell the token key by which it encrypts from others.
        records: the token records that it has read and encrypted by that key; -1 if it hasn't yet.
        unreadable: those of them that none of its keys opens.
        findings: the authorizations that it can't use, by reason.
        running: pieces that run, upkeep included; -1 of a worker of an older version, which knows no move.
        clock_off: seconds by which its clock is ahead of TikTok's, if TikTok refuses it; else 0.
        refused: app and TikTok's words, of each app by which TikTok refuses this worker itself, whatever the shop.
        apps: the names of its apps; none of a worker of an older version.
        layout: the newest layout of keys that it can use; 1 of a worker that can't read compressed states.
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
    generation: str = ""
    calls: int = 0
    throttled: int = 0
    published: int = 0
    drained: int = 0
    dead: int = 0
    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    app_key: str = ""
    key: str = ""
    records: int = -1
    unreadable: int = 0
    findings: tuple[Finding, ...] = ()
    clock_off: float = 0.0
    layout: int = 1
    running: int = -1
    refused: tuple[tuple[str, str], ...] = ()
    apps: tuple[str, ...] = ()


_FIELDS: Final = frozenset(one.name for one in fields(WorkerSeen))


async def workers(redis: Redis) -> list[WorkerSeen]:
    """Read the workers whose last heartbeat is younger than WORKER_MS, sorted by name."""
    seconds, _ = await redis.time()
    heard = await redis.zrangebyscore(workers_key(), int(seconds) * 1000 - WORKER_MS, "+inf", withscores=True)
    if not heard:
        return []
    heartbeats = await redis.mget([worker_key(name.decode()) for name, _ in heard])
    return sorted(
        (
            WorkerSeen(**_known(heartbeat) | {"name": name.decode(), "seen_ms": int(at)})
            for (name, at), heartbeat in zip(heard, heartbeats, strict=True)
            if heartbeat is not None
        ),
        key=lambda worker: worker.name,
    )


async def check_app(redis: Redis, name: str) -> None:
    """Check that a living worker has an app, as far as workers tell their apps. The name "" is the default one's.

    Raises:
        InvalidArgument: they tell them, and none has it.
    """
    found = await workers(redis)
    names = sorted({app for one in found for app in one.apps})
    if all(one.apps for one in found) and names and (name or DEFAULT_APP) not in names:
        raise InvalidArgument(f"no worker has an app {show(name)}: the apps are {', '.join(names)}")


def _known(heartbeat: bytes) -> dict[str, Any]:
    """Read the fields of a heartbeat that this version knows; a newer worker may write more."""
    known = {name: value for name, value in orjson.loads(heartbeat).items() if name in _FIELDS}
    return (
        known
        | {"findings": read_findings(known.get("findings")), "refused": _read_refused(known.get("refused"))}
        | {"apps": tuple(map(str, known.get("apps") or ()))}
    )


def _read_refused(stored: object) -> tuple[tuple[str, str], ...]:
    rows: list[Any] = stored if isinstance(stored, list) else []
    return tuple((str(row[0]), str(row[1])) for row in rows if isinstance(row, list) and len(row) > 1)
