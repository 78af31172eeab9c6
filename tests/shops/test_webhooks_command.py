"""`shopstream webhooks` with a real worker: it has the calls made, says what came of it, and harms no shop."""

import json
import re
from collections.abc import Mapping

import pytest
from redis.asyncio import Redis

from shopstream import NoWorker, ShopParked, SubscriptionsFailed, SyncClient, UnknownShop
from shopstream.events import SHOP_DEGRADED
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.builders import entries
from tests.marketplace.test_tiktok_marketplace import made
from tests.processes import Sandbox, sandbox, until, worker
from tests.safety.test_acl import url_of, users
from tests.shopstream.test_cli import run
from tests.sources import ROOT
from tests.whole.test_main_job import shop_open
from worker.marketplace.values import Access
from worker.tiktok.http import new_session
from worker.tiktok.reading.webhook_subscriptions import EVENTS

P = Partition(0)
URL = "https://hooks.example.com/webhooks/tiktok"
BY_API = {5, 6, 7, 15, 16, 37}
"""Types that TikTok's description of the Event API names."""
ALL = sorted(EVENTS.values())
OTHERS = sorted(name for number, name in EVENTS.items() if number not in BY_API)
ORDERS = "ORDER_STATUS_CHANGE"
"""An event that shopstream doesn't use."""
PAGES = ROOT / "docs"
TWO = ("--shops", "2", "--shops-per-seller", "2", "--products", "1")


async def subscribed(front: Sandbox, shop: str) -> Mapping[str, str]:
    """Event → address, as TikTok has them."""
    return dict((await front.see("webhooks"))["subscriptions"].get(shop, {}))


async def read_shop(redis: Redis, shop: str) -> Shop:
    stored = await redis.hget(P.registry, shop)  # type: ignore[misc]
    assert stored
    return Shop.from_json(stored)


async def left(redis: Redis) -> list[bytes]:
    """What an order leaves in Redis."""
    members = [one for one in await redis.zrange(P.due, 0, -1) if one.startswith(b"webhooks:")]
    orders = [key async for key in redis.scan_iter(P.order("*"))]
    return members + orders + [key async for key in redis.scan_iter(P.reply("*")) if b"forget" not in key]


async def test_the_commands_of_the_page_set_show_and_end_the_subscriptions(redis: Redis, redis_url: str) -> None:
    page = (PAGES / "operations.md").read_text()
    (block,) = [one for one in re.findall(r"```console\n(.*?)```", page, re.DOTALL) if "webhooks" in one]
    async with shop_open(redis_url, *TWO) as (front, _, shop):
        other = front.shops[1]["shop_id"]
        outputs = []
        for line in block.splitlines():
            name, *arguments = line.replace("SHOP", shop).split()
            assert name == "shopstream"
            done = await run(redis_url, *arguments)
            assert (done.returncode, done.stderr) == (0, "")
            outputs.append(done.stdout)
            if "--url" in arguments:
                for each in (shop, other):
                    assert await subscribed(front, each) == dict.fromkeys(ALL, URL)
        made, shown, ended = outputs
        assert sorted(made.splitlines()) == sorted(f"{each}: 11 events go to {URL}" for each in (shop, other))
        assert shown == f"{shop}: {URL} gets {', '.join(ALL)}\n"
        assert ended == f"{shop}: 11 subscriptions ended; no subscriptions\n"
        assert await subscribed(front, shop) == {}
        assert await subscribed(front, other) == dict.fromkeys(ALL, URL)
        assert await left(redis) == []


async def test_events_that_tiktok_refuses_are_named_and_the_others_set(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "1") as (front, client, shop):
        await front.control("webhooks", events="described", address="https")
        done = await run(redis_url, "webhooks", shop, "--url", URL)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{shop}: 6 events go to {URL}; TikTok refused 5, set them in Partner Center: ")
        assert sorted(done.stdout.strip().rpartition(": ")[2].split(", ")) == OTHERS
        again = await client.set_subscriptions(shop, URL)
        assert (again.changed, sorted(again.refused), sorted(again.missing)) == (0, OTHERS, OTHERS)
        assert all("event_type" in words for words in again.refused.values())
        listed = json.loads((await run(redis_url, "webhooks", shop, "--json")).stdout)
        assert {one["url"] for one in listed["subscriptions"]} == {URL}
        assert (sorted(listed["missing"]), listed["error"], listed["shop_id"]) == (OTHERS, None, shop)
        assert len(listed["subscriptions"]) == len(BY_API)
        assert all(one["updated_at"].startswith("20") for one in listed["subscriptions"])
        with pytest.raises(SubscriptionsFailed, match=r"refused every event: .*https"):
            await client.set_subscriptions(shop, "http://127.0.0.1:8400/webhooks/tiktok")
        assert await subscribed(front, shop) == dict.fromkeys(sorted(set(ALL) - set(OTHERS)), URL)
        assert [one for one in await entries(redis, "shops") if one["event_type"] == SHOP_DEGRADED] == []


