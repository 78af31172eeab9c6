"""T41: views of one shop that lag behind each other, reorder and leave out: nothing is told that was never true."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any, Final

from shopstream.events import (
    PRODUCT_CREATED,
    PRODUCT_DELETED,
    PRODUCT_UPDATED,
    STOCK_CHANGED,
    STOCK_REMOVED,
    Event,
    parse,
)
from shopstream.redis.keys import STREAMS, Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage

P: Final = Partition(0)
SHOPS: Final = 3
PRODUCTS: Final = 24
LAG: Final = {"search": [0, 6], "detail": [0, 3], "inventory": [0, 4]}
PUBLISH: Final = ("products", "prices", "stock")


@dataclass
class Truth:
    """All that was ever true of a shop: by SKU its stock, by product its title, and the products that were deleted."""

    shop: str
    stock: dict[str, set[int]] = field(default_factory=dict)
    titles: dict[str, set[str]] = field(default_factory=dict)
    statuses: dict[str, set[str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    async def note(self, made: Stage) -> dict[str, Any]:
        """Take down the present, and give it."""
        now: dict[str, Any] = (await made.front.see(f"shops/{self.shop}/state"))["products"]
        for product_id, product in now.items():
            self.titles.setdefault(product_id, set()).add(product["title"])
            self.statuses.setdefault(product_id, set()).add(product["status"])
            for sku, row in product["skus"].items():
                self.stock.setdefault(sku, set()).add(sum(row["stock"].values()))
        return now


async def disagreeing(size: Size, seed: int) -> Result:
    """T41: for minutes, with three shops of the three ways of publishing."""
    seconds = size.pick(short=6, ci=600, nightly=3_600)
    draw = random.Random(seed)  # noqa: S311 - repeatable
    async with stage("--shops", str(SHOPS), "--products", str(PRODUCTS)) as made:
        truths = [Truth(shop) for shop in made.shops]
        for truth, publish in zip(truths, PUBLISH, strict=True):
            await made.client.settings(truth.shop, publish=publish)
            await truth.note(made)
            await made.client.wait(await made.client.sync_shop(truth.shop, full=True), timeout=60)
        await made.front.control(
            "switches", lag_seconds=LAG, list_order="update_time_desc", shuffle_skus=True, seed=seed,
            line_without=["title", "price", "inventory", "seller_sku"],
            detail_without=["skus", "title", "main_images", "inventory"], without_share=0.3, total_count="wavers",
        )  # fmt: skip
        end, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            await asyncio.gather(*(_disturb(made, truth, draw) for truth in truths))
            rounds += 1
        await made.front.control(
            "switches", lag_seconds={}, list_order="fixed", shuffle_skus=False, line_without=[], detail_without=[],
            total_count="right",
        )  # fmt: skip
        await asyncio.gather(*(_settle(made, truth) for truth in truths))
        await made.end_workers()
        events = 0
        for truth in truths:
            events += await _check(made, truth)
        products = sum(len(truth.titles) for truth in truths)
        return Result(rounds, products, products, 0, 0, note=f"{events} events, each of something that was true")


async def _disturb(made: Stage, truth: Truth, draw: random.Random) -> None:
    """Change something, and have it looked at by some view."""
    shop, ids = truth.shop, sorted(truth.titles)
    product_id = draw.choice(ids)
    alive = product_id not in truth.deleted
    what = draw.random()
    if what < 0.6:
        await made.front.control("stock", shop_id=shop, random=3, seed=draw.randrange(2**30))
    elif what < 0.8 and alive:
        title = f"Title {draw.randrange(2**30)}"
        await made.front.control("product", shop_id=shop, product_id=product_id, set={"title": title})
    elif what < 0.9 and alive and len(truth.deleted) < PRODUCTS // 3:
        await made.front.control("delete", shop_id=shop, product_id=product_id)
        truth.deleted.add(product_id)
    await truth.note(made)
    look = draw.randrange(4)
    if look == 0:
        await made.client.sync_products(shop, draw.sample(ids, 5))
    elif look == 1:
        await made.client.sync_stock(shop, draw.sample(ids, 5))
    elif look == 2:
        await made.client.sync_shop(shop)
    else:
        await made.client.sync_stock(shop)
    await asyncio.sleep(draw.uniform(0, 0.4))


async def _settle(made: Stage, truth: Truth) -> None:
    """Look at everything once more, now that all views agree."""
    await truth.note(made)
    for _ in range(2):
        await made.client.wait(await made.client.sync_shop(truth.shop, full=True), timeout=90)
        await made.client.wait(await made.client.sync_products(truth.shop, sorted(truth.titles)), timeout=90)
        await made.client.wait(await made.client.sync_stock(truth.shop), timeout=90)


async def _check(made: Stage, truth: Truth) -> int:
    """Hold every event, and the last state, against what was ever true."""
    events: list[Event] = []
    for name in STREAMS[:2]:
        key = P.stream(name)
        entries = await made.redis.xrange(key)
        events += [parse(key, entry_id.decode(), fields) for entry_id, fields in entries]
    events = [event for event in events if event.shop_id == truth.shop]
    for event in events:
        data, kind = event.data, event.type
        if kind == STOCK_CHANGED and data["available"] is not None:
            assert data["available"] in truth.stock[data["sku_id"]], f"never true: {data}"
        elif kind in {PRODUCT_CREATED, PRODUCT_UPDATED} and data["title"] is not None:
            assert data["title"] in truth.titles[data["product_id"]], f"never true: {data}"
        elif kind in {PRODUCT_DELETED, STOCK_REMOVED}:
            assert data["product_id"] in truth.deleted, f"it was never gone: {data}"
    now = await truth.note(made)
    snapshot = await made.client.take_snapshot(truth.shop)
    for product in snapshot.products.values():
        if product.deleted:
            assert product.product_id in truth.deleted
            continue
        there = now[product.product_id]["skus"]
        assert {row.sku_id for row in product.stock if not row.removed} == set(there)
        for row in product.stock:
            if not row.removed:
                assert row.available == sum(there[row.sku_id]["stock"].values()), f"{row} is not {there[row.sku_id]}"
    return len(events)


CASES = [Case("T41", "views that lag, reorder, leave out and waver", disagreeing)]
