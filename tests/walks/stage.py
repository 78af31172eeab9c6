"""What tests of walks have in hand: a shop, what is true of it, and what was published of it since the last look."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pytest
from redis.asyncio import Redis

from jobs.walks.walk_runs import OVERLAP
from shopstream import SyncClient
from shopstream.enqueue.walk_requests import WalkProgress, WalkRequest
from shopstream.redis.keys import STREAMS, Partition
from tests.processes import Sandbox

P = Partition(0)
CREATED, UPDATED, DELETED = "product.created", "product.updated", "product.deleted"
CHANGED, REMOVED, SYNCED = "stock.changed", "stock.removed", "shop.synced"
Form = Literal["compressed", "plain"]
FORMS: Final = pytest.mark.parametrize("stage", ["compressed", "plain"], indirect=True, scope="session")
"""For tests whose walks look into stored states: each form is on a system of its own."""


@dataclass
class Stage:
    url: str
    front: Sandbox
    client: SyncClient
    redis: Redis
    unused: list[str]

    async def next(self) -> "Store":
        await self.front.control("stats/reset")
        last = {name: await self.redis.xrevrange(P.stream(name), count=1) for name in STREAMS}
        begin = {name: rows[0][0].decode() for name, rows in last.items() if rows}
        return Store(self.front, self.client, self.redis, self.unused.pop(), _read=begin)

    async def as_new(self) -> None:
        await self.front.control("faults")
        await self.front.control("clock", offset_seconds=0)
        await self.front.control("quota", per_second=None)
        await self.front.control(
            "switches", stock_moves_update_time=True, unknown_ids="refuse", latency_ms=0, jitter_ms=0,
            page_token_life_seconds=None, most_results=10_000, repeat_page="never",
        )  # fmt: skip


@dataclass
class Store:
    front: Sandbox
    client: SyncClient
    redis: Redis
    id: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    _read: dict[str, str] = field(default_factory=dict)

    async def full(self) -> WalkProgress:
        return await self.wait(await self.client.sync_shop(self.id, full=True))

    async def delta(self) -> WalkProgress:
        return await self.wait(await self.client.sync_shop(self.id))

    async def poll(self) -> WalkProgress:
        return await self.wait(await self.client.sync_stock(self.id))

    async def wait(self, request: WalkRequest, seconds: float = 30) -> WalkProgress:
        """As `SyncClient.wait`, looking more often."""
        async with asyncio.timeout(seconds):
            async for progress in self.client.watch(request, every=0.02):
                latest = progress
        return latest

    async def turn(self, action: str, **document: Any) -> Any:
        return await self.front.control(action, shop_id=self.id, **document)

    async def set(self, product_id: str, **values: str) -> None:
        await self.turn("product", product_id=product_id, set=values)

    async def ids(self) -> list[str]:
        listed: list[str] = (await self.front.see(f"shops/{self.id}/products"))["products"]
        return listed

    async def newest(self) -> dict[str, int]:
        """Give the `update_time` of each product so new that the next incremental walk lists it again."""
        times = {product: row["update_time"] for product, row in (await self._state()).items()}
        return {product: moment for product, moment in times.items() if moment >= max(times.values()) - OVERLAP}

    async def as_of_today(self) -> None:
        """Change a product, so that walks from here on ask for what is newer than a few minutes.

        A moment ago: a detail in the very second of a change may lack another one, and is asked for again.
        """
        await self.back(10, "product", product_id=(await self.ids())[-1], set={"title": "Of today"})

    async def back(self, seconds: int, action: str, **document: Any) -> Any:
        """Turn something with an `update_time` so many seconds ago."""
        await self.front.control("clock", offset_seconds=-seconds)
        answer = await self.turn(action, **document)
        await self.front.control("clock", offset_seconds=0)
        return answer

    async def _state(self) -> dict[str, Any]:
        products: dict[str, Any] = (await self.front.see(f"shops/{self.id}/state"))["products"]
        return products

    async def truth(self) -> dict[str, dict[str, int]]:
        """Units by SKU by product."""
        return {
            product: {sku: sum(one["stock"].values()) for sku, one in row["skus"].items()}
            for product, row in (await self._state()).items()
        }

    async def known(self) -> dict[str, dict[str, int | None]]:
        """The same, as published: what is neither deleted nor removed."""
        snapshot = await self.client.take_snapshot(self.id)
        return {
            product.product_id: {row.sku_id: row.available for row in product.stock if not row.removed}
            for product in snapshot.products.values()
            if not product.deleted
        }

    async def calls(self) -> dict[str, int]:
        """This shop's calls by endpoint since the last look: another's, of the test before, may still be under way.

        The one for its warehouses is left out, as its event is: it comes a minute after the consent.
        """
        stats = await self.front.see("stats")
        await self.front.control("stats/reset")
        each = [(*name.split(" "), count) for name, count in stats["by_shop_path"].items()]
        return {path: count for shop, path, count in each if shop == self.id and path != "warehouses"}

    async def events(self) -> list[dict[str, Any]]:
        """This shop's events since the last look, stream by stream; `type` is short.

        Those of its warehouses are left out: they come a minute after the consent, whatever the test does.
        """
        found = []
        for stream in STREAMS:
            rows = await self.redis.xrange(P.stream(stream), min=f"({self._read.get(stream, '0')}")
            if rows:
                self._read[stream] = rows[-1][0].decode()
            found += [
                json.loads(row[b"data"]) | {"cause": row[b"causationid"].decode(), "subject": row[b"subject"].decode()}
                for _, row in rows
                if row[b"shopid"].decode() == self.id and not row[b"type"].endswith(b".warehouses")
            ]
        for event in found:
            event["type"] = event["event_type"].removeprefix("io.shopstream.")
        return found


def kinds(events: list[dict[str, Any]], *, shops: bool = False) -> Counter[str]:
    """How many of each type, without those about the shop itself."""
    return Counter(event["type"] for event in events if shops or not event["type"].startswith("shop."))


def only(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


async def answered(shop: Store, pages: int) -> bool:
    """Whether so many pages have been given since the last look at the calls."""
    by_path = (await shop.front.see("stats"))["by_path"]
    return bool(by_path.get("products_search", {}).get("ok", 0) >= pages)
