"""Why is nothing told of this product? Asked of the real system, and of states that a test has arranged."""

import json

import pytest
from msgspec import structs
from redis.asyncio import Redis

from shopstream import ProductExplanation, SyncClient, UnknownProduct, UnknownShop
from shopstream.redis.keys import AGAIN, Partition
from tests.builders import GONE, snapshot
from tests.builders import seen as detail_seen
from tests.processes import patient
from tests.shopstream.state.test_explain import SHOP, SKU, known, look
from tests.shopstream.test_cli import run
from tests.whole.test_main_job import SEED, shop_open
from worker.changes.drafts import Cause
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen, Target

P = Partition(0)
PRODUCTS = P.stream("products")
TARGET = Target(P, SHOP, "VN", f"https://test/shops/{SHOP}")


async def read(redis: Redis, group: str, *, leave: int = 0) -> None:
    """Read all there is as a member of the group, and acknowledge all but the last `leave` entries."""
    entries = (await redis.xreadgroup(group, "till-1", {PRODUCTS: ">"}, count=1_000))[0][1]
    for entry_id, _ in entries[: len(entries) - leave]:
        await redis.xack(PRODUCTS, group, entry_id)


def standing(found: ProductExplanation) -> dict[str, tuple[str, int | None]]:
    return {one.group: (one.standing, one.knows.seq if one.knows else None) for one in found.readers}


