"""Record `ask` for each webhook, and hand its trace context on with its work: the intake where traces are on."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

import structlog
from aiohttp import web
from redis.asyncio import Redis

from gateway.webhooks.intake import Intake
from gateway.webhooks.notices import StockPush
from shopstream.enqueue.notifications import KeptNotice, Verdict, WantedIds
from shopstream.enqueue.reasons import Why, is_traceparent
from shopstream.redis.partition_count import PartitionLookup
from shopstream.spans.switch import find_ask_spans

Handler = Callable[[web.Request], Awaitable[web.Response]]
_TRACE: Final[ContextVar[str | None]] = ContextVar("shopstream_webhook", default=None)
"""The header `traceparent` of the webhook that this task answers."""


def keep_traceparent(handle: Handler) -> Handler:
    """Keep the header for the intake, as a proxy in front may have set it. One that is not valid is left out."""

    async def keep(request: web.Request) -> web.Response:
        traces = request.headers.getall("traceparent", [])
        _TRACE.set(traces[0] if len(traces) == 1 and is_traceparent(traces[0]) else None)
        return await handle(request)

    return keep


class TracedIntake(Intake):
    """An intake whose notifications have trace contexts."""

    def __init__(
        self, redis: Redis, partitions: PartitionLookup, log: structlog.stdlib.BoundLogger, *, seconds: float
    ) -> None:
        super().__init__(redis, partitions, log, seconds=seconds)
        self._spans = find_ask_spans()

    async def take(self, push: StockPush) -> Verdict:
        """Write a notification, as a child of the header's context or with a trace of its own."""
        content = push.content
        kind, number = (content.kind, len(content.ids)) if isinstance(content, WantedIds) else ("notices", 1)
        why = Why("webhook", traceparent=_TRACE.get())
        with self._spans.ask(kind, push.shop, None, number, why) as traced:
            return await super().take(replace(push, content=_add(content, traced.traceparent)))


def _add(content: WantedIds | KeptNotice, traceparent: str | None) -> WantedIds | KeptNotice:
    if traceparent is None:
        return content
    if isinstance(content, WantedIds):
        return replace(content, traceparent=traceparent)
    return KeptNotice(b'%b,"traceparent":"%b"}' % (content.text.removesuffix(b"}"), traceparent.encode()))
