"""The worker process: `python -m worker`.

A wake-up makes one worker with a free slot look at a partition at once. A sweep looks at all partitions every half
second. It starts urgent pieces and the first bulk piece, and rings for the others: arq carries the rings to a worker
with a free slot. A slot drains the shop, then the one that has waited longest in any partition. After SIGTERM no piece
starts; running ones are finished or handed back.
"""

import asyncio
import gc
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import structlog
import uvloop
from redis.exceptions import RedisError

from config import logging as logs
from config import settings as configuration
from config.settings import Settings, SettingsError
from jobs.products import product_drain as products
from jobs.shops import consents as tokens
from jobs.shops import coverage
from jobs.stock import stock_drain as stock
from jobs.upkeep import forget, warehouses
from jobs.upkeep import reencrypt as keys
from jobs.upkeep import trim as retention
from jobs.walks import dry
from jobs.walks import walk_runs as walks
from shopstream.redis.keys import Partition
from worker.backlog.claims import Backlog
from worker.health import Endpoint, Health
from worker.instrumentation.backends import build_instrument
from worker.instrumentation.instrument import Instrument
from worker.instrumentation.refreshes import report_refreshes
from worker.instrumentation.timer import timed
from worker.marketplace.protocol import Marketplace
from worker.pacing.pacer import Pacer, Rates
from worker.process import shutdown as ending
from worker.process import startup_checks as guard
from worker.process.heartbeat import Heartbeat
from worker.process.slots import Slots
from worker.publishing.publisher import Fenced, Publisher
from worker.redis import pool as redis
from worker.retention.trimming import Limits
from worker.runtime import Runtime
from worker.shops.registrar import Registry
from worker.tasks import end
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import Session, new_session
from worker.tiktok.tiktok_client import TikTokClient
from worker.tiktok.tiktok_marketplace import TikTok
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import InvalidKeys, Vault
from worker.wakeups.doorbell import Doorbell
from worker.wakeups.due_queue import UPKEEP, Due, Lane, Piece, Room, lane_of
from worker.wakeups.listener import WakeUps
from worker.walks.checkpoint import Walks

SWEEP_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 15.0
GARBAGE: Final = (10_000, 2, 2)
"""Objects that may wait for the garbage collector, and how soon older ones are looked at too: calls are among them."""
JOBS: Final = {
    "products": products.drain,
    "authorize": tokens.authorize,
    "refresh": tokens.refresh,
    "list": coverage.list_again,
    "warehouses": warehouses.look,
    "retry": tokens.retry,
    "trim": retention.trim,
    "stock": stock.drain,
    "delta": walks.delta,
    "full": walks.full,
    "poll": walks.poll,
    "dry": dry.run,
    "forget": forget.forget,
}
LEGACY_ENDED: Final = (
    "TikTok has blocked all API versions below 202309 since 31 December 2025: set SHOPSTREAM_API_GENERATION=202309;"
    " legacy works against a sandbox alone"
)


def main() -> int:
    """Run until SIGTERM or SIGINT. 0 after a clean end, 2 if the worker may not start."""
    try:
        settings = configuration.load()
        vault = Vault(settings.keys())
    except (SettingsError, InvalidKeys) as error:
        sys.stderr.write(f"worker does not start: {error}\n")
        return 2
    secret = settings.app_secret.get_secret_value()
    logs.setup(settings.log_format, settings.log_level, secrets=[secret, *settings.keys(), *settings.redis_passwords()])
    try:
        _collect_rarely()
        uvloop.run(_serve(settings, vault, build_instrument(settings.log_level)))
    except guard.Refused as refused:
        sys.stderr.write(f"worker does not start: {refused}\n")
        return 2
    return 0


