"""The notifier against a real webhook that fails at times."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from shopstream.redis.keys import Partition, partition_for
from tests.examples.conftest import PARTITION_COUNT, Folder, Live
from tests.processes import until

SEED, SKU = "1731029337055922770", "1731159324007369298"
GROUP = "low-stock-notifier"


@asynccontextmanager
async def webhook(answers: list[int], heard: list[tuple[str, str]]) -> AsyncIterator[str]:
    """Gives the listed statuses, then 200s; remembers what it said 200 to."""

    async def hook(request: web.Request) -> web.Response:
        status = answers.pop(0) if answers else 200
        if status == 200:
            heard.append((json.loads(await request.read())["text"], request.headers["Idempotency-Key"]))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}/hook"
    await runner.cleanup()


@pytest.mark.asyncio(loop_scope="package")
async def test_each_transition_is_told_once_through_failures_repeats_and_restarts(live: Live, folder: Folder) -> None:
    shop, redis = live.shops[0], live.client.redis
    key = partition_for(shop, PARTITION_COUNT).stream("stock")

    async def stock(units: int) -> None:
        await live.front.control("stock", shop_id=shop, changes=[{"sku_id": SKU, "quantity": units}])
        await live.sync(shop, [SEED])

    async def joined() -> bool:
        groups: list[Any] = []
        for number in range(PARTITION_COUNT):
            groups += await redis.xinfo_groups(Partition(number).stream("stock"))
        return [group["name"] for group in groups].count(GROUP.encode()) == PARTITION_COUNT

    await stock(17)
    heard: list[tuple[str, str]] = []
    async with webhook([500], heard) as url:
        command = folder.command("low_stock_notifier.py", url)
        async with folder.start(live.url, *command) as child:
            await until(joined)
            for units in (4, 3, 0, 12, 14):
                await stock(units)
            await live.until_read("stock", GROUP)
            child.send_signal(signal.SIGINT)
            await asyncio.wait_for(child.wait(), 60)
        entries = [fields for _, fields in await redis.xrange(key)]
        announced = [fields for fields in entries if fields[b"id"].decode() in {key for _, key in heard}]
        for fields in announced:  # a publication that was retried repeats its id
            await redis.xadd(key, fields)
        async with folder.start(live.url, *command):
            await stock(2)
            await live.until_read("stock", GROUP)
    name = json.loads(announced[0][b"data"])["seller_sku"] or SKU
    sentences = ["runs low: 4 left", "is sold out: 0 left", "is back: 12 left", "runs low: 2 left"]
    assert [text for text, _ in heard] == [f"{name} {text}" for text in sentences]
    assert len({key for _, key in heard}) == 4