async def test_what_other_programs_subscribed_to_stays(redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "1") as (front, client, shop):
        async with new_session() as session:
            marketplace = made(session, front.url, front.app_key, front.app_secret, "202309")
            grant = await marketplace.authorize((await front.control("auth_code", shop_id=shop))["auth_code"])
            (listed,) = await marketplace.list_shops(grant.access_token)
            await marketplace.subscribe(Access(shop, listed.cipher, grant.access_token), ORDERS, URL)
        await client.set_subscriptions(shop, f"{URL}/old")
        moved = await client.set_subscriptions(shop, URL)
        assert (moved.changed, {one.url for one in moved.subscriptions}) == (11, {URL})
        ended = await client.remove_subscriptions(shop)
        assert (ended.changed, sorted(ended.missing)) == (11, ALL)
        assert [one.event for one in ended.subscriptions] == [ORDERS]
        assert (await client.remove_subscriptions(shop)).changed == 0
        assert await subscribed(front, shop) == {ORDERS: URL}


async def test_a_shop_that_fails_has_its_sentence_and_the_others_go_on(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, *TWO) as (front, client, shop):
        other = front.shops[1]["shop_id"]
        await front.control("refuse", endpoint="webhooks", code=105005, shop_id=shop)
        done = await run(redis_url, "webhooks", "--all", "--url", URL)
        assert done.returncode == 1
        assert done.stdout == f"{other}: 11 events go to {URL}\n"
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"{shop}: TikTok could not be asked: ")
        assert "scope seller.authorization.info" in line
        listed = await run(redis_url, "webhooks", "--all", "--json")
        rows = {one["shop_id"]: one for one in map(json.loads, listed.stdout.splitlines())}
        assert (listed.returncode, listed.stderr) == (1, "")
        assert (bool(rows[shop]["error"]), rows[other]["error"]) == (True, None)
        assert [one for one in await entries(redis, "shops") if one["event_type"] == SHOP_DEGRADED] == []
        assert (await read_shop(redis, shop)).status == "active"
        await front.control("refuse")
        assert (await client.set_subscriptions(shop, URL)).changed == 11


async def test_a_throttle_and_an_expired_token_are_overcome(redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "1") as (front, client, shop):
        await front.control("tokens", expire_access=True)
        await front.control("refuse", endpoint="webhooks", code=36009002, times=1)
        assert (await client.set_subscriptions(shop, URL)).changed == 11
        assert await subscribed(front, shop) == dict.fromkeys(ALL, URL)


async def test_without_a_worker_the_order_is_withdrawn(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "1") as (front, _, shop):
        await front.see("webhooks")
    async with SyncClient(redis_url) as client:
        with pytest.raises(NoWorker, match="is `python -m worker` running"):
            await client.list_subscriptions(shop, timeout=0.3)
        assert await left(redis) == []
        with pytest.raises(UnknownShop):
            await client.list_subscriptions("77", timeout=0.3)
        parked = (await read_shop(redis, shop)).standing_as("deauthorized", "gone", "2026-01-01T00:00:00.000Z")
        await redis.hset(P.registry, shop, parked.to_json())  # type: ignore[misc]
        with pytest.raises(ShopParked):
            await client.list_subscriptions(shop, timeout=0.3)


async def test_who_may_only_write_due_orders_nothing(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "1") as (front, client, shop):
        await client.set_subscriptions(shop, URL)
        await redis.zadd(P.due, {"webhooks:0123456789abcdef": 0})
        await redis.set(P.order("malformed"), b'{"shop_id": 1}', ex=60)
        await redis.zadd(P.due, {"webhooks:malformed": 0})

        async def gone() -> bool:
            members = [one for one in await redis.zrange(P.due, 0, -1) if one.startswith(b"webhooks:")]
            return not members and bool(await redis.exists(P.reply("malformed")))

        await until(gone)
        assert await subscribed(front, shop) == dict.fromkeys(ALL, URL)


async def test_the_user_worker_has_the_rights_and_a_producer_has_not(redis: Redis, redis_url: str) -> None:
    address = "http://127.0.0.1:8400/webhooks/tiktok"
    async with (
        users(redis),
        sandbox("--shops", "1", "--products", "1") as front,
        worker(front.env(url_of(redis_url, "worker"))),
    ):
        async with SyncClient(url_of(redis_url, "worker")) as operator:
            await front.authorize(operator)
        shop = front.shops[0]["shop_id"]
        done = await run(url_of(redis_url, "worker"), "webhooks", shop, "--url", address)
        assert (done.returncode, done.stdout) == (0, f"{shop}: 11 events go to {address}\n")
        assert "a sandbox alone pushes to this URL" in done.stderr
        refused = await run(url_of(redis_url, "producer"), "webhooks", shop)
        assert (refused.returncode, "lacks a right" in refused.stderr) == (1, True)


async def test_the_legacy_generation_says_what_it_lacks(redis_url: str) -> None:
    options = ("--shops", "1", "--products", "1")
    async with shop_open(redis_url, *options, SHOPSTREAM_API_GENERATION="legacy") as (_, client, shop):
        with pytest.raises(SubscriptionsFailed, match="SHOPSTREAM_API_GENERATION=202309"):
            await client.list_subscriptions(shop)


def test_the_page_of_tiktok_has_the_events() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (yes|no) \|$", (PAGES / "tiktok.md").read_text(), re.MULTILINE)
    assert {int(number): name for number, name, _ in rows} == EVENTS
    assert {int(number) for number, _, said in rows if said == "yes"} == BY_API