async def _serve(settings: Settings, vault: Vault, instrument: Instrument) -> None:
    log = structlog.get_logger("worker")
    url = settings.redis_url.get_secret_value()
    client = redis.client(url)
    doorbell = Doorbell(url, instrument)
    wake_ups = WakeUps(url, settings.partitions, instrument)
    session = new_session()
    try:
        for warning in await guard.check(client, settings.partitions):
            log.warning("guard", warning=warning)
        marketplace = _marketplace(session, settings)
        rates = Rates(settings.pacing_start_rate, settings.pacing_min_rate, settings.pacing_max_rate)
        refresh = report_refreshes(marketplace.refresh, instrument)
        runtime = Runtime(
            redis=client,
            backlog=Backlog(client),
            pacer=Pacer(client, rates, instrument),
            publisher=Publisher(client, instrument),
            walks=Walks(client, marketplace.abilities.page_size),
            tokens=TokenStore(client, vault, refresh, partitions=settings.partitions),
            marketplace=marketplace,
            partitions=settings.partitions,
            instance=settings.instance,
            log=log,
            registry=Registry(client),
            limits=Limits(
                int(settings.retention_hours * 3_600_000),
                settings.stream_max_entries,
                int(settings.tombstone_days * 86_400_000),
            ),
            instrument=instrument,
        )
        if settings.api_generation == "legacy":
            log.error("api_generation_ended", generation="legacy", advice=LEGACY_ENDED)
        await _run(runtime, doorbell, wake_ups, settings)
    finally:
        await session.close()
        await wake_ups.close()
        await doorbell.close()
        await client.aclose()


def _marketplace(session: Session, settings: Settings) -> Marketplace:
    key, secret = settings.app_key, settings.app_secret.get_secret_value()
    client = TikTokClient(session, settings.api_url, key, secret, generation=settings.api_generation)
    return TikTok(client, AuthClient(session, settings.auth_url, key, secret))


async def _run(runtime: Runtime, doorbell: Doorbell, wake_ups: WakeUps, settings: Settings) -> None:
    health = Health.new()
    health.stalled = runtime.pacer.lateness.measure_stall
    due = Due(runtime.redis, JOBS)
    slots = Slots(
        settings.slots,
        lambda piece: _work(runtime, piece),
        due.following,
        runtime.stopping,
        lambda: runtime.pacer.distance.recent(time.monotonic()),
    )
    url = settings.redis_url.get_secret_value()
    heart = Heartbeat(
        url, _name(), _about(slots), health, partitions=settings.partitions, instrument=runtime.instrument
    )
    # While Redis is nearly full, a running drain claims no more ids either.
    runtime = replace(runtime, free=lambda: 0 if heart.full else slots.free, full=lambda: heart.full)
    ending.on_signal(lambda: _stop(runtime))
    with _serve_health(settings, health):
        beating = asyncio.create_task(heart.run())
        answering = asyncio.create_task(doorbell.answer(lambda *rung: _answer_ring(slots, *rung), slots=16))
        sweeping = asyncio.create_task(_sweep(runtime, due, doorbell, slots))
        waking = asyncio.create_task(
            wake_ups.answer(slots.wait, lambda number: _answer_wake_up(runtime, due, slots, number))
        )
        runtime.log.info("worker_started", name=_name(), slots=settings.slots, partitions=runtime.partitions)
        stopping: asyncio.Task[Any] = asyncio.create_task(runtime.stopping.wait())
        # Stopping alone ends by itself. If another task ends, the process must end too, with an error, and restart.
        ended, _ = await asyncio.wait(
            (stopping, beating, answering, sweeping, waking), return_when=asyncio.FIRST_COMPLETED
        )
        runtime.stopping.set()
        await end(answering, sweeping, waking)
        await slots.close(GRACE_SECONDS)
        await runtime.pacer.close()
        await runtime.tokens.close()
        await end(beating)
    await heart.close()
    runtime.log.info("worker_stopped", name=_name())
    for task in ended:
        task.result()


