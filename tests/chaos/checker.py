"""The one judge of all chaos cases: reads Redis and the sandbox when all is done, and finds what should not be."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from redis.asyncio import Redis

from shopstream.redis.keys import Partition, partition_for
from shopstream.registry import settings_store
from shopstream.state.state_codec import find_codec
from tests.chaos.case import Result
from tests.processes import Sandbox, until

_PAGE = 2_000


async def check(
    redis: Redis,
    front: Sandbox,
    asked: Mapping[str, Collection[str]],
    *,
    partitions: int = 1,
    truth: bool = True,
    continuous: bool = True,
    parked: Collection[str] = (),
    trimmed: bool = False,
) -> Result:
    """What became of the ids that were asked for.

    Args:
        redis: the server with everything on it, quiet.
        front: the sandbox, for the truth.
        asked: shop id → product ids whose asking was accepted.
        partitions: how many there are.
        truth: whether each product was asked for after its last change, so that its state must be the sandbox's.
        continuous: whether `seq` goes on over epochs too: false where writes of Redis were lost on purpose.
        parked: shops whose backlog waits for their seller.
        trimmed: whether Redis was so full that events went before their time: then the state knows more than they tell.

    Raises:
        AssertionError: naming, by promise, the first few cases of each that is broken.
    """
    wrong: dict[str, list[str]] = defaultdict(list)
    events = [event async for event in _events(redis, partitions)]
    _check_events(events, wrong, continuous=continuous)
    seen = {(event["shop_id"], event["product_id"]) for event in events if "product_id" in event}
    letters = {(letter["shop_id"], letter["id"]) async for letter in _entries(redis, partitions, "dead")}
    result = Result(runs=1, asked=sum(map(len, asked.values())), published=0, dead=0, lost=0)
    for shop, ids in asked.items():
        partition = partition_for(shop, partitions)
        states = await _states(redis, partition, shop)
        for one in ids:
            if one in states or (shop, one) in seen:
                result.published += 1
            elif (shop, one) in letters:
                result.dead += 1
            elif shop not in parked:
                result.lost += 1
                wrong["asked for, and neither published nor dead"].append(f"{shop} {one}")
        _check_states(events, shop, states, wrong, trimmed=trimmed)
        if truth:
            publish = (await settings_store.load(redis, partition, shop)).publish
            known = {one: states[one] for one in ids if one in states}
            await _check_truth(front, shop, known, wrong, has_products=publish != "stock")
        if shop not in parked:
            await _check_empty(redis, partition, shop, wrong)
    if wrong:
        broken = [f"{promise} ({len(found)}): {', '.join(found[:5])}" for promise, found in wrong.items()]
        raise AssertionError("\n".join((*broken, str(result))))
    return result


async def settled(redis: Redis, shops: Iterable[str], *, partitions: int = 1, seconds: float = 60) -> None:
    """Wait until no id of these shops is asked for or in hand; says how many are left if they don't end."""
    names = [(partition_for(shop, partitions), shop) for shop in shops]
    left = 0

    async def ended() -> bool:
        nonlocal left
        async with redis.pipeline(transaction=False) as pipe:
            for partition, shop in names:
                pipe.zcard(partition.backlog("products", shop))
                pipe.zcard(partition.claimed("products", shop))
            left = sum(await pipe.execute())
        return not left

    try:
        await until(ended, seconds, every=0.1)
    except AssertionError as error:
        raise AssertionError(f"{left} ids still waiting or in hand: {error}") from None


def _check_events(events: list[dict[str, Any]], wrong: dict[str, list[str]], *, continuous: bool) -> None:
    """Each `id` has one content, and `seq` of a subject rises by one."""
    contents: dict[str, str] = {}
    last: dict[tuple[str, ...], int] = {}
    for event in events:
        content = json.dumps(event, sort_keys=True)
        if (known := contents.setdefault(event["event_id"], content)) is not content:
            if known != content:
                wrong["one id, two contents"].append(event["event_id"])
            continue  # delivered twice, which is no fault
        subject = event.get("sku_id") or event.get("product_id")
        if subject is None:
            continue
        key: tuple[str, ...] = (event["shop_id"], "sku" if "sku_id" in event else "product", subject)
        key = key if continuous else (*key, event["epoch"])
        before = last.get(key, 0 if continuous else event["seq"] - 1)
        if event["seq"] != before + 1:
            wrong["seq not gapless"].append(f"{key}: {event['seq']} after {before}")
        last[key] = event["seq"]


