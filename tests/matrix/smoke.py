"""The package alone, as another service runs it on its own redis-py: `python -m tests.matrix.smoke URL MAJOR`.

Stands alone: nothing of the worker is imported, nor of tests that need it, since these need redis-py 5.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import redis as package
from redis.asyncio import Redis

from shopstream import EventConsumer, NoSuchLetter, Snapshot, SyncClient, UnknownShop, WrongClient
from shopstream.errors import UntrustedRedis
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.passing import passes
from tests.running.tls import Authority, tls_front

P = Partition(0)
SHOP, PRODUCT, SKU = "7495222066017495634", "1731029337055922770", "1731159324007000000"
REGISTERED = {
    "shop_id": SHOP, "name": "A", "region": "GB", "seller_type": "LOCAL", "authorization": "a", "status": "active",
    "reason": None, "since": "2026-01-01T00:00:00.000Z", "refresh_expires_at": 2**32,
}  # fmt: skip
ROW: dict[str, Any] = {
    "seller_sku": None, "available": 1, "committed": 0, "warehouses": [], "level": "in_stock", "seq": 1,
    "removed": False,
}  # fmt: skip


def entry(number: int, name: str = "stock.changed", **data: Any) -> dict[Any, Any]:
    """Fields of an event."""
    return {
        "specversion": "1.0", "id": f"{number:032x}", "source": "https://smoke/shops/1", "shopid": SHOP,
        "type": f"io.shopstream.{name}", "subject": f"sku/{SKU}", "time": "2026-01-01T00:00:00.000Z",
        "seq": str(number + 1), "epoch": "smoke", "origin": "request", "causationid": "smoke",
        "data": json.dumps({"product_id": PRODUCT, "sku_id": SKU, **data}),
    }  # fmt: skip


async def prepare(redis: Redis) -> None:
    """A shop with one product, three events and a dead letter, as a worker leaves them."""
    await redis.flushall()
    await redis.set(PARTITIONS, 1)
    await redis.hset(P.registry, SHOP, json.dumps(REGISTERED, separators=(",", ":")))  # type: ignore[misc]
    await redis.hset(P.epoch, "epoch", "smoke")  # type: ignore[misc]
    state = {"product": None, "seq": 1, "deleted": False, "stock": {SKU: ROW}}
    await redis.hset(P.state(SHOP), f"p:{PRODUCT}", json.dumps(state))  # type: ignore[misc]
    for number in range(3):
        await redis.xadd(P.stream("stock"), entry(number))
    letter = {"kind": "stock", "id": f"sku:{SKU}", "error_class": "not_found", "attempts": 1, "message": "m", "code": 0}
    await redis.xadd(P.stream("dead"), entry(9, "dead.letter", **letter))


async def enqueue(client: SyncClient, redis: Redis) -> None:
    """Ask, wait, and wait by name."""
    request = await client.sync_products(SHOP, [str(10**18 + n) for n in range(3_000)], urgent=True, cause="smoke-1")
    assert await redis.zcard(P.backlog("products", SHOP)) == 3_000
    waiting = asyncio.create_task(client.wait(request.id, timeout=60))
    await asyncio.wait({waiting}, timeout=0.3)
    assert not waiting.done()
    await redis.delete(P.backlog("products", SHOP))
    assert (await waiting).done == 3_000
    walk = await client.sync_shop(SHOP, full=True)
    async for progress in client.watch(walk):
        assert not progress.done
        break
    assert (await client.read_freshness(SHOP)).walking is None
    try:
        await client.sync_products("1", ["2"])
    except UnknownShop:
        return
    raise AssertionError


async def refuse_untrusted(url: str) -> None:
    """No password reaches a server whose certificate isn't trusted. The error says so, also of a lost connection."""
    with tempfile.TemporaryDirectory() as folder:
        right, wrong = Authority(Path(folder)), Authority(Path(folder), "stranger")
        port = int(url.rsplit(":", 1)[1].partition("/")[0])
        async with tls_front(right.context("localhost"), port) as front:
            own = connect(f"rediss://:canary@localhost:{front.port}?ssl_ca_certs={wrong.path}", retry=True)
            connection: Any = own.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            for call in (own.get("key"), connection.connect(), connection.send_command("GET", "key")):
                (found,) = await asyncio.gather(call, return_exceptions=True)
                assert isinstance(found, Exception), found
                assert isinstance(found if isinstance(found, UntrustedRedis) else found.__cause__, UntrustedRedis)
                assert not passes(found), found
            assert not front.heard
            await own.aclose()


