"""Walks whose worker dies, of which several are wanted at once, or whose seller takes the consent back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from shopstream import ShopParked, SyncClient
from tests.processes import Worker, sandbox, until, worker
from tests.walks.stage import CHANGED, DELETED, SYNCED, P, Store, answered, kinds, only


@asynccontextmanager
async def open_shop(
    redis: Redis, redis_url: str, products: int, workers: int = 0, **env: str
) -> AsyncIterator[tuple[Store, dict[str, str], list[Worker]]]:
    """A shop of its own seller, the environment of its workers, and some of them."""
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(sandbox("--shops", "1", "--products", str(products)))
        client = await stack.enter_async_context(SyncClient(redis_url))
        settings = front.env(redis_url, SHOPSTREAM_PACING_START_RATE="1000", **env)
        running = [await stack.enter_async_context(worker(settings)) for _ in range(max(1, workers))]
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        await client.settings(shop, publish="stock")
        await front.control("stats/reset")
        yield Store(front, client, redis, shop), settings, running


async def kill(shop: Store, victim: Worker) -> None:
    """-9, and then as when its lease has run out."""
    os.kill(victim.child.pid, signal.SIGKILL)
    await victim.child.wait()
    await shop.redis.hset(P.lease("walk", shop.id), "until", "1")  # type: ignore[misc]
    await shop.redis.zadd(P.due, {f"full:{shop.id}": 0}, lt=True)


async def test_a_walk_whose_worker_is_killed_goes_on_from_its_place(redis: Redis, redis_url: str) -> None:
    async with open_shop(redis, redis_url, 520) as (shop, env, (first,)):
        await shop.as_of_today()
        await shop.front.control("switches", latency_ms=150)
        truth = await shop.truth()
        request = await shop.client.sync_shop(shop.id, full=True)
        await until(lambda: answered(shop, 3), every=0.01)
        run = (await anext(aiter(shop.client.watch(request)))).run_id
        await kill(shop, first)
        async with worker(env) as second:
            # Then once more, while it looks for what is gone.
            walk = await shop.wait(request)
            assert (walk.run_id, walk.complete, walk.products) == (run, True, 520)
            # The worker that was killed had a page in hand, and may have had the next one fetched ahead.
            assert (await shop.calls())["products_search"] <= 6 + 2
            gone = (await shop.ids())[:6]
            for product_id in gone:
                await shop.back(400, "delete", product_id=product_id)  # no list of deletions tells of it
            await shop.front.control("switches", latency_ms=100)
            request = await shop.client.sync_shop(shop.id, full=True)
            await until(lambda: confirmed(shop, 2), every=0.01)
            await kill(shop, second)
        async with worker(env):
            walk = await shop.wait(request)
        assert walk.complete
        events = await shop.events()
        stock = only(events, CHANGED)
        assert len(stock) == sum(map(len, truth.values()))
        assert {event["seq"] for event in stock} == {1}
        removed = only(events, "stock.removed")
        assert {event["product_id"] for event in removed} == set(gone)
        assert len({event["subject"] for event in removed}) == len(removed)
        # Six pages, their end, and a look at the list for each that is gone; again for those that a worker had in hand.
        assert 7 + len(gone) <= (await shop.calls())["products_search"] <= 7 + 2 * len(gone)
        started = only(events, "shop.initial_load.started")
        assert [event["run_id"] for event in started] == [run]


async def confirmed(shop: Store, count: int) -> bool:
    found = (await shop.front.see("stats"))["by_path"].get("product", {})
    return bool(found.get("12052032", 0) >= count)


async def test_several_workers_and_kinds_of_walks_of_one_shop_run_one_after_another(
    redis: Redis, redis_url: str
) -> None:
    async with open_shop(redis, redis_url, 250, workers=3) as (shop, _, workers):
        await shop.front.control("switches", latency_ms=60)
        requests = [
            await shop.client.sync_shop(shop.id, full=True), await shop.client.sync_stock(shop.id),
            await shop.client.sync_shop(shop.id), await shop.client.sync_shop(shop.id, full=True),
        ]  # fmt: skip
        for request in requests:
            assert (await shop.wait(request)).complete
        synced = only(await shop.events(), SYNCED)
        spans = sorted((event["started_at"], event["finished_at"]) for event in synced)
        # Asked for twice, the full one ran once, unless it had begun when it was asked for again. An incremental one
        # that found nothing has no event.
        assert len(spans) in {2, 3, 4}
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), spans
        assert not [line for running in workers for line in running.logs if line.get("event") == "walk_fenced"]


async def test_a_shop_deauthorized_on_the_way_parks_and_its_walk_goes_on_with_the_next_consent(
    redis: Redis, redis_url: str
) -> None:
    async with open_shop(redis, redis_url, 420) as (shop, _, __):
        await shop.full()
        gone = (await shop.ids())[0]
        await shop.back(5, "delete", product_id=gone)
        await shop.events(), await shop.calls()
        await shop.front.control("switches", latency_ms=150)
        request = await shop.client.sync_shop(shop.id, full=True)
        await until(lambda: answered(shop, 2), every=0.01)
        await shop.turn("deauthorize")
        with pytest.raises(ShopParked):
            await shop.wait(request)
        await until(lambda: parked(shop))
        assert kinds(await shop.events(), shops=True) == {"shop.reauthorization_required": 1}
        calls = await shop.calls()
        wanted = await shop.client.sync_shop(shop.id)  # asked for meanwhile
        await until(lambda: parked(shop, "delta"))
        assert await shop.calls() == {}
        await shop.front.control("switches", latency_ms=0)
        code = (await shop.turn("auth_code"))["auth_code"]
        await shop.client.authorize(code, timeout=60)
        walk = await shop.wait(request)
        assert walk.complete
        assert (await shop.wait(wanted)).complete
        events = await shop.events()
        assert {event["product_id"] for event in only(events, "stock.removed")} == {gone}
        assert DELETED not in kinds(events), "of stock alone"
        pages = calls["products_search"] + (await shop.calls())["products_search"]
        assert pages <= 6 + 1 + 2, "it went on from its place: the refused page again, and two for what changed"


async def parked(shop: Store, walk: str = "full") -> bool:
    return bool(await shop.redis.hget(P.walk(shop.id), f"parked:{walk}"))  # type: ignore[misc]


async def test_the_legacy_generation_says_clearly_what_it_can_not(redis: Redis, redis_url: str) -> None:
    async with open_shop(redis, redis_url, 20, SHOPSTREAM_API_GENERATION="legacy") as (shop, _, __):
        ids = await shop.ids()
        for walk in (await shop.full(), await shop.delta(), await shop.poll()):
            assert walk.complete is False
            assert "SHOPSTREAM_API_GENERATION=202309" in (walk.reason or "")
        result = await shop.client.wait(await shop.client.sync_stock(shop.id, ids), timeout=60)
        assert set(result.dead) == set(ids)
        assert {letter.data["error_class"] for letter in result.dead.values()} == {"misconfigured"}
        assert "SHOPSTREAM_API_GENERATION=202309" in result.dead[ids[0]].data["message"]
        rehearsed = await shop.client.wait(await shop.client.dry_run("stock", shop.id, ids), timeout=60)
        assert "SHOPSTREAM_API_GENERATION=202309" in (rehearsed.reason or "")
        events = await shop.events()
        assert {event["complete"] for event in only(events, SYNCED)} == {False}
        assert await shop.calls() == {}, "no call left"
        await asyncio.gather(shop.client.wait(await shop.client.sync_products(shop.id, ids[:3]), timeout=60))
        assert kinds(await shop.events())[CHANGED] > 0, "products by id work"