async def test_a_product_is_told_with_its_events_cause_and_readers(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        await client.wait(await client.products(shop, [SEED], cause="order-6"), timeout=60)
        for group in ("erp", "wms", "new"):
            await redis.xgroup_create(PRODUCTS, group, id="0")
        await read(redis, "erp")
        await front.control("product", shop_id=shop, product_id=SEED, set={"title": "Another one"})
        await client.wait(await client.products(shop, [SEED], cause="order-7"), timeout=60)
        await read(redis, "wms", leave=1)

        found = await client.explain_product(shop, SEED)
        assert (found.shop.shop_id, found.product_id, found.view) == (shop, SEED, "detail")
        assert found.state is not None
        assert found.state.product is not None
        assert (found.state.product["title"], found.state.product["status"]) == ("Another one", "live")
        assert (found.state.seq, found.state.deleted) == (2, False)
        assert found.state.updated_at is not None
        assert {one.sku_id for one in found.state.stock} >= {SKU}
        update, made = found.changes
        assert (update.name, update.seq, update.causation_id) == ("product.updated", 2, "order-7")
        assert (made.name, made.seq, made.causation_id) == ("product.created", 1, "order-6")
        assert found.seen_at is not None
        assert update.time <= found.seen_at <= found.at
        assert (found.suppressed, found.letters, found.bounded) == ({}, (), False)
        assert set(found.next_walks) == {"delta", "full", "poll"}
        assert standing(found) == {
            "erp": ("not_read", 1), "wms": ("in_hand", 1), "new": ("not_read", None),
        }  # fmt: skip
        assert len((await client.explain_product(shop, SEED, changes=1)).changes) == 1

        shown = await run(redis_url, "explain", shop, SEED)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert f"{SEED} “Another one”, shop {shop}" in shown.stdout
        assert "live, change #2, updated at TikTok 20" in shown.stdout
        assert "product.updated  /title" in shown.stdout
        assert "wms: the last change is in hand of till-1" in shown.stdout
        assert "new: has not read the last change yet; it has acknowledged none of these" in shown.stdout
        document = json.loads((await run(redis_url, "explain", shop, SEED, "--json")).stdout)
        assert (document["kind"], document["state"]["seq"]) == ("product", 2)
        assert document["changes"][0]["causation_id"] == "order-7"
        assert {one["group"] for one in document["readers"]} == {"erp", "wms", "new"}
        # The same command finds out that an id is a SKU's.
        assert json.loads((await run(redis_url, "explain", shop, SKU, "--json")).stdout)["kind"] == "sku"


async def test_a_setting_that_keeps_its_events_back_is_named(redis: Redis, redis_url: str) -> None:
    await known(redis)
    await look(redis, 1, "10", s1=5)
    async with SyncClient(redis) as client:
        await client.settings(SHOP, publish="stock", description=False)
        found = await client.explain_product(SHOP, "10")
        assert found.state is not None
        assert (found.state.seq, found.state.product, found.changes, found.readers) == (0, None, (), ())
        assert set(found.suppressed) == {"publish=stock", "description=false"}
        assert (found.view, found.waiting) == ("inventory_search", ())
        await client.settings(SHOP, publish="prices", description=True)
        assert set((await client.explain_product(SHOP, "10")).suppressed) == {"publish=prices"}
    shown = (await run(redis_url, "explain", SHOP, "10")).stdout
    assert "publish=prices: changes that a product's detail alone shows are not published" in shown
    assert "only its stock has been seen, no event of it yet" in shown
    assert "1: 5 low_stock" in shown
    assert "not queued, not being fetched" in shown
    assert "paused" not in shown
    async with SyncClient(redis) as client:
        assert found.paused is None
        await client.pause(SHOP)
        assert (await client.explain_product(SHOP, "10")).paused == "shop"
        assert (await client.explain(SHOP, "1")).paused == "shop"
        assert f"resume {SHOP}" in (await run(redis_url, "explain", SHOP, "10")).stdout
        await client.pause()
        assert "paused     all shops" in (await run(redis_url, "explain", SHOP, "10")).stdout
        for one in ("10", "1"):
            assert '"paused":"all"' in (await run(redis_url, "explain", SHOP, one, "--json")).stdout


async def test_a_product_that_only_waits_is_told_with_its_places_and_tries(redis: Redis, redis_url: str) -> None:
    await known(redis, "reauthorization_required")
    await redis.zadd(P.backlog("products", SHOP), {"10": 2**41})
    await redis.hset(P.asked("products", SHOP), "10", '{"origin": "webhook", "cause": "hook-3"}')  # type: ignore[misc]
    await redis.hset(P.tries("products", SHOP), "10", "2")  # type: ignore[misc]
    await redis.zadd(P.claimed("stock", SHOP), {AGAIN + "10": 0})
    async with SyncClient(redis) as client:
        found = await client.explain_product(SHOP, "10")
    line, hand = found.waiting
    assert (line.kind, line.id, line.in_hand, line.origin, line.cause, line.tries) == (
        "products", "10", False, "webhook", "hook-3", 2,
    )  # fmt: skip
    assert (hand.kind, hand.id, hand.in_hand) == ("stock", AGAIN + "10", True)
    assert found.state is None
    shown = (await run(redis_url, "explain", SHOP, "10")).stdout
    assert "no stored state" in shown
    assert "reauthorization_required (no reason given): nothing is fetched until it is active" in shown
    assert "(webhook by hook-3), 2 tries failed" in shown


async def test_why_it_was_given_up_and_that_it_is_gone_are_told(redis: Redis, redis_url: str) -> None:
    await known(redis)
    publisher = Publisher(redis)
    at = 1_700_000_000_000
    for number, content in enumerate((None, snapshot("10", s1=5), None), 1):
        one = detail_seen("10", number, content)
        cause = structs.replace(one.cause, observed_ms=at + 3_600_000 * number)
        await publisher.settle(TARGET, None, [structs.replace(one, cause=cause)])
    async with SyncClient(redis) as client:
        found = await client.explain_product(SHOP, "10")
    assert [letter.data["error_class"] for letter in found.letters] == ["not_found"]
    assert [event.name for event in found.changes] == ["product.deleted", "product.created"]
    assert found.state is not None
    assert (found.state.deleted, found.state.seq) == (True, 2)
    shown = (await run(redis_url, "explain", SHOP, "10")).stdout
    assert "deleted, change #2" in shown
    assert f"not_found (12052032), gone; dead letter {found.letters[0].entry_id}" in shown


async def test_a_product_that_only_events_tell_of_is_found_after_the_skus(redis: Redis, redis_url: str) -> None:
    await known(redis)
    cause = Cause(SHOP, TARGET.source, "request", "job-1", None, "req-1", 1_700_000_000_000)
    await Publisher(redis).settle(TARGET, None, [Seen(b"10", "10", 1, cause, None, GONE)])
    document = json.loads((await run(redis_url, "explain", SHOP, "10", "--json")).stdout)
    assert (document["kind"], document["state"], len(document["letters"])) == ("product", None, 1)


async def test_a_product_of_which_nothing_is_known_is_one_clear_line(redis: Redis, redis_url: str) -> None:
    async with patient(redis_url) as client:
        await redis.set("shopstream:partitions", 1)
        with pytest.raises(UnknownShop):
            await client.explain_product(SHOP, "10")
        await known(redis)
        with pytest.raises(UnknownProduct, match="nothing is known of product 10 in shop 7495"):
            await client.explain_product(SHOP, "10")
    done = await run(redis_url, "explain", SHOP, "10")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "nothing is known of SKU 10" in done.stderr
    assert "nor is anything known of a product 10" in done.stderr
