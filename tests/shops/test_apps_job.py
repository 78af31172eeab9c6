"""Several apps in one deployment: real workers against a sandbox whose quota is per app, shop and endpoint."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.authorizations.findings import Finding
from shopstream.enqueue.first_load import read_pace
from shopstream.redis.keys import Partition
from shopstream.registry.shop_of_apps import OtherConsent, ShopOfApps, list_views
from tests.builders import entries
from tests.commands.running import command
from tests.processes import Sandbox, Worker, load_tomorrow, patient, sandbox, until, worker
from worker.backlog.claims import Backlog

P = Partition(0)
OPTIONS = ("--shops", "1", "--products", "60", "--apps", "2")


def two_apps(front: Sandbox, redis_url: str, **more: str) -> dict[str, str]:
    """The settings of a worker with both apps of the sandbox."""
    second = front.apps[1]
    return front.env(redis_url, SHOPSTREAM_APPS=f"second:{second['app_key']}:{second['app_secret']}", **more)


async def consent_to_second(front: Sandbox, client: SyncClient) -> None:
    shop = front.shops[0]["shop_id"]
    code = (await front.control("auth_code", shop_id=shop, app_key=front.apps[1]["app_key"]))["auth_code"]
    await client.authorize(code, app="second", timeout=60)


@asynccontextmanager
async def shared_shop(
    redis_url: str, *options: str, **env: str
) -> AsyncIterator[tuple[Sandbox, SyncClient, str, Worker]]:
    """A shop whose seller has consented to both apps, and a worker."""
    async with (
        sandbox(*OPTIONS, *options) as front,
        worker(two_apps(front, redis_url, **env)) as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client)
        await consent_to_second(front, client)
        yield front, client, front.shops[0]["shop_id"], running


async def entry_of(redis: Redis, shop: str) -> ShopOfApps:
    return ShopOfApps.from_json(await redis.hget(P.registry, shop))  # type: ignore[misc]


async def ids_of(front: Sandbox, shop: str) -> list[str]:
    found: list[str] = (await front.see(f"shops/{shop}/products"))["products"]
    return found


def answers(stats: Mapping[str, Any], front: Sandbox) -> tuple[dict[str, int], dict[str, int]]:
    """The answers to product calls of the first and the second app."""
    by_app = stats["by_app_path"]
    return by_app.get("product", {}), by_app.get(f"product {front.apps[1]['app_key']}", {})


@pytest.mark.quiet
async def test_two_apps_give_a_shop_the_quotas_of_both(redis: Redis, redis_url: str) -> None:
    """The quota is far above the pace: a machine that stands still for a moment sends the calls that it owes."""
    env = {"SHOPSTREAM_PACING_START_RATE": "9", "SHOPSTREAM_PACING_MAX_RATE": "9"}
    async with shared_shop(redis_url, "--quota", "40", **env) as (front, client, shop, _):
        entry = await entry_of(redis, shop)
        assert [(view.app, view.status) for view in list_views(entry)] == [("second", "active"), ("", "active")]
        assert len({view.authorization for view in list_views(entry)}) == 2
        assert [one.shop_id for one in await client.list_shops()] == [shop]
        request = await client.sync_products(shop, await ids_of(front, shop))
        assert not (await client.wait(request, timeout=120)).dead
        stats = await front.see("stats")
        first, second = answers(stats, front)
        assert first["ok"] + second["ok"] == 60
        assert min(first["ok"], second["ok"]) >= 15, "both apps took their part"
        assert stats["throttled"] == 0
        assert len(await entries(redis, "products")) == 60
        pace = await redis.hgetall(P.pace(shop))  # type: ignore[misc]
        assert {b"product:rate", b"second/product:rate"} <= set(pace)


async def test_the_rest_goes_on_while_one_apps_consent_is_gone(redis: Redis, redis_url: str) -> None:
    async with shared_shop(redis_url) as (front, client, shop, running):
        ids = await ids_of(front, shop)
        await front.control("tokens", revoke_app={"seller": front.shops[0]["seller"], "app_key": front.app_key})
        assert not (await client.wait(await client.sync_products(shop, ids), timeout=90)).dead
        entry = await entry_of(redis, shop)
        assert (entry.app, entry.status) == ("second", "active")
        assert [(one.app, one.state) for one in entry.also] == [("", "reauthorization_required")]
        await running.logged("app_lost_consent")
        types = {fields[b"type"] for _, fields in await redis.xrange(P.stream("shops"))}
        assert b"io.shopstream.shop.reauthorization_required" not in types

        async def shown() -> bool:
            done = await command(redis_url, "status")
            return "lost consents: default of 1 shop; these go on by their other apps" in done.out and done.code == 0

        await until(shown, 30, every=1)
        await client.authorize((await front.control("auth_code", shop_id=shop))["auth_code"])
        assert {view.status for view in list_views(await entry_of(redis, shop))} == {"active"}


async def findings(client: SyncClient) -> Sequence[Finding]:
    return [finding for one in await client.list_workers() for finding in one.findings]


async def test_without_one_of_its_apps_a_worker_goes_on_by_the_other(redis: Redis, redis_url: str) -> None:
    async with sandbox(*OPTIONS) as front, patient(redis_url) as client:
        async with worker(two_apps(front, redis_url)):
            await front.authorize(client)
            await consent_to_second(front, client)
        shop = front.shops[0]["shop_id"]
        before = await entry_of(redis, shop)
        async with worker(front.env(redis_url)) as running:
            await running.logged("authorizations_unusable")
            ids = await ids_of(front, shop)
            assert not (await client.wait(await client.sync_products(shop, ids), timeout=90)).dead
            (finding,) = await until(lambda: findings(client))
            assert (finding.kind, finding.theirs, finding.shops) == ("other_app", front.apps[1]["app_key"], 1)
            shown = await command(redis_url, "status")
            assert (shown.code, finding.title in shown.out) == (0, True), shown.out
        first, second = answers(await front.see("stats"), front)
        assert (first["ok"], second) == (60, {})
        assert await entry_of(redis, shop) == before


async def test_an_answer_by_one_app_is_ordered_against_those_by_the_other(redis: Redis, redis_url: str) -> None:
    """A call in two seconds by each app, so that the next call goes by the other one."""
    env = {"SHOPSTREAM_PACING_START_RATE": "0.5", "SHOPSTREAM_PACING_MAX_RATE": "0.5"}
    async with shared_shop(redis_url, **env) as (front, client, shop, _):
        product = (await ids_of(front, shop))[0]
        for number in range(4):
            await front.control("product", shop_id=shop, product_id=product, set={"title": f"Title {number}"})
            await client.wait(await client.sync_products(shop, [product], urgent=True), timeout=60)
        first, second = answers(await front.see("stats"), front)
        assert first["ok"] + second["ok"] == 4
        assert min(first["ok"], second["ok"]) >= 1
        rows = [fields for _, fields in await redis.xrange(P.stream("products"))]
        assert [int(fields[b"seq"]) for fields in rows] == [1, 2, 3, 4]
        assert [json.loads(fields[b"data"])["title"] for fields in rows] == [f"Title {number}" for number in range(4)]


def shop_of(other: OtherConsent) -> ShopOfApps:
    """A shop by the app `second`, with another consent."""
    since = "2026-01-01T00:00:00Z"
    return ShopOfApps("7", "A", "GB", "", "a" * 16, "active", None, since, 0, app="second", also=[other])


async def test_the_pace_of_a_first_load_is_the_sum_of_those_of_the_apps_that_work(redis: Redis) -> None:
    other = OtherConsent("b" * 16, "", "active", None, "2026-01-01T00:00:00Z", 0)
    shop = shop_of(other)
    await redis.hset(
        P.pace("7"), mapping={"product:rate": "4", "second/product:rate": "6.5", "third/product:rate": "9"}
    )  # type: ignore[misc]
    assert await read_pace(redis, P, "7") == 4, "a shop that nobody has registered yet"
    for stored, pace in ((shop, 10.5), (replace(shop, also=[replace(other, state="deauthorized")]), 6.5)):
        await redis.hset(P.registry, "7", stored.to_json())  # type: ignore[misc]
        assert await read_pace(redis, P, "7") == pace


async def test_a_lost_app_neither_holds_a_shop_nor_counts_for_its_pace(redis: Redis) -> None:
    """Of the two rates, 2 and 50 a second, that of the app that works decides how many ids a drain takes."""
    other = OtherConsent("b" * 16, "", "deauthorized", "gone", "2026-01-01T00:00:00Z", 0)
    shop = shop_of(other)
    await redis.hset(P.registry, "7", shop.to_json())  # type: ignore[misc]
    far = 1000 * (time.time() + 3600)
    await redis.hset(P.pace("7"), mapping={"product:rate": "50", "second/product:rate": "2"})  # type: ignore[misc]
    await redis.zadd(P.backlog("products", "7"), {str(number): 1 for number in range(60)})
    backlog = Backlog(redis)
    claimed = await backlog.claim(P, "products", "7", endpoint="product", start_rate=10)
    assert claimed
    assert len(claimed.ids) == 2
    await redis.delete(P.lease("products", "7"))
    await redis.hset(P.pace("7"), mapping={"second/product:cool": str(far)})  # type: ignore[misc]
    assert await backlog.claim(P, "products", "7", endpoint="product", start_rate=10) is None
    assert await redis.zscore(P.due, "products:7") == pytest.approx(far)


async def test_a_sealed_record_is_opened_for_its_own_app_alone(redis: Redis, redis_url: str) -> None:
    async with shared_shop(redis_url) as (front, client, shop, _):
        leading, other = list_views(await entry_of(redis, shop))
        issuers = [await redis.hget(P.token(view.authorization), "issuer") for view in (leading, other)]  # type: ignore[misc]
        assert issuers[0] != issuers[1]
        await redis.hset(P.token(leading.authorization), "issuer", issuers[1])  # type: ignore[misc]
        # A pair that a worker has read just now is used for five seconds.
        held = time.monotonic() + 6
        await until(lambda: _passed(held))
        await front.control("reset")
        ids = (await ids_of(front, shop))[:20]
        assert not (await client.wait(await client.sync_products(shop, ids), timeout=90)).dead
        first, second = answers(await front.see("stats"), front)
        assert (first, second) == ({"ok": 20}, {})
        assert (await client.list_shops())[0].status == "active"


async def _passed(moment: float) -> bool:
    return time.monotonic() > moment


async def test_a_shop_of_one_app_looks_as_it_did_before(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await load_tomorrow(redis, [front.shops[0]["shop_id"]])
            (shop,) = await client.authorize(front.auth_codes[0], timeout=60)
        stored = await redis.hget(P.registry, shop.shop_id)  # type: ignore[misc]
        assert b'"app"' not in stored
        assert b'"also"' not in stored
        assert ShopOfApps.from_json(stored).to_json().encode() == stored
