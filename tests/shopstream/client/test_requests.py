"""Big requests hold nobody up; a request has a name that another process can wait for; done is not given up."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream import InvalidArgument, SyncClient, UnknownRequest
from shopstream.enqueue.backlog import read_urgent_ms, urgent_since
from shopstream.enqueue.reasons import Reason
from shopstream.enqueue.requests import Request
from shopstream.enqueue.walk_requests import WalkRequest
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.processes import settle
from tests.shopstream.client.test_dead import bury

P = Partition(0)
SHOP = "7495"
BACKLOG, CLAIMED = P.backlog("products", SHOP), P.claimed("products", SHOP)


@pytest.fixture
async def client(redis: Redis) -> SyncClient:
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(P.registry, SHOP, shop.to_json())  # type: ignore[misc]
    return SyncClient(redis)


async def test_hundreds_of_thousands_of_ids_in_a_call_leave_the_callers_loop_free(client: SyncClient) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            # This thread's own time: how much of it the machine's other work takes says nothing of us.
            gaps.append(time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    request = await client.sync_products(SHOP, (str(n) for n in range(10**18, 10**18 + 300_000)))
    ticking.cancel()
    assert await client.redis.zcard(BACKLOG) == len(request.ids) == 300_000
    # The longest is 0.035 s of an idle machine's; of the whole it is as small a part on any other.
    assert max(gaps) < sum(gaps) / 10
    assert repr(request) == "Request(kind='products', shop_id='7495', 300000 ids)"
    assert len(request.id) < 80
    assert await client.redis.ttl(P.request(request.token)) > 86_400
    commands = await calls(client.redis)
    progress = aiter(client.watch(request))
    first: Any = await anext(progress)
    assert (first.total, first.pending, first.done) == (300_000, 300_000, 0)
    assert await calls(client.redis) - commands < 50, "one look is bounded"
    await client.redis.delete(BACKLOG)
    done = await client.wait(request, timeout=60)
    assert (done.done, done.pending, done.given_up) == (300_000, 0, 0)


async def calls(redis: Redis) -> int:
    commands = await redis.info("commandstats")
    return sum(each["calls"] for each in commands.values())


async def test_a_wrong_id_among_many_asks_for_none(client: SyncClient) -> None:
    with pytest.raises(InvalidArgument, match="'x' is not a product id"):
        await client.sync_products(SHOP, [*map(str, range(1, 30_000)), "x"])
    assert await client.redis.dbsize() == 2, "the registry and the number of partitions"


@pytest.mark.parametrize("count", [1, 5, 6, 12_000])
async def test_another_process_waits_for_a_request_by_its_name(client: SyncClient, redis_url: str, count: int) -> None:
    ids = [str(n) for n in range(1, count + 1)]
    request = await client.sync_products(SHOP, ids)
    assert (await client.redis.exists(P.request(request.token))) == (count > 5)
    async with SyncClient(redis_url) as other:
        assert await other.request(request.id) == request
        waiting = asyncio.create_task(other.wait(request.id, timeout=60))
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        await client.redis.zadd(CLAIMED, {"1": 0})
        await client.redis.zrem(BACKLOG, *ids)
        await asyncio.wait({waiting}, timeout=0.5)
        assert not waiting.done(), "one is in hand"
        await client.redis.delete(CLAIMED)
        done: Any = await waiting
        assert (done.total, done.done) == (count, count)


async def test_stock_and_walks_have_names_too(client: SyncClient) -> None:
    stock = await client.sync_stock(SHOP, ["1"], sku_ids=["2"])
    assert stock.ids == ("1", "sku:2")
    assert await client.find_request(stock.id) == stock
    walk = await client.sync_shop(SHOP, full=True)
    assert await client.find_request(walk.id) == walk
    dry = await client.dry_run("full", SHOP)
    assert await client.find_request(dry.id) == dry
    assert {type(one) for one in (stock, walk)} == {Request, WalkRequest}


INVENTED = ("products:1:0-0:abc", "products:1:0-0:,", "products:1:0-0:sku:1", "stock:1:0-0:sku:x,1", "full:1:0:2")
"""In the form of a request's id, with ids that nobody can have asked for: all of them would count as done."""


async def test_a_name_that_is_none_or_forgotten(client: SyncClient) -> None:
    for none in (
        "",
        "x",
        "products:7495",
        "products:../x:0-0:1",
        f"products:1:{2**64}-0:1",
        "full:7495:x:7495",
        7,
        *INVENTED,
    ):
        with pytest.raises(InvalidArgument, match="is not a request's id"):
            await client.find_request(none)  # type: ignore[arg-type]
    request = await client.sync_products(SHOP, [str(n) for n in range(1, 20)])
    await client.redis.delete(P.request(request.token))
    with pytest.raises(UnknownRequest, match="two days"):
        await client.wait(request.id)


