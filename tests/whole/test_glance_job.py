"""The state of shops at a glance, kept by real workers: each fault is seen in it, and it costs no more than it may."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.glance import rings
from shopstream.glance.overview import Overview
from shopstream.glance.rings import read_ring
from shopstream.glance.shop_facts import HEAD
from shopstream.glance.shop_glance import read_glance
from shopstream.redis.keys import Partition
from tests.processes import Sandbox, patient, sandbox, until, worker
from worker.glances.glance_script import GlanceScript, ShopNews

P = Partition(0)
SEED = "1731029337055922770"


async def see(client: SyncClient, **states: int) -> Overview:
    """Wait until so many shops are in these states."""
    overview = await client.overview()

    async def there() -> bool:
        nonlocal overview
        overview = await client.overview()
        return all(overview.states[name] == count for name, count in states.items())  # type: ignore[index]

    try:
        await until(there, seconds=30)
    except AssertionError as error:
        seen = [(one.state, one.reason, one.glance) for one in overview.shops]
        raise AssertionError(f"{states} wanted: {seen}") from error
    return overview


async def test_a_shop_goes_through_its_states(redis_url: str) -> None:
    options = ("--shops", "3", "--products", "6")
    async with sandbox(*options) as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await load(front, client)
        ids = [shop["shop_id"] for shop in front.shops]
        overview = await see(client, in_step=3)
        assert {one.glance.shop_id for one in overview.shops} == set(ids)

        async def quiet() -> Overview | None:
            seen = await client.overview()
            return seen if all(not one.glance.waiting for one in seen.shops) else None

        overview = await until(quiet, seconds=30)
        one = overview.shops[0].glance
        assert (one.products, one.waiting, one.drift, one.dead) == (6, 0, 0, 0)
        assert one.watermark
        assert one.next_delta_ms
        assert {pace.endpoint for pace in one.paces} >= {"products_search"}
        await client.pause(ids[0])
        await see(client, in_step=2, paused=1)
        request = await client.sync_products(ids[0], [SEED])
        await client.resume(ids[0])
        await client.wait(request, timeout=60)
        await see(client, in_step=3)
        await front.control("deauthorize", shop_id=ids[1])
        await client.sync_products(ids[1], await products(front, ids[1]))
        overview = await see(client, stopped=1)
        stopped = overview.shops[0]
        assert (stopped.state, stopped.glance.shop_id) == ("stopped", ids[1])
        await client.forget(ids[1], timeout=60)
        overview = await see(client, stopped=0)
        assert len(overview.shops) == 2


async def load(front: Sandbox, client: SyncClient) -> None:
    """Authorize all shops, and have them loaded."""
    await front.authorize(client, *front.auth_codes)
    for shop in front.shops:
        await client.wait(await client.sync_shop(shop["shop_id"], full=True), timeout=60)


async def products(front: Sandbox, shop: str) -> list[str]:
    listed: list[str] = (await front.see(f"shops/{shop}/products"))["products"]
    return listed


async def test_a_quota_that_is_cut_is_seen_as_the_cause(redis_url: str) -> None:
    async with (
        sandbox("--shops", "2", "--products", "30") as front,
        worker(front.env(redis_url)),
        patient(redis_url) as client,
    ):
        await load(front, client)
        await see(client, in_step=2)
        shop = front.shops[0]["shop_id"]
        await front.control("quota", shop_id=shop, endpoint="product", per_second=0)
        await client.sync_products(shop, await products(front, shop))
        overview = await see(client, throttled=1, in_step=1)
        found = overview.find(shop)
        assert found
        (pace,) = [pace for pace in found.glance.paces if pace.endpoint == "product"]
        assert pace.throttled >= 1
        await front.control("quota", shop_id=shop, endpoint="product")
        history = await client.redis.hget(P.ring(shop), "product")  # type: ignore[misc]
        slots = read_ring(history, rings.endpoint_ring("product"), overview.now_ms)
        assert len(slots) == 288
        assert sum(slot.third for slot in slots) >= pace.throttled
        await see(client, in_step=2)


async def test_all_can_be_paused_and_resumed(redis_url: str) -> None:
    async with sandbox("--shops", "2") as front, worker(front.env(redis_url)) as running, patient(redis_url) as client:
        await load(front, client)
        await see(client, in_step=2)
        await client.pause()
        await running.logged("all_paused")
        overview = await see(client, paused=2)
        assert overview.paused
        calls = (await front.see("stats"))["by_path"]
        request = await client.sync_products(front.shops[0]["shop_id"], [SEED], urgent=True)
        await asyncio.sleep(1)
        assert (await front.see("stats"))["by_path"] == calls
        await client.resume()
        await client.wait(request, timeout=60)
        await see(client, in_step=2)


async def commands(redis: Redis) -> int:
    stats: dict[str, Any] = await redis.info("commandstats")
    return sum(int(one["calls"]) for name, one in stats.items() if name not in {"cmdstat_info", "cmdstat_hello"})


async def test_an_overview_costs_three_commands_a_partition_at_most(redis: Redis, redis_url: str) -> None:
    await redis.set("shopstream:partitions", 4)
    await redis.ping()
    async with SyncClient(redis_url) as client:
        await client.overview()  # the number of partitions holds for some seconds
        before = await commands(redis)
        overview = await client.overview()
        assert await commands(redis) - before <= 6  # four partitions
    assert len(overview.shops) == 0
    assert set(overview.states.values()) == {0}


async def test_a_glance_is_what_the_keys_say(redis_url: str) -> None:
    """After all kinds of work each stored glance is the one that would be written now, but for its own time."""
    async with sandbox("--shops", "2", "--products", "8") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await load(front, client)
            shop = front.shops[0]["shop_id"]
            await front.control("faults", rate=0.3, kinds=["http_500"], seconds=1, paths=["product"])
            await client.sync_products(shop, await products(front, shop))
            await client.wait(await client.sync_products(shop, ["404"]), timeout=120)
            await client.change_settings(shop, stock_interval=7_200)
            await client.wait(await client.sync_stock(shop), timeout=120)
        stored = await client.redis.hgetall(P.glance)  # type: ignore[misc]
        names = [name.decode() for name in stored]
        assert len(names) == 2
        await GlanceScript(client.redis).write(P, [(name, ShopNews()) for name in names])
        anew = await client.redis.hgetall(P.glance)  # type: ignore[misc]
        for name, before in stored.items():
            old, new = read_glance(before), read_glance(anew[name])
            assert old
            assert new
            assert old._replace(written_ms=0) == new._replace(written_ms=0)
            assert before[: HEAD.size] == anew[name][: HEAD.size]
