"""Why does my ERP show 3? Asked of the real system: sandbox, worker, and groups that have read only some."""

import json
import re
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis

from shopstream import Explanation, Reader, Shop, SyncClient, UnknownShop, UnknownSku
from shopstream.redis.keys import AGAIN, Partition
from shopstream.state import explain as explaining
from tests.builders import seen as detail_seen
from tests.builders import snapshot
from tests.shopstream.test_cli import run
from tests.whole.test_main_job import SEED, shop_open
from tests.worker.changes.inventories import stock_seen
from worker.changes.drafts import Cause
from worker.changes.normalized import SkuStock, WarehouseDoc
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen, Target

P = Partition(0)
SKU = "1731159324007369298"
STOCK = P.stream("stock")


async def read(redis: Redis, group: str, *, leave: int = 0) -> None:
    """Read all there is as a member of the group, and acknowledge all but the last `leave` entries."""
    answer: Any = await redis.xreadgroup(group, "till-1", {STOCK: ">"}, count=1_000)
    ids = [entry_id for _, entries in answer for entry_id, _ in entries]
    for entry_id in ids[: len(ids) - leave]:
        await redis.xack(STOCK, group, entry_id)


def standing(facts: Explanation) -> dict[str, tuple[str, int | None]]:
    def available(reader: Reader) -> int | None:
        return reader.knows.data["available"] if reader.knows else None

    return {reader.group: (reader.standing, available(reader)) for reader in facts.readers}