async def consume(given: str | Redis, redis: Redis) -> None:
    """All events, one of them nacked once; then the group is through."""
    seen: list[int] = []
    async with EventConsumer(given, stream="stock", group="smoke", lease=1.0) as consumer, asyncio.timeout(60):
        async for event in consumer:
            seen.append(event.seq)
            await (event.nack() if seen == [1] else event.ack())
            if len(seen) == 4:
                break
        lag = await consumer.lag()
    assert sorted(seen) == [1, 1, 2, 3], seen
    assert lag.total == 0
    await redis.xgroup_destroy(P.stream("stock"), "smoke")


async def follow(client: SyncClient, redis: Redis) -> None:
    """A snapshot, and what comes after it."""
    taken: Snapshot = await client.take_snapshot(SHOP)
    assert taken.stock[SKU].available == 1
    following = aiter(taken.follow())
    hearing = asyncio.ensure_future(anext(following))
    await redis.xadd(P.stream("stock"), entry(3))
    assert (await asyncio.wait_for(hearing, 60)).seq == 4
    explained = await client.explain(SHOP, SKU)
    assert explained.changes[0].seq == 4


async def many_at_once(client: SyncClient) -> None:
    """More calls at once on one client than redis-py 8 has connections by itself."""
    asked = await asyncio.gather(*(client.sync_products(SHOP, [10**18 + n]) for n in range(150)))
    assert len({request.ids for request in asked}) == 150


async def settings(client: SyncClient) -> None:
    """Changed at once by many."""
    await asyncio.gather(*(client.settings(SHOP, **{f"low:{n}": n}) for n in range(1, 11)))
    assert len((await client.settings(SHOP, interval=600)).low_skus) == 10


async def dead(client: SyncClient, redis: Redis) -> None:
    """Seen, asked for again, gone."""
    letters = [letter async for letter in client.list_dead_letters(SHOP)]
    assert [letter.data["id"] for letter in letters] == [f"sku:{SKU}"]
    done = await client.requeue_dead_letters(letters[0].entry_id)
    assert (done.done, done.refused) == (1, {})
    assert await redis.zcard(P.backlog("stock", SHOP)) == 1
    try:
        await client.drop_dead_letters(letters[0].entry_id)
    except NoSuchLetter:
        return
    raise AssertionError


async def refused(url: str) -> None:
    """Clients of the wrong kind, in every version."""
    for wrong in (package.Redis.from_url(url), Redis.from_url(url, decode_responses=True)):
        try:
            SyncClient(wrong)  # type: ignore[arg-type]
        except WrongClient:
            continue
        raise AssertionError(wrong)


async def main(url: str, major: str) -> None:
    """By URL, and with a client of the service's own, with its version's defaults."""
    assert package.__version__.split(".")[0] == major, package.__version__
    async with Redis.from_url(url) as redis:
        for given in (url, redis):
            await prepare(redis)
            async with SyncClient(given) as client:
                await enqueue(client, redis)
                await consume(given, redis)
                await follow(client, redis)
                await settings(client)
                await dead(client, redis)
                if given == url:  # the caller's own client has the bound that the caller has set
                    await many_at_once(client)
        await refused(url)
        await refuse_untrusted(url)
        await redis.flushall()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
    sys.stdout.write("ok\n")