@contextmanager
def _serve_health(settings: Settings, health: Health) -> Iterator[None]:
    """Serve the health endpoint while the worker runs, if a port is set."""
    if settings.health_port is None:
        yield
        return
    try:
        endpoint = Endpoint(lambda: health.report(time.monotonic()), settings.health_host, settings.health_port)
    except OSError as error:
        place = f"{settings.health_host}:{settings.health_port}"
        raise guard.Refused(f"SHOPSTREAM_HEALTH_PORT: cannot listen on {place}: {error.strerror}") from None
    try:
        yield
    finally:
        endpoint.close()


def _collect_rarely() -> None:
    """Run the cycle collector rarely: reference counts free nearly everything, and a full scan costs 10 % CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def _about(slots: Slots) -> Callable[[], Mapping[str, str | int]]:
    """Make the function that gives what a heartbeat says of this worker: see shopstream/registry/workers.py."""
    started = datetime.now(UTC).isoformat("T", "seconds")
    fixed: dict[str, str | int] = {"host": socket.gethostname(), "pid": os.getpid(), "started": started}
    return lambda: fixed | {"slots": slots.limit, "in_use": slots.in_use}


async def _sweep(runtime: Runtime, due: Due, doorbell: Doorbell, slots: Slots) -> None:
    """Start the first due pieces and notify arq of the others. A lost notification becomes due again."""
    scheduled = -math.inf
    failing = ""
    async with asyncio.TaskGroup() as beside:
        beside.create_task(keys.reencrypt(runtime))
        while True:
            try:
                if time.monotonic() - scheduled > retention.EVERY_MS / 1000:
                    await retention.schedule(runtime)
                    scheduled = time.monotonic()
                for number in range(runtime.partitions):
                    # The first bulk piece starts here too, so that work goes on without arq.
                    rest = await _begin(slots, await due.take(number, _room(runtime, slots)))
                    await doorbell.ring(number, rest)
                failing = ""
            except (RedisError, OSError) as error:
                before, failing = failing, type(error).__name__
                runtime.instrument.report_redis_failure("sweep", failing, again=failing == before)
            await asyncio.sleep(SWEEP_SECONDS)


async def _answer_wake_up(runtime: Runtime, due: Due, slots: Slots, number: int) -> bool | None:
    """Start due pieces of this partition. True if there may be more, None if the rest needs another worker."""
    room = _room(runtime, slots)
    pieces = await due.take(number, Room(*(min(1, each) for each in room)))
    await _begin(slots, pieces)
    if pieces:
        return True
    return None if due.has_left(number, set(Lane) - set(room.lanes)) else False


async def _begin(slots: Slots, pieces: Sequence[Piece]) -> list[str]:
    """Begin with all pieces that are in a hurry, and with the first of the bulk; the members of the others."""
    hurried = [piece for piece in pieces if piece.lane is not Lane.BULK]
    bulk = [piece for piece in pieces if piece.lane is Lane.BULK]
    for piece in hurried + bulk[:1]:
        # Another look may have taken the slot: then the member is due again in a second.
        if piece.lane in slots.room.lanes:
            await slots.start(piece)
    return [piece.member for piece in bulk[1:]]


async def _answer_ring(slots: Slots, number: int, member: str) -> None:
    await slots.start(Piece(number, member, lane_of(member)))


def _room(runtime: Runtime, slots: Slots) -> Room:
    """Give the room for new pieces. While Redis is nearly full, upkeep alone has room."""
    room = slots.room
    return Room(room.upkeep, 0, 0, 0) if runtime.full() else room


async def _work(runtime: Runtime, piece: Piece) -> bool:
    """Do one piece of work. Returns true if the slot may go on."""
    kind, _, name = piece.member.partition(":")
    if runtime.full() and kind not in UPKEEP:
        return False  # due again in a second
    with structlog.contextvars.bound_contextvars(job=kind), timed(runtime.instrument, kind) as timer:
        try:
            await JOBS[kind](runtime, Partition(piece.partition), name)
        except Fenced:
            timer.end = "fenced"  # another worker goes on with it
    return True


def _stop(runtime: Runtime) -> None:
    runtime.log.info("worker_stopping")
    runtime.stopping.set()


def _name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


if __name__ == "__main__":
    sys.exit(main())
