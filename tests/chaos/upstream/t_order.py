"""T40: the same products read by several calls side by side, whose answers come in any order, while they are sold."""

import asyncio
import random
from itertools import pairwise
from typing import Any, Final

from shopstream.redis.keys import Partition
from tests.cases.stand.bodies import Body, inventory_of, numbered, product, sku, sku_of, success
from tests.cases.stand.stage import CHANGED, Stage, Store, staged, within
from tests.cases.stand.upstream import Call, Reply, upstream
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import valkey

P: Final = Partition(0)
UNITS: Final = 1_000_000
PRODUCTS: Final = 20
RATES: Final = {"product": 1, "inventory_search": 4}
"""Calls a second: a detail waits for its permit while batches leave."""


async def side_by_side(size: Size, seed: int) -> Result:
    """A stock that only falls is never told to rise."""
    async with valkey() as server, upstream() as tiktok, staged(server.url, tiktok) as made:
        await inverted(made)
        return await falling(made, size.pick(short=6.0, ci=45.0, nightly=600.0), seed)


async def inverted(made: Stage) -> None:
    """A batch leaves before a detail that has the earlier permit; its answer comes after, with what was true before."""
    first, other = numbered(1), numbered(2)
    store = await made.open(_line(first, 5), _line(other, 5))
    await store.fetch()
    await _paced(store, 1, "product")
    store.tiktok.on("inventory", lambda call: _stock(store, call, 1.2))
    calls = len(store.tiktok.made("detail"))
    beside = await store.ask([other])
    await within(10, lambda: _made(store, "detail", calls), "the call that has the next second to itself")
    detail = await store.ask([first])
    await within(10, lambda: _in_hand(store, first), "the claim of the product")
    stock = await made.client.sync_stock(store.id, [first])
    await within(10, lambda: _made(store, "inventory", 0), "the batch")
    store.tiktok.lines[first] = _line(first, 3)
    for request in (beside, detail, stock):
        await store.finish(request)
    await store.events()
    published = [
        event["available"] for event in store.seen if event["type"] == CHANGED and event["product_id"] == first
    ]
    assert published == [5, 3], f"published stock {published}, truth: 5, then 3"


async def falling(made: Stage, seconds: float, seed: int) -> Result:
    """Details and batches of the same products, answered after 0.1 to 1.5 s."""
    draw = random.Random(seed)  # noqa: S311 - repeatable
    ids = [numbered(number) for number in range(100, 100 + PRODUCTS)]
    store = await made.open(*(_line(one, UNITS) for one in ids))
    await store.fetch()
    for endpoint, rate in RATES.items():
        await _paced(store, rate, endpoint)
    answers = [
        store.tiktok.on("detail", lambda call: _late(store.tiktok.usual(call), draw)),
        store.tiktok.on("inventory", lambda call: _stock(store, call, draw.uniform(0.1, 1.5))),
    ]
    asked = PRODUCTS
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        for one in draw.sample(ids, 4):
            store.tiktok.lines[one] = _line(one, _units(store, one) - 1)
        asked += len(few := draw.sample(ids, 2))
        await store.ask(few)
        await made.client.sync_stock(store.id, ids)
        await asyncio.sleep(0.1)
    for answer in answers:
        answer.end()
    for endpoint in RATES:
        await _paced(store, 100, endpoint)
    await store.fetch()
    await store.stock()
    truth = {sku_of(one): _units(store, one) for one in ids}
    assert await store.available() == truth, "what is published at the end is not true"
    await store.events()
    rose, events = 0, [event for event in store.seen if event["type"] == CHANGED]
    for one in ids:
        published = [event["available"] for event in events if event["product_id"] == one]
        rose += sum(before < after for before, after in pairwise(published))
    assert not rose, f"{rose} of {len(events)} events say that stock rose, which only fell"
    return Result(
        len(store.tiktok.calls), asked, asked, 0, 0, note=f"{len(events)} stock events, none of which says that it rose"
    )


def _line(product_id: str, units: int) -> Body:
    return product(product_id, sku(sku_of(product_id), units))


def _units(store: Store, product_id: str) -> int:
    return int(store.tiktok.lines[product_id]["skus"][0]["inventory"][0]["quantity"])


def _stock(store: Store, call: Call, delay: float) -> Reply:
    """What is true when the call comes, told later."""
    return Reply(success({"inventory": [inventory_of(store.tiktok.lines[one]) for one in call.ids]}), delay=delay)


def _late(reply: Reply, draw: random.Random) -> Reply:
    return Reply(reply.body, delay=draw.uniform(0.1, 1.5))


async def _paced(store: Store, rate: int, endpoint: str) -> None:
    """Have an endpoint called so often a second, as if that had been learnt."""
    learnt: dict[str, Any] = {f"{endpoint}:rate": rate, f"{endpoint}:limit": rate}
    await store.redis.hset(P.pace(store.id), mapping=learnt)  # type: ignore[misc]


async def _made(store: Store, name: str, more_than: int) -> bool:
    return len(store.tiktok.made(name)) > more_than


async def _in_hand(store: Store, product_id: str) -> bool:
    return await store.redis.zscore(P.claimed("products", store.id), product_id) is not None


CASES = [Case("T40", "several calls read the same products side by side, and are answered in any order", side_by_side)]