def _check_states(
    events: list[dict[str, Any]],
    shop: str,
    states: Mapping[str, Mapping[str, Any]],
    wrong: dict[str, list[str]],
    *,
    trimmed: bool,
) -> None:
    """Whoever has read all events has the present state."""
    latest = {event["sku_id"]: event for event in events if "sku_id" in event and event["shop_id"] == shop}
    for product in states.values():
        for sku, stock in product["stock"].items():
            event = latest.get(sku)
            if event is None and trimmed:
                continue
            if event is None:
                wrong["a state without an event"].append(f"{shop} {sku}")
                continue
            removed = event["event_type"].endswith("stock.removed")
            if removed != stock["removed"] or (not removed and event["available"] != stock["available"]):
                wrong["the last event is not the state"].append(f"{shop} {sku}")


async def _check_empty(redis: Redis, partition: Partition, shop: str, wrong: dict[str, list[str]]) -> None:
    for key in (partition.backlog("products", shop), partition.claimed("products", shop)):
        if left := await redis.zcard(key):
            wrong["not empty"].append(f"{key}: {left}")


async def _check_truth(
    front: Sandbox,
    shop: str,
    states: Mapping[str, Mapping[str, Any]],
    wrong: dict[str, list[str]],
    *,
    has_products: bool,
) -> None:
    """The state is the sandbox's: title, prices, stock by warehouse, and what is gone.

    With `publish=stock` a state needs no product, and `has_products` is false.
    """
    real = (await front.see(f"shops/{shop}/state?limit=10000000"))["products"]
    for one, state in states.items():
        if one not in real or state["deleted"]:
            if one in real or not state["deleted"]:
                wrong["deleted or not"].append(f"{shop} {one}")
            continue
        product, skus = state["product"], real[one]["skus"]
        stock = {
            sku: {row["warehouse_id"]: row["available"] for row in seen["warehouses"]}
            for sku, seen in state["stock"].items()
            if not seen["removed"]
        }
        right = real[one]["title"], {sku: Decimal(row["price"]) for sku, row in skus.items()}
        if (_shown(product) != right) if product else has_products:
            wrong["product other than the truth"].append(f"{shop} {one}")
        if stock != {sku: row["stock"] for sku, row in skus.items()}:
            wrong["stock other than the truth"].append(f"{shop} {one}")


def _shown(product: Mapping[str, Any]) -> tuple[str, dict[str, Decimal]]:
    return product["title"], {sku["sku_id"]: Decimal(sku["price"]["amount"]) for sku in product["skus"]}


async def _states(redis: Redis, partition: Partition, shop: str) -> dict[str, Any]:
    states = {}
    async for name, value in redis.hscan_iter(partition.state(shop), match="p:[0-9]*", count=_PAGE):
        states[name.decode().removeprefix("p:")] = cast("dict[str, Any]", await find_codec(redis).decode(value))
    return states


async def _events(redis: Redis, partitions: int) -> AsyncIterator[dict[str, Any]]:
    for stream in ("products", "stock"):
        async for event in _entries(redis, partitions, stream):
            yield event


async def _entries(redis: Redis, partitions: int, stream: str) -> AsyncIterator[dict[str, Any]]:
    """The data of every entry, in the stream's order."""
    for number in range(partitions):
        position = "-"
        while entries := await redis.xrange(Partition(number).stream(stream), min=position, count=_PAGE):
            for entry_id, fields in entries:
                position = f"({entry_id.decode()}"
                yield json.loads(fields[b"data"])
