"""The worker process: `python -m worker`.

A wake-up makes one worker with a free slot look at a partition at once. A sweep looks at each partition when its first
member is due, or after five seconds; workers share the partitions. It starts urgent pieces and the first bulk piece,
and rings for the others: arq carries the rings to a worker with a free slot. A slot drains the shop, then the one that
has waited longest in any partition. After SIGTERM no piece starts; running ones are finished or handed back.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until the worker is up: see config/garbage.py

import config.sparing_imports  # noqa: F401 - before all that imports structlog or redis

# isort: split
import asyncio
import os
import socket
import sys
import time
from dataclasses import replace
from typing import Any, Final

import structlog
import uvloop
from redis.asyncio import Redis

from config import logging as logs
from config import settings as configuration
from config.garbage import collect_rarely
from config.settings import Settings
from config.tracing import TracingRefused, trace_process
from config.variables.sources import SettingsError
from jobs.upkeep import survey, trim
from jobs.work_kinds import JOBS, do_work
from shopstream.redis.partition_count import partition_count
from shopstream.spans import switch
from worker.apps.token_apps import TokenApp
from worker.backlog.claims import Backlog
from worker.backlog.notice_lists import NoticeLists
from worker.health import Health
from worker.instrumentation.backends import build_instrument
from worker.instrumentation.glance_keeper import GlanceKeeper
from worker.instrumentation.instrument import Instrument
from worker.instrumentation.metrics import WorkerMetrics
from worker.instrumentation.refreshes import report_refreshes
from worker.marketplace.several_apps import SeveralApps
from worker.pacing.pacer import Pacer, Rates
from worker.process import shutdown, startup_checks
from worker.process.description import describe
from worker.process.health_service import serve_health
from worker.process.heartbeat import Heartbeat
from worker.process.scheduler import Scheduler
from worker.process.slots import Slots
from worker.publishing.publisher import Publisher
from worker.publishing.push_publisher import PushPublisher
from worker.redis import pool
from worker.retention.trimming import Limits
from worker.runtime import Runtime
from worker.shops.registrar import Registry
from worker.tasks import end
from worker.tiktok.http import Session, new_session
from worker.tiktok.tiktok_apps import AppConnector, AppSecret, ConnectedApp
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import InvalidKeys, Vault
from worker.wakeups.agenda import Agenda
from worker.wakeups.doorbell import Doorbell
from worker.wakeups.due_queue import Due
from worker.wakeups.listener import WakeUps
from worker.wakeups.shares import Share
from worker.walks.checkpoint import Walks

GRACE_SECONDS: Final = 15.0
LEGACY_ENDED: Final = (
    "TikTok has blocked all API versions below 202309 since 31 December 2025: set SHOPSTREAM_API_GENERATION=202309;"
    " legacy works against a sandbox alone"
)


def main(*, counting: bool = True) -> int:
    """Run until SIGTERM or SIGINT. 0 after a clean end, 2 if the worker may not start.

    Args:
        counting: False leaves out metrics and glances, so that a benchmark can tell their cost.
    """
    try:
        settings = configuration.load()
        vault = Vault(settings.keys())
    except (SettingsError, InvalidKeys) as error:
        sys.stderr.write(f"worker does not start: {error}\n")
        return 2
    secrets = [*settings.secrets_of_apps(), *settings.keys(), *settings.redis_passwords()]
    logs.setup(settings.log_format, settings.log_level, secrets=secrets)
    try:
        traced = _decide_tracing(settings)
        with trace_process("shopstream-worker", on=traced):
            collect_rarely()
            metrics = WorkerMetrics(settings.api_generation)
            uvloop.run(_serve(settings, vault, metrics, counting=counting, traced=traced))
    except (startup_checks.Refused, TracingRefused) as refused:
        sys.stderr.write(f"worker does not start: {refused}\n")
        return 2
    return 0


def _decide_tracing(settings: Settings) -> bool:
    on = switch.is_wanted({**os.environ, switch.VARIABLE: settings.tracing or ""})
    switch.decide(on=on)
    return on


async def _serve(
    settings: Settings,
    vault: Vault,
    metrics: WorkerMetrics,
    *more: Instrument,
    counting: bool = True,
    traced: bool = False,
) -> None:
    """Build the parts and run them. `more` backends take in what happens beside those of every worker."""
    if traced:
        from worker.tracing.traced_runtime import DrainEnds, trace_runtime  # noqa: PLC0415 - it imports OpenTelemetry

        more = (*more, DrainEnds())
    log = structlog.get_logger("worker")
    url = settings.redis()
    client = pool.client(url)
    partitions = await _settle(client, settings)
    keeper = GlanceKeeper(client, partitions)
    counters = (metrics, keeper) if counting else ()
    instrument = build_instrument(settings.log_level, *counters, *more)
    doorbell = Doorbell(settings.queue(), instrument)
    wake_ups = WakeUps(url, partitions, instrument)
    session = new_session()
    try:
        default, *further = _connect_apps(session, settings)
        apps = {app.name: app.marketplace for app in (default, *further)}
        marketplace = SeveralApps(apps) if further else default.marketplace
        rates = Rates(settings.pacing_start_rate, settings.pacing_min_rate, settings.pacing_max_rate)
        backlog, publisher = Backlog(client), Publisher(client, instrument)
        runtime = Runtime(
            redis=client,
            backlog=backlog,
            notices=NoticeLists(client),
            pacer=Pacer(client, rates, instrument),
            publisher=publisher,
            pushes=PushPublisher(client, publisher, backlog, instrument),
            walks=Walks(client, marketplace.abilities.page_size),
            tokens=TokenStore(
                client,
                vault,
                report_refreshes(default.marketplace.refresh, instrument),
                partitions=partitions,
                issuer=default.issuer,
                further=[
                    TokenApp(app.name, app.issuer, report_refreshes(app.marketplace.refresh, instrument))
                    for app in further
                ],
            ),
            marketplace=marketplace,
            apps=apps if further else {},
            partitions=partitions,
            instance=settings.instance,
            log=log,
            registry=Registry(client),
            limits=Limits(
                int(settings.retention_hours * 3_600_000),
                settings.stream_max_entries,
                int(settings.tombstone_days * 86_400_000),
                int(settings.retention_max_hours * 3_600_000),
            ),
            instrument=instrument,
        )
        if traced:
            runtime = trace_runtime(runtime)
        if settings.api_generation == "legacy":
            log.error("api_generation_ended", generation="legacy", advice=LEGACY_ENDED)
        await _run(runtime, doorbell, wake_ups, settings, metrics, keeper)
    finally:
        await session.close()
        await wake_ups.close()
        await doorbell.close()
        await client.aclose()


def _connect_apps(session: Session, settings: Settings) -> list[ConnectedApp]:
    connector = AppConnector(session, settings.api_url, settings.auth_url, settings.api_generation)
    further = [AppSecret(app.name, app.key, app.secrets[0]) for app in settings.further_apps()]
    return connector.connect([AppSecret("", settings.app_key, settings.app_secrets()[0]), *further])


async def _settle(client: Redis, settings: Settings) -> int:
    """Check Redis, and give the number of its partitions. Close the client if Redis is refused."""
    try:
        warnings = await startup_checks.check(client, settings.partitions)
        partitions = await partition_count(client)
    except BaseException:
        await client.aclose()
        raise
    for warning in warnings:
        structlog.get_logger("worker").warning("guard", warning=warning)
    return partitions


async def _run(
    runtime: Runtime,
    doorbell: Doorbell,
    wake_ups: WakeUps,
    settings: Settings,
    metrics: WorkerMetrics,
    keeper: GlanceKeeper,
) -> None:
    health = Health.new()
    health.stalled = runtime.pacer.lateness.measure_stall
    health.queue = lambda: doorbell.failure
    agenda = Agenda(runtime.partitions)
    due = Due(runtime.redis, JOBS, agenda)
    slots = Slots(
        limit=settings.slots,
        work=lambda piece: do_work(runtime, piece),
        following=due.following,
        stopping=runtime.stopping,
        round_trip=lambda: runtime.pacer.distance.recent(time.monotonic()),
    )
    url = settings.redis()
    heart = Heartbeat(
        url, _name(), describe(slots, metrics, runtime.tokens, runtime.marketplace, runtime.refusals), health,
        partitions=runtime.partitions, instrument=runtime.instrument, slots=lambda: (slots.limit, slots.in_use),
        stop=lambda: _stop(runtime), unfit=lambda: runtime.refusals.aside,
        partly=lambda: bool(runtime.refusals.apps) or runtime.tokens.unusable.some,
    )  # fmt: skip
    # While Redis is nearly full, all shops are paused or the deployment moves to another Redis, a running drain claims
    # no more ids either.
    runtime = replace(
        runtime,
        free=lambda: 0 if heart.full or heart.paused or heart.moving else slots.free,
        full=lambda: heart.full,
        held=lambda: heart.full or heart.paused or heart.moving,
        aside=lambda: heart.aside,
        left=lambda: heart.left,
    )
    scheduler = Scheduler(
        runtime,
        due,
        doorbell,
        slots,
        agenda=agenda,
        share=Share(_name(), runtime.partitions, lambda: heart.sweepers).find,
    )
    shutdown.on_signal(lambda: _stop(runtime))
    with serve_health(health, metrics.render, settings.health_host, settings.health_port):
        beating = asyncio.create_task(heart.run())
        glancing = asyncio.create_task(keeper.run())
        answering = asyncio.create_task(doorbell.answer(scheduler.answer_ring, slots=16))
        sweeping = asyncio.create_task(_sweep(runtime, scheduler))
        waking = asyncio.create_task(wake_ups.answer(slots.wait, scheduler.answer_wake_up))
        runtime.log.info("worker_started", name=_name(), slots=settings.slots, partitions=runtime.partitions)
        stopping: asyncio.Task[Any] = asyncio.create_task(runtime.stopping.wait())
        # Stopping alone ends by itself. If another task ends, the process must end too, with an error, and restart.
        ended, _ = await asyncio.wait(
            (stopping, beating, glancing, answering, sweeping, waking), return_when=asyncio.FIRST_COMPLETED
        )
        runtime.stopping.set()
        heart.leave()
        await end(answering, sweeping, waking)
        await slots.close(GRACE_SECONDS)
        await runtime.pacer.close()
        await runtime.tokens.close()
        await end(beating, glancing)
        await keeper.write()
    await heart.close()
    runtime.log.info("worker_stopped", name=_name())
    for task in ended:
        task.result()


async def _sweep(runtime: Runtime, scheduler: Scheduler) -> None:
    """Sweep without end. Beside it, survey the stored tokens, and encrypt them with the newest key."""
    async with asyncio.TaskGroup() as beside:
        beside.create_task(survey.survey(runtime))
        await scheduler.sweep(trim.Schedule(runtime).put, trim.EVERY_MS / 1000)


def _stop(runtime: Runtime) -> None:
    runtime.log.info("worker_stopping")
    runtime.stopping.set()


def _name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


if __name__ == "__main__":
    sys.exit(main())
