"""The gateway's own server with another end: `python -m benchmarks.gateway.webhook_server nothing|client REDIS_URL`.

`nothing` answers without Redis. `client` writes each webhook by `SET NX` and `SyncClient.sync_products`.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import structlog
import uvloop
from aiohttp import web

from gateway.gateway_counts import GatewayCounts
from gateway.listeners import Listener
from gateway.webhooks.handler import PATH, WebhookHandler
from gateway.webhooks.intake import Intake
from gateway.webhooks.notices import StockPush
from gateway.webhooks.signature import Verifier
from shopstream import SyncClient
from shopstream.enqueue.notifications import Verdict, WantedIds
from shopstream.redis.partition_count import PartitionLookup
from tests.gateway.process import APP_KEY, SECRET

DAY_SECONDS = 86_400


class Nothing(Intake):
    """Takes nothing."""

    async def take(self, push: StockPush) -> Verdict:
        del push
        return "accepted"


class ByClient(Intake):
    """Takes one webhook after another, by the client that any service may use."""

    def __init__(self, client: SyncClient) -> None:
        super().__init__(client.redis, PartitionLookup(client.redis), structlog.get_logger(), seconds=10)
        self._client = client

    async def take(self, push: StockPush) -> Verdict:
        assert isinstance(push.content, WantedIds)
        (name,) = push.names
        if not await self._client.redis.set(f"shopstream:seen:{name}", 1, nx=True, ex=DAY_SECONDS):
            return "repeated"
        ids = [wanted.id for wanted in push.content.ids]
        await self._client.sync_products(push.shop, ids, urgent=True, origin="webhook", cause=name)
        return "accepted"


async def serve(end: str, url: str) -> None:
    """Print the port, and answer until the process is ended."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(SyncClient(url))
        nothing = Nothing(client.redis, PartitionLookup(client.redis), structlog.get_logger(), seconds=10)
        counts = GatewayCounts()
        intake = nothing if end == "nothing" else ByClient(client)
        handler = WebhookHandler(Verifier(APP_KEY, [SECRET]), intake, counts, look=False)
        listener = Listener([web.post(PATH, handler.handle)], counts)
        print(await listener.open("127.0.0.1", 0), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
