"""Tell whether the gateway is well: `/livez`, `/readyz`, `/health` and `/metrics`, on the private port.

Liveness says that the event loop turns, and nothing of Redis: a restart doesn't mend a Redis that is away.
"""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web
from redis.exceptions import RedisError

from gateway.deployment_gauges import collect_deployment
from gateway.door import Door
from gateway.gateway_counts import GatewayCounts
from gateway.webhooks.intake import Intake
from shopstream.errors import EmptyRedis, Moved
from shopstream.redis.partition_count import partition_count
from shopstream.redis.passing import NAMED

if TYPE_CHECKING:
    from prometheus_client.core import Metric

METRICS_SECONDS: Final = 10.0
"""Age of the deployment's state in `/metrics` at most."""
FAILING_SECONDS: Final = 10.0
"""Seconds for which a webhook that Redis didn't take makes the gateway unready, unless a later one is taken."""


def health_routes(door: Door, intake: Intake, counts: GatewayCounts, shops: int) -> list[web.RouteDef]:
    """List the routes. Metrics name `shops` shops at most, worst first."""

    async def answer_livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def answer_readyz(_: web.Request) -> web.Response:
        reason = await _find_reason(door, intake)
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def answer_health(_: web.Request) -> web.Response:
        reason = await _find_reason(door, intake)
        report = {"ok": not reason, "reason": reason, "webhooks": counts.webhooks()}
        return web.json_response(report, status=503 if reason else 200)

    async def answer_metrics(_: web.Request) -> web.Response:
        deployment: list[Metric] = []
        # Without Redis the gateway's own counts are told all the same: an alert sees that the others are absent.
        with suppress(EmptyRedis, RedisError, OSError):
            overview = await door.reader.overview(METRICS_SECONDS)
            system = await door.reader.system(METRICS_SECONDS)
            collected = collect_deployment(overview, system, shops=shops, stream_cap=door.stream_most)
            deployment = await asyncio.to_thread(list, collected)
        body = await asyncio.to_thread(counts.render, deployment)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return [
        web.get("/livez", answer_livez),
        web.get("/readyz", answer_readyz),
        web.get("/health", answer_health),
        web.get("/metrics", answer_metrics),
    ]


async def _find_reason(door: Door, intake: Intake) -> str | None:
    """Find the reason why the gateway is not ready; None if it is."""
    if door.stopping.is_set():
        return "the gateway is stopping"
    try:
        await partition_count(door.prompt)
    except EmptyRedis as error:
        return str(error) if isinstance(error, Moved) else "no worker has settled the partitions"
    except NAMED as error:
        return str(error)
    except (RedisError, OSError) as error:
        return f"Redis does not answer ({type(error).__name__})"
    if intake.failed_at is not None and time.monotonic() - intake.failed_at < FAILING_SECONDS:
        return "Redis did not take the last webhook"
    return None