async def test_why_it_is_what_it_is_and_who_has_read_that(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        await client.settings(shop, **{"low:" + SKU: 14})
        await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        await client.wait(await client.sync_stock(shop, [SEED]), timeout=60)
        for group in ("erp", "wms", "bi", "new"):
            await redis.xgroup_create(STOCK, group, id="0")
        await read(redis, "erp")
        await read(redis, "wms")
        await front.control("stock", shop_id=shop, changes=[{"sku_id": SKU, "quantity": 12}])
        await client.wait(await client.sync_products(shop, [SEED], cause="order-7"), timeout=60)
        await read(redis, "wms", leave=1)
        await read(redis, "bi")
        # Looked at once more, unchanged, by another of TikTok's answers.
        await client.wait(await client.sync_stock(shop, [SEED]), timeout=60)
        await client.wait(await client.sync_stock(shop, [SEED]), timeout=60)

        facts = await client.explain(shop, SKU)
        assert (facts.shop.shop_id, facts.sku_id, facts.product_id) == (shop, SKU, SEED)
        assert facts.stock is not None
        assert (facts.stock.available, facts.stock.level, facts.low, facts.recovered) == (12, "low_stock", 14, 21)
        sale, *before = facts.changes
        assert (sale.data["previous_available"], sale.data["available"], sale.data["transition"]) == (17, 12, "low")
        assert before[-1].data["previous_available"] is None
        assert (sale.origin, sale.causation_id) == ("request", "order-7")
        assert sale.data["request_id"]
        assert facts.view == "inventory_search"
        assert facts.seen_at is not None
        assert sale.time < facts.seen_at <= facts.at
        assert facts.bounded is False
        assert set(facts.next_walks) == {"delta", "full", "poll"}
        assert standing(facts) == {
            "erp": ("not_read", 17), "wms": ("in_hand", 17), "bi": ("acknowledged", 12), "new": ("not_read", None),
        }  # fmt: skip
        # It sells, so it is looked at again, and that is shown.
        (look,) = facts.waiting
        assert (look.kind, look.id, look.in_hand, look.origin) == ("stock", AGAIN + SEED, False, "stock_poll")
        assert look.cause == f"guard-{SKU}-{sale.seq}"
        assert look.due is not None
        assert look.due > facts.at

        shown = await run(redis_url, "explain", shop, SKU)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "17 → 12" in shown.stdout
        assert "low at 14 units and below, recovered at 21 and above" in shown.stdout
        assert "bi: has acknowledged the last change, so it should show 12" in shown.stdout
        document = json.loads((await run(redis_url, "explain", shop, SKU, "--json")).stdout)
        assert document["stock"]["available"] == 12
        assert document["changes"][0]["causation_id"] == "order-7"
        assert {one["group"] for one in document["readers"]} == {"erp", "wms", "bi", "new"}


SHOP = "7495"
TARGET = Target(P, SHOP, "VN", f"https://test/shops/{SHOP}")


async def known(redis: Redis, status: str = "active") -> None:
    shop = Shop(SHOP, "N", "VN", "LOCAL", "a", status, None, "2026-01-01T00:00:00.000Z", 2**32)  # type: ignore[arg-type]
    await redis.hset(P.registry, SHOP, shop.to_json())  # type: ignore[misc]


async def look(redis: Redis, fetch_seq: int, product: str, **stock: int) -> None:
    rows = [
        SkuStock(sku_id=name[1:], seller_sku=None, available=n, committed=None, warehouses=[WarehouseDoc("7", n, None)])
        for name, n in stock.items()
    ]
    at = 1_700_000_000_000 + 3_600_000 * fetch_seq
    cause = Cause(SHOP, TARGET.source, "request", f"job-{fetch_seq}", None, f"req-{fetch_seq}", at)
    seen = Seen(b"", product, fetch_seq, cause, stock_seen(product, rows), view="i")
    await Publisher(redis).settle(TARGET, None, [seen])


async def test_each_group_is_told_what_it_should_show_by_what_it_has_acknowledged(redis: Redis, redis_url: str) -> None:
    await known(redis)
    async with SyncClient(redis) as client:
        for fetch_seq, available in enumerate((5, 4, 3), 1):
            await look(redis, fetch_seq, "10", s1=available, s2=7)
            for group in ("slow", "stuck", "done"):
                if fetch_seq == 1:
                    await redis.xgroup_create(STOCK, group, id="0")
                if group == "done" or fetch_seq < 3:
                    await read(redis, group, leave=0)
        await read(redis, "stuck", leave=1)
        await redis.xgroup_create(STOCK, "new", id="0")
        facts = await client.explain(SHOP, "1")
        assert standing(facts) == {
            "done": ("acknowledged", 3), "new": ("not_read", None), "slow": ("not_read", 4), "stuck": ("in_hand", 4),
        }  # fmt: skip
        stuck = next(reader for reader in facts.readers if reader.group == "stuck")
        assert (stuck.consumer, stuck.deliveries) == ("till-1", 1)
    shown = (await run(redis_url, "explain", SHOP, "1")).stdout
    assert "slow: has not read the last change yet; by what it has acknowledged it shows 4 (#2)" in shown
    assert re.search(r"stuck: the last change is in hand of till-1 since \d+ s; by what .* it shows 4 \(#2\)", shown)
    assert "new: has not read the last change yet; it has acknowledged none of these" in shown
    assert "request by job-3, TikTok's request req-3" in shown


async def test_a_search_of_the_stream_is_bounded_and_says_so_and_the_state_still_answers(
    redis: Redis, redis_url: str
) -> None:
    await known(redis)
    await look(redis, 1, "10", s1=5)
    await look(redis, 2, "10", s1=3)
    async with redis.pipeline(transaction=False) as pipe:
        for _ in range(explaining.SEARCH - 1):
            pipe.xadd(STOCK, {"subject": "sku/2", "shopid": SHOP, "data": "{}"})
        await pipe.execute()
    async with SyncClient(redis) as client:
        facts = await client.explain(SHOP, "1")
        assert ([one.data["available"] for one in facts.changes], facts.searched) == ([3], explaining.SEARCH)
        assert facts.bounded is True
        await redis.xadd(STOCK, {"subject": "sku/2", "shopid": SHOP, "data": "{}"})
        facts = await client.explain(SHOP, "1")
        assert (facts.changes, facts.readers, facts.bounded, facts.product_id) == ((), (), True, "10")
        assert facts.stock is not None
        assert facts.stock.available == 3
    assert "there may be older changes" in (await run(redis_url, "explain", SHOP, "1")).stdout


async def test_a_sku_that_moved_or_is_gone_and_entries_that_are_none_of_ours(redis: Redis) -> None:
    await known(redis)
    await look(redis, 1, "10", s1=5, s2=1)
    later = detail_seen("10", 2, snapshot("10", s2=1))
    at = 1_700_000_000_000 + 3_600_000 * 2
    later = structs.replace(later, cause=structs.replace(later.cause, observed_ms=at), span=None)
    await Publisher(redis).settle(TARGET, None, [later])
    async with SyncClient(redis) as client:
        facts = await client.explain(SHOP, "1")
        assert facts.stock is not None
        assert (facts.stock.removed, [one.name for one in facts.changes]) == (True, ["stock.removed", "stock.changed"])
        await look(redis, 3, "11", s1=4)
        await redis.xadd(STOCK, {"subject": "sku/1", "shopid": SHOP, "data": "{"})
        assert (await client.explain(SHOP, "1")).product_id == "11"
        await redis.delete(STOCK)  # as trimming may
        assert (await client.explain(SHOP, "1")).product_id == "11"


async def test_what_nobody_knows_is_one_clear_line(redis: Redis, redis_url: str) -> None:
    async with SyncClient(redis) as client:
        with pytest.raises(UnknownShop):
            await client.explain(SHOP, "1")
        await known(redis)
        with pytest.raises(UnknownSku):
            await client.explain(SHOP, "1")
    for sku, said, code in (("1", "nothing is known of SKU 1 in shop 7495", 1), ("../x", "is not a SKU id", 2)):
        done = await run(redis_url, "explain", SHOP, sku)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
        assert said in done.stderr


async def test_a_shop_that_waits_for_its_seller_and_an_id_in_hand_are_told(redis: Redis, redis_url: str) -> None:
    await known(redis, "reauthorization_required")
    await look(redis, 1, "10", s1=5)
    await redis.zadd(P.claimed("products", SHOP), {"10": 0})
    await redis.zadd(P.backlog("stock", SHOP), {"sku:1": 0, AGAIN + "10": 2**41})
    await redis.hset(P.asked("stock", SHOP), "sku:1", "not JSON")  # type: ignore[misc]
    await redis.hset(P.tries("stock", SHOP), "sku:1", "2")  # type: ignore[misc]
    async with SyncClient(redis) as client:
        waiting = {one.id: one for one in (await client.explain(SHOP, "1")).waiting}
    assert (waiting["10"].kind, waiting["10"].in_hand) == ("products", True)
    assert (waiting["sku:1"].due, waiting["sku:1"].origin, waiting["sku:1"].tries) == (None, None, 2)
    assert waiting[AGAIN + "10"].due == "2039-09-07T15:47:35.552Z"
    shown = (await run(redis_url, "explain", SHOP, "1")).stdout
    assert "reauthorization_required (no reason given): nothing is fetched until it is active" in shown
    assert "in a worker's hand now of products" in shown
    assert "in the backlog of stock, for this SKU alone, due at once, 2 tries failed" in shown