async def test_given_up_is_not_done(client: SyncClient) -> None:
    request = await client.sync_products(SHOP, ["10", "11", "12"])
    await bury(client.redis, "11", "not_found")
    await bury(client.redis, "99", "not_found")
    await client.redis.zrem(BACKLOG, "10", "11")
    async for look in client.watch(request):
        assert (look.total, look.done, look.given_up, look.pending) == (3, 1, 1, 1)
        assert look.dead.keys() == {"11"}
        break
    await client.redis.zrem(BACKLOG, "12")
    done = await client.wait(request)
    assert (done.total, done.done, done.given_up, done.pending) == (3, 2, 1, 0)


async def test_others_ids_in_the_same_backlog_do_not_hide_the_end(client: SyncClient) -> None:
    ids = [str(n) for n in range(1, 30_001)]
    request = await client.sync_products(SHOP, ids)
    await client.redis.zadd(BACKLOG, {str(n): 1 for n in range(50_000, 55_000)})
    for begin in range(0, len(ids), 1000):
        await client.redis.zrem(BACKLOG, *ids[begin : begin + 1000])
    done = await client.wait(request, timeout=60)
    assert done.done == 30_000


async def test_an_urgent_request_stands_in_front_of_all_shops(client: SyncClient) -> None:
    await client.redis.zadd(P.due, {"products:1": 5, f"products:{SHOP}": 7})
    await client.sync_products(SHOP, ["1"])
    assert await client.redis.zscore(P.due, f"products:{SHOP}") == 7
    await client.sync_products(SHOP, ["1"], urgent=True)
    assert (await client.redis.zrange(P.due, 0, 0))[0] == f"products:{SHOP}".encode()


async def test_without_the_right_to_keep_ids_a_request_is_made_all_the_same(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    rights = ("~shopstream:*", "+@all", "-rpush")
    await redis.execute_command("ACL", "SETUSER", "old", "on", ">pw", *rights)  # type: ignore[no-untyped-call]
    await redis.hset(P.registry, SHOP, "{}")  # type: ignore[misc]
    async with SyncClient(redis_url.replace("://", "://old:pw@")) as client:
        request = await client.sync_products(SHOP, [str(n) for n in range(1, 20)])
        assert await redis.zcard(BACKLOG) == 19
        with pytest.raises(UnknownRequest):
            await client.find_request(request.id)
    await redis.execute_command("ACL", "DELUSER", "old")  # type: ignore[no-untyped-call]


@given(st.integers(2, 2**43 - 1))
def test_the_score_of_an_urgent_id_has_its_moment_exactly_and_earlier_ones_come_first(now_ms: int) -> None:
    score = urgent_since(now_ms)
    assert -1 < score < 0
    assert read_urgent_ms(float(f"{score:.17g}")) == now_ms, "as Redis writes it"
    assert urgent_since(now_ms - 1) < score
    assert read_urgent_ms(0) == read_urgent_ms(-float(now_ms)) == read_urgent_ms(now_ms) == 0


async def test_an_urgent_id_keeps_its_moment_without_a_command_more_or_an_earlier_reason_less(
    client: SyncClient,
) -> None:
    before_ms = await clock.read_ms(client.redis)
    await client.sync_products(SHOP, ["1"], cause="order-1")
    ((_, in_turn),) = await client.redis.zrange(BACKLOG, 0, -1, withscores=True)
    assert in_turn >= before_ms
    await client.sync_products(SHOP, ["1", "2"], urgent=True)
    await client.sync_products(SHOP, ["2"], urgent=True)
    await client.sync_products(SHOP, ["3"], urgent=True, cause="order-3")
    scores = dict(await client.redis.zrange(BACKLOG, 0, -1, withscores=True))
    assert before_ms <= read_urgent_ms(scores[b"1"]) == read_urgent_ms(scores[b"2"]) <= before_ms + 60_000
    assert scores[b"3"] == 0
    reasons = await client.redis.hgetall(P.asked("products", SHOP))  # type: ignore[misc]
    assert Reason.from_json(reasons.pop(b"1")) == Reason(cause="order-1")
    assert before_ms <= Reason.from_json(reasons.pop(b"3")).at_ms <= before_ms + 60_000
    assert not reasons, "of the second id nothing is stored"
    assert await client.redis.zscore(P.due, f"products:{SHOP}") == 0
