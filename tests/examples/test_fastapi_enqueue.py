"""The FastAPI example behind a real uvicorn."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.examples.conftest import Folder, Live

SEED = "1731029337055922770"


@asynccontextmanager
async def served(folder: Folder, redis_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    command = [*folder.command("fastapi_enqueue:app"), "--port", "0"]
    async with folder.start(redis_url, *command) as child:
        assert child.stderr is not None
        url = None
        while not url:
            line = (await child.stderr.readline()).decode()
            assert line, "it ended"
            url = re.search(r"running on (http://\S+)", line)
        async with aiohttp.ClientSession(url[1]) as http:
            yield http


@pytest.mark.asyncio(loop_scope="package")
async def test_what_is_accepted_is_published_and_what_is_wrong_is_said(live: Live, folder: Folder) -> None:
    shop = live.shops[0]
    async with served(folder, live.url) as http:

        async def answer(shop: str, document: object) -> tuple[int, str]:
            async with http.post(f"/shops/{shop}/products", json=document) as response:
                return response.status, await response.text()

        assert await answer(shop, {"ids": [SEED, SEED], "urgent": True}) == (202, '{"asked":1}')
        await live.client.wait(await live.client.sync_products(shop, [SEED]), timeout=60)
        assert SEED in {event.data["product_id"] for event in await live.events("products")}
        status, body = await answer("123", {"ids": [SEED]})
        assert (status, "not authorized" in body) == (404, True)
        status, body = await answer("7a", {"ids": [SEED]})
        assert (status, "is not a shop id" in body) == (422, True)
        status, body = await answer(shop, {"ids": [SEED, "../x"]})
        assert (status, "is not a product id" in body) == (422, True)
        nonsense: list[object] = [{"ids": []}, {"ids": ["1"] * 10_001}, {"ids": [int(SEED)]}, {}, []]
        for document in nonsense:
            assert (await answer(shop, document))[0] == 422


async def test_without_redis_it_says_that_it_may_be_asked_again(folder: Folder) -> None:
    async with (
        served(folder, "redis://127.0.0.1:1/0") as http,
        http.post("/shops/1/products", json={"ids": [SEED]}) as response,
    ):
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
