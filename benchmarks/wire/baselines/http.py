"""One aiohttp session, as the asynchronous baselines share it."""

from typing import Any

import aiohttp
import orjson
from yarl import URL

from benchmarks.wire.baselines.product import HEADERS, Entry, address, entries


def session() -> aiohttp.ClientSession:
    """No cookies, no limit of connections beyond that of the calls themselves."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), headers=HEADERS
    )


async def fetched(http: aiohttp.ClientSession, url: str, product: str) -> list[Entry]:
    """The events of a product, just asked for."""
    async with http.get(URL(address(url, product), encoded=True)) as response:
        answer: dict[str, Any] = orjson.loads(await response.read())
    return entries(answer)
