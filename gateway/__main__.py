"""The gateway process: `python -m gateway`.

It listens twice. The public port has webhooks and consent, and stands behind a proxy that ends TLS. The private port
has the API, the dashboard, health and metrics.

After SIGTERM it is not ready, answers the requests it has, and ends within 10 s.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until the gateway is up: see config/garbage.py

import config.sparing_imports  # noqa: F401 - before all that imports structlog or redis

# isort: split
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from typing import Final

import structlog
import uvloop
from aiohttp import web
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from config import logging as logs
from config.garbage import collect_rarely
from config.gateway_settings import Address, GatewaySettings, load_gateway
from config.tracing import TracingRefused, trace_process
from config.variables.sources import SettingsError
from gateway.api.routes import api_routes
from gateway.consent.routes import consent_routes
from gateway.dashboard.routes import dashboard_routes
from gateway.door import AccessToken, Door, FurtherApp
from gateway.gateway_counts import GatewayCounts
from gateway.health_routes import health_routes
from gateway.listeners import Listener
from gateway.state_reader import StateReader
from gateway.webhooks.handler import PATH, WebhookHandler
from gateway.webhooks.intake import Intake
from gateway.webhooks.signature import AppSecrets, Verifier
from gateway.webhooks.traced_intake import TracedIntake, keep_traceparent
from shopstream import SyncClient
from shopstream.errors import EmptyRedis, NodeOfCluster, NotRedis
from shopstream.redis.cluster.cluster_errors import name_server
from shopstream.redis.connection import connect
from shopstream.redis.partition_count import PartitionLookup, partition_count
from shopstream.redis.passing import WRONG
from shopstream.spans import switch

END_SECONDS: Final = 4.0
"""Seconds for the public port's requests under way when the gateway ends."""
HARD_STOP_SECONDS: Final = 9
"""Seconds from the signal. With the machine's own delay the process ends within 10 s."""


class _CannotListen(Exception):
    """An address can't be listened on. The text names the setting."""


class _WrongRedis(Exception):
    """The URL of Redis can't be meant. The text names the setting."""


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns 0 after a clean end, 2 if the gateway may not start."""
    try:
        settings = load_gateway()
    except SettingsError as error:
        sys.stderr.write(f"gateway does not start: {error}\n")
        return 2
    secrets = [*settings.secrets_of_apps(), *settings.redis_passwords()]
    logs.setup(settings.log_format, settings.log_level, secrets=secrets)
    try:
        on = switch.is_wanted({**os.environ, switch.VARIABLE: settings.tracing or ""})
        switch.decide(on=on)
        with trace_process("shopstream-gateway", on=on):
            uvloop.run(_serve(settings, traced=on))
    except (_CannotListen, _WrongRedis, TracingRefused) as error:
        sys.stderr.write(f"gateway does not start: {error}\n")
        return 2
    return 0


async def _serve(settings: GatewaySettings, *, traced: bool = False) -> None:
    """Open both ports, and serve until a signal."""
    async with AsyncExitStack() as stack:
        door = await _make_door(settings, stack)
        await _refuse_wrong_redis(door)
        counts = GatewayCounts()
        make = TracedIntake if traced else Intake
        intake = make(door.prompt, PartitionLookup(door.prompt), door.log, seconds=settings.gateway_redis_seconds)
        further = [AppSecrets(app.name, app.key, app.secrets) for app in door.apps]
        verifier = Verifier(door.app_key, door.app_secrets, further)
        webhooks = WebhookHandler(verifier, intake, counts, look=door.stock_push == "look")
        pages = dashboard_routes(door, counts)
        health = health_routes(door, intake, counts, settings.metrics_shops)
        private = Listener([*health, *api_routes(door), *pages], counts)
        handle = keep_traceparent(webhooks.handle) if traced else webhooks.handle
        public = Listener([web.post(PATH, handle), *consent_routes(door)], counts)
        _end_on_signal(door.stopping)
        collect_rarely()
        # The private port ends last, so that it says meanwhile that the gateway is not ready.
        stack.push_async_callback(intake.close)
        for listener, name, address, seconds in (
            (private, "PRIVATE", settings.private(), 1.0),
            (public, "PUBLIC", settings.public(), END_SECONDS),
        ):
            stack.push_async_callback(listener.close, seconds)
            port = await _open(listener, name, address)
            door.log.info("gateway_listens", door=name.lower(), host=address.host, port=port)
        door.log.info("gateway_started")
        await door.stopping.wait()
        door.log.info("gateway_stopping")
    door.log.info("gateway_stopped")


async def _make_door(settings: GatewaySettings, stack: AsyncExitStack) -> Door:
    """Build the parts that the handlers share, and have the stack close them."""
    url = settings.redis()
    redis, prompt = connect(url, retry=True), connect(url, seconds=settings.gateway_redis_seconds)
    stack.push_async_callback(redis.aclose)
    stack.push_async_callback(prompt.aclose)
    partitions = PartitionLookup(redis)
    return Door(
        redis=redis,
        prompt=prompt,
        partitions=partitions,
        reader=StateReader(redis, partitions),
        client=await stack.enter_async_context(SyncClient(redis)),
        app_key=settings.app_key,
        app_secrets=tuple(settings.app_secrets()),
        service_id=settings.service_id,
        authorize_host=settings.authorize_url,
        public_url=settings.gateway_url,
        tokens=tuple(AccessToken(*token) for token in settings.tokens()),
        uninvited=settings.gateway_uninvited,
        stock_push=settings.webhook_stock,
        retention_seconds=3_600 * settings.retention_hours,
        retention_max_seconds=3_600 * max(settings.retention_hours, settings.retention_max_hours),
        stream_most=settings.stream_max_entries,
        log=structlog.get_logger("gateway"),
        stopping=asyncio.Event(),
        apps=tuple(FurtherApp(app.name, app.key, app.secrets, app.service_id) for app in settings.further_apps()),
    )


async def _refuse_wrong_redis(door: Door) -> None:
    """Refuse a URL that no wait mends. A Redis that is away comes back: the gateway starts, and is not ready.

    Raises:
        _WrongRedis: the server is a Sentinel, or the Sentinels know no such primary or refuse their password, or a
            certificate isn't trusted, or Redis refuses user or password, or the user may not even read a number.
    """
    try:
        await partition_count(door.redis)
    except (NotRedis, NodeOfCluster, *WRONG) as error:
        raise _WrongRedis(f"SHOPSTREAM_REDIS_URL: {error}") from None
    except AuthenticationError as error:
        raise _WrongRedis(f"SHOPSTREAM_REDIS_URL: {name_server(error)} refused user or password") from None
    except NoPermissionError as error:
        text = f"this user of {name_server(error)} lacks rights: docs/operations.md has those of the user gateway"
        raise _WrongRedis(f"SHOPSTREAM_REDIS_URL: {text}") from None
    except (EmptyRedis, RedisError, OSError):
        return


async def _open(listener: Listener, name: str, address: Address) -> int:
    """Listen on an address.

    Raises:
        _CannotListen: it is another process's, or not this machine's.
    """
    try:
        return await listener.open(*address)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise _CannotListen(f"SHOPSTREAM_GATEWAY_{name}: cannot listen on {address.host}:{address.port}: {reason}")


def _end_on_signal(stopping: asyncio.Event) -> None:
    """Set `stopping` at the first SIGTERM or SIGINT. The kernel ends the process HARD_STOP_SECONDS later."""

    def stop() -> None:
        if not stopping.is_set():  # a second signal must not put the end off
            signal.alarm(HARD_STOP_SECONDS)
            stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


if __name__ == "__main__":
    sys.exit(main())
