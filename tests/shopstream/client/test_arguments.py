"""A wrong argument is an error at the call: it never means something else, and nothing has been asked for."""

from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import InvalidArgument, NoSuchLetter, SyncClient, UnknownHold
from shopstream.enqueue.reasons import Reason, Why
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.processes import settle

SHOP = "7495"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def client(redis: Redis) -> SyncClient:
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(Partition(0).registry, SHOP, shop.to_json())  # type: ignore[misc]
    return SyncClient(redis)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cause": "order 77"}, "cause is 1 to 128 visible ASCII characters"),
        ({"cause": "x" * 129}, "cause is"),
        ({"cause": ""}, "None for none"),
        ({"cause": 77}, "cause is"),
        ({"cause": "é"}, "cause is"),
        ({"origin": "banana"}, "origin is one of initial, webhook"),
        ({"origin": None}, "origin is one of"),
        ({"traceparent": "x"}, "traceparent is"),
        ({"traceparent": TRACE.upper()}, "small letters"),
        ({"traceparent": f"ff{TRACE[2:]}"}, "traceparent is"),
        ({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}, "traceparent is"),
        ({"ids": "1731029337055922770"}, "write ['1731029337055922770']"),
        ({"ids": b"17"}, "write [b'17']"),
        ({"ids": 17}, "write [17]"),
        ({"ids": ["0017"]}, "the first is no 0"),
        ({"ids": [True]}, "is not a product id"),
        ({"shop_id": "07495"}, "is not a shop id"),
    ],
)
async def test_products_with_a_wrong_argument(client: SyncClient, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await client.sync_products(**({"shop_id": SHOP, "ids": ["17"]} | more))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250
    assert await client.redis.zcard(Partition(0).backlog("products", SHOP)) == 0


async def test_the_other_calls(client: SyncClient) -> None:
    untyped: Any = client
    calls: list[Any] = [
        client.sync_stock(SHOP, "17"), client.sync_stock(SHOP, ["17"], sku_ids="18"),
        untyped.sync_stock(SHOP, sku_ids=["18"]), untyped.dry_run("prices", SHOP),
        client.dry_run("products", SHOP, "17"),
        client.sync_shop("x"), client.read_freshness(""),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(InvalidArgument):
            await call
    assert await client.redis.zcard(Partition(0).due) == 0


async def test_arguments_of_another_type(client: SyncClient, redis: Redis) -> None:
    await settle(redis)
    untyped: Any = client
    calls: list[Any] = [
        untyped.wait(0), untyped.wait(None), untyped.wait(b"x"), anext(untyped.watch("x", every=float("nan"))),
        untyped.requeue_dead_letters(0), untyped.drop_dead_letters(None), untyped.drop_dead_letters([]),
        client.requeue_dead_letters(shop_id=" 7495"), client.drop_dead_letters(shop_id=""),
        anext(client.list_dead_letters("x")), untyped.authorize(None), untyped.authorize("c", app=0),
        untyped.invite(label=1), untyped.invite(seconds=1.5), untyped.invite(seconds=None),
        untyped.invite(seconds=True),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(InvalidArgument):
            await call
    others: list[Any] = [0, None, [], b"1-1"]
    for wrong in others:
        with pytest.raises(NoSuchLetter):
            await untyped.show_dead_letter(wrong)
        with pytest.raises(UnknownHold):
            await untyped.accept_held_consent(wrong)
    assert set(await redis.keys()) == {Partition(0).registry.encode(), PARTITIONS.encode()}


async def test_bytes_are_taken_for_the_ids_that_they_spell(client: SyncClient) -> None:
    assert (await client.sync_products(b"7495", [b"17", 18])).ids == ("17", "18")


@pytest.mark.parametrize("cause", ["order-77", "!", "~" * 128])
def test_what_a_caller_may_give_a_worker_takes(cause: str) -> None:
    written = Why("webhook", cause, TRACE).to_json()
    assert Reason.from_json(written) == Reason("webhook", cause, TRACE)
    assert Reason.from_json(Why().to_json()) == Reason()


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "60"])
async def test_syncs_are_spread_over_a_number_of_seconds(client: SyncClient, redis: Redis, seconds: Any) -> None:
    await settle(redis)
    with pytest.raises(InvalidArgument, match="syncs are spread over 0 seconds or more"):
        await client.sync_all_shops(over_seconds=seconds)
    assert not await redis.exists(Partition(0).due)


@pytest.mark.parametrize("changes", [0, -1, 1.5, "3"])
async def test_an_explanation_has_one_change_or_more(client: SyncClient, changes: Any) -> None:
    with pytest.raises(InvalidArgument, match="changes is a number of 1 or more"):
        await client.explain(SHOP, "1", changes=changes)
    with pytest.raises(InvalidArgument, match="changes is a number of 1 or more"):
        await client.explain_product(SHOP, "1", changes=changes)
