"""T33: the users of docs/operations.md, against a server that enforces them: each does its work, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shopstream import EventConsumer, SyncClient
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from tests.commands.running import command
from tests.gateway.process import SHOP, authorize, gateway, push
from tests.move.planted import name_shop, plant
from tests.processes import sandbox, settle, until, worker
from tests.running import sentinels
from tests.sources import ROOT

P = Partition(0)
SEED = "1731029337055922770"
MANUAL = ROOT / "docs" / "operations.md"
SAMPLES = ROOT / "shopstream" / "samples"
USERS = {
    line.split()[1]: line.split()[2:]
    for line in MANUAL.read_text().partition("```acl\n")[2].partition("```")[0].splitlines()
}
PASSWORD = "acl-canary-91c2"


def url_of(redis_url: str, name: str) -> str:
    return f"redis://{name}:{PASSWORD}@127.0.0.1:{urlsplit(redis_url).port}/0"


@asynccontextmanager
async def users(redis: Redis) -> AsyncIterator[None]:
    for name, rules in USERS.items():
        right = [rule.replace("PASSWORD", PASSWORD) for rule in rules]
        await redis.execute_command("ACL", "SETUSER", name, *right)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        await redis.execute_command("ACL", "DELUSER", *USERS)  # type: ignore[no-untyped-call]


async def test_each_user_does_its_work(redis: Redis, redis_url: str) -> None:
    assert set(USERS) == {"worker", "producer", "waiter", "consumer", "gateway"}
    async with users(redis), sandbox("--shops", "1", "--products", "5") as front:
        shop = front.shops[0]["shop_id"]
        async with worker(front.env(url_of(redis_url, "worker"))) as running:
            async with SyncClient(url_of(redis_url, "worker")) as operator:
                await front.authorize(operator)
            async with SyncClient(url_of(redis_url, "producer")) as producer:
                asked = await producer.sync_products(shop, [SEED], urgent=True, origin="webhook", cause="order-1")
                await producer.redis.zadd(wake_key(), {"0": 0})
                of_stock = await producer.sync_stock(shop, [SEED], urgent=True)
            async with SyncClient(url_of(redis_url, "waiter")) as waiter:
                assert not (await waiter.wait(asked, timeout=60)).dead
                assert not (await waiter.wait(of_stock, timeout=60)).dead
                await waiter.redis.zadd(wake_key(), {"0": 0})  # a refusal would not be told by `products`
                assert (await waiter.wait(await waiter.sync_products(shop, ["404"]), timeout=60)).dead.keys() == {"404"}
            url = url_of(redis_url, "consumer")
            for stream, count in (("products", 1), ("stock", 2), ("shops", 1), ("dead", 1)):
                read = []
                async with EventConsumer(url, stream=stream, group="erp") as consumer:
                    async for event in consumer:
                        await event.ack()
                        read.append(event)
                        if len(read) == count:
                            break
            async with SyncClient(url) as reader:
                snapshot = await reader.take_snapshot(shop)
                assert set(snapshot.products) == {SEED}
                await front.control("stock", shop_id=shop, random=1)
                async with SyncClient(url_of(redis_url, "producer")) as producer:
                    listed = (await front.see(f"shops/{shop}/products"))["products"]
                    await producer.sync_products(shop, listed)
                async for following in snapshot.follow():
                    assert following.shop_id == shop
                    break
            async with SyncClient(url_of(redis_url, "worker")) as operator:
                found = await operator.explain_product(shop, SEED)
                assert found.state is not None
                assert [reader.group for reader in found.readers] == ["erp"]
                assert (await operator.explain(shop, found.state.stock[0].sku_id)).product_id == SEED
                assert [letter.data["id"] for letter in (await operator.explain_product(shop, "404")).letters] == [
                    "404"
                ]
        warnings = [line for line in running.logs if line.get("level") in {"warning", "error"}]
        assert {line["event"] for line in warnings} <= {"guard", "call_failed"}, warnings


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("producer", "sync products SHOP 1"),
        ("producer", "sync stock SHOP 1"),
        ("waiter", "sync products SHOP 1"),
        ("waiter", "dead list"),
        ("waiter", "dead counts"),
        ("consumer", "snapshot SHOP"),
        ("consumer", "tail stock --from-start -n 1"),
        ("consumer", "tail stock --from-start --group another -n 1"),
    ],
)
async def test_a_lesser_user_may_run_the_commands_that_the_page_names(
    redis: Redis, redis_url: str, user: str, words: str
) -> None:
    await plant(redis, 1)
    event = orjson.loads((SAMPLES / "stock.changed.json").read_bytes())
    await redis.xadd(P.stream("stock"), {**event, "data": orjson.dumps(event["data"])})
    async with users(redis):
        done = await command(url_of(redis_url, user), *words.replace("SHOP", name_shop(0)).split())
    assert done.code == 0, done


async def test_a_gateway_takes_every_type_of_webhook_as_its_user(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    await redis.hset(P.sellers, "open", orjson.dumps([SHOP, "1"]).decode())  # type: ignore[misc]
    of_stock = {"event_id": "e", "occurred_at": "2026-04-02T09:28:34Z", "product_id": "1", "sku_id": "2"}
    bodies = [
        *(push(kind) for kind in (5, 15, 16, 24, 27, 37, 39, 42)),
        *(push(kind, {}) for kind in (6, 7)),
        push(68, of_stock | {"quantity_snapshot_after_change": {"in_shop_quantity": 1}}),
        push(15, shop_id=None, seller_open_id="open"),
    ]
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        await redis.zadd(P.notified, {"5:1:old": 1})
        for body in bodies:
            assert await running.post(body) == 200
        assert {result for each in (await running.counted()).values() for result in each} == {"accepted"}
        assert (await running.see("/readyz"))[0] == 200
        await until(lambda: redis.exists(wake_key()))  # a refusal would not be told

        async def logged() -> list[str]:
            return [line["event"] for line in running.logs if line.get("level") in {"warning", "error"}]

        assert await logged() == []


async def test_a_gateway_lists_groups_and_workers_as_its_user(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    entry = await redis.xadd(P.stream("stock"), {"n": "1"})
    await redis.xgroup_create(P.stream("stock"), "erp", "0")
    async with users(redis), SyncClient(url_of(redis_url, "gateway")) as viewer:
        (found,) = await viewer.list_groups()
        assert (found.group, found.unread, found.members, found.lost) == ("erp", 1, 0, 0)
        assert await viewer.list_workers() == []
    await redis.xdel(P.stream("stock"), entry)


async def test_sentinels_replicas_and_clients_fail_over_as_their_users() -> None:
    section = MANUAL.read_text().partition("## Redis Sentinel\n")[2].partition("\n## ")[0]
    lines = [line.split() for line in section.splitlines() if line.startswith("user ")]
    rules = {name: [rule.replace("PASSWORD", sentinels.PASSWORD) for rule in some] for _, name, *some in lines}
    own = rules.pop("clients")
    assert rules.keys() == {"sentinel", "replica"}
    rules["producer"] = [rule.replace("PASSWORD", PASSWORD) for rule in USERS["producer"]]
    async with sentinels.trio(users=rules) as servers:
        for each in servers.sentinels:
            await each.redis.execute_command("ACL", "SETUSER", "clients", *own)  # type: ignore[no-untyped-call]
        credentials = f"sentinel_username=clients&sentinel_password={sentinels.PASSWORD}"
        url = servers.url.replace("://", f"://producer:{PASSWORD}@") + f"?{credentials}"
        first = await servers.primary()
        async with Redis.from_url(first.url) as redis:
            await settle(redis)
        await servers.in_step()
        async with SyncClient(url) as client:
            await client.sync_products("1", ["1"])
            second = await servers.hand_over(first)
            await client.sync_products("1", ["2"])
            await servers.in_step()
            second.kill()
            third, _ = await servers.moved(second)
            await client.sync_products("1", ["3"])
        async with Redis.from_url(third.url) as redis:
            assert {b"1", b"2", b"3"} <= set(await redis.zrange(P.backlog("products", "1"), 0, -1))
        for server in (first, third):
            async with Redis.from_url(server.url) as redis:
                refused = await redis.execute_command("ACL", "LOG")
            facts = [dict(zip(one[::2], one[1::2], strict=True)) for one in refused]
            assert [one[b"object"] for one in facts if one[b"username"] in {b"sentinel", b"replica"}] == []


TOKEN, ARQ = P.token("0123456789abcdef"), "arq:shopstream"
EVERYBODYS: list[tuple[Any, ...]] = [
    ("KEYS", "*"), ("FLUSHALL",), ("FLUSHDB",), ("CONFIG", "GET", "*"), ("CONFIG", "SET", "maxmemory", "0"),

    ("ACL", "LIST"), ("ACL", "SETUSER", "x"), ("MONITOR",),
    ("REPLICAOF", "NO", "ONE"),
    ("CLIENT", "LIST"), ("MIGRATE", "127.0.0.1", "1", "k", "0", "1"), ("MODULE", "LIST"), ("SAVE",), ("GET", "other"),
    ("SET", "other", "1"), ("SUBSCRIBE", "x"), ("SWAPDB", "0", "1"), ("LATENCY", "LATEST"), ("SLOWLOG", "GET"),
]  # fmt: skip
OTHERS: list[tuple[Any, ...]] = [
    ("HGETALL", TOKEN), ("HGET", TOKEN, "pair"), ("HSET", TOKEN, "pair", "x"), ("DUMP", TOKEN), ("COPY", TOKEN, P.due),
    ("EVAL", "return redis.call('HGETALL', KEYS[1])", 1, TOKEN), ("SCAN", 0), ("GET", P.code("1")),
    ("ZADD", ARQ, 1, "x"), ("SET", "arq:job:x", "x"), ("DEL", P.stream("stock")),
    ("XADD", P.stream("stock"), "*", "a", "b"),
    ("XTRIM", P.stream("stock"), "MAXLEN", 0), ("XDEL", P.stream("dead"), "1-0"), ("HSET", P.state("1"), "a", "b"),
    ("HSET", P.registry, "1", "{}"), ("HSET", P.pace("1"), "rate", "1"), ("SET", "shopstream:partitions", 2),
    ("ZREM", P.due, "x"), ("ZRANGE", P.due, 0, -1), ("HSET", P.epoch, "epoch", "x"), ("RENAME", P.due, "x"), ("INFO",),
    ("BZPOPMIN", wake_key(), 1), ("DEL", wake_key()), ("ZADD", "shopstream:{1}:wake", 0, "0"),
]  # fmt: skip
REQUEUES: list[tuple[Any, ...]] = [("XDEL", P.stream("dead"), "1-0"), ("ZREM", P.due, "x")]
READERS: list[tuple[Any, ...]] = [
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", P.stream("stock"), ">"),
    ("HGETALL", P.state("1")),
]
WRITERS: list[tuple[Any, ...]] = [
    ("ZADD", P.due, 1, "products:1"), ("ZADD", P.backlog("products", "1"), 1, "1"), ("ZADD", wake_key(), 0, "0"),
]  # fmt: skip
DENIED = {
    "worker": EVERYBODYS,
    "producer": [
        *EVERYBODYS,
        *OTHERS,
        *READERS,
        ("HGET", P.registry, "1"),
        ("ZMSCORE", P.claimed("products", "1"), "1"),
    ],
    "waiter": [*EVERYBODYS, *OTHERS, *READERS],
    "gateway": [
        *EVERYBODYS,
        *(one for one in OTHERS if one not in REQUEUES),
        *READERS,
        ("ZREM", P.backlog("products", "1"), "1"),
        ("EVAL", "return redis.call('HSET', KEYS[1], 'a', 'b')", 1, P.state("1")),
        ("EVAL", "return redis.call('HSET', KEYS[1], '1', '{}')", 1, P.registry),
        ("EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", 1, P.stream("stock")),
        ("EVAL", "return redis.call('ZADD', KEYS[1], 1, 'a')", 1, P.members("stock", "erp")),
    ],
    "consumer": [*EVERYBODYS, *OTHERS, *WRITERS, ("XGROUP", "DESTROY", P.stream("stock"), "g")],
}


@pytest.mark.parametrize("name", DENIED)
async def test_everything_else_is_denied(redis: Redis, redis_url: str, name: str) -> None:
    async with users(redis), Redis.from_url(url_of(redis_url, name)) as client:
        allowed = []
        for command in DENIED[name]:
            try:
                await client.execute_command(*command)
            except NoPermissionError:
                continue
            except ResponseError as error:
                if "ACL failure in script" in str(error):
                    continue
                raise
            allowed.append(command)
    assert allowed == []
