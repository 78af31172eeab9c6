"""Each webhook over real HTTP, against the real process and a real server: answer, count, and what is written."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition, partition_for
from tests.gateway.process import APP_KEY, PRODUCT, SECRET, SHOP, Gateway, authorize, gateway, push, sign
from tests.processes import until

P = Partition(0)


@pytest.fixture
async def door(redis: Redis, redis_url: str) -> AsyncIterator[Gateway]:
    await authorize(redis)
    async with gateway(redis_url) as running:
        yield running


async def written(redis: Redis) -> set[str]:
    """All keys that are there beside those of before."""
    return {key.decode() for key in await redis.keys()} - {P.registry, "shopstream:partitions"}


async def woken(redis: Redis, number: int) -> None:
    """The wake-up follows the answer."""

    async def there() -> bool:
        return bool(await redis.zrange(wake_key(), 0, -1) == [str(number).encode()])

    await until(there)


@pytest.mark.parametrize("kind", [5, 15, 16, 37, 42, 39])
async def test_a_product_becomes_urgent_work_with_its_cause(redis: Redis, door: Gateway, kind: int) -> None:
    body = push(kind)
    assert await door.post(body) == 200
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1, withscores=True) == [(PRODUCT.encode(), 0.0)]
    reason = json.loads(await redis.hget(P.asked("products", SHOP), PRODUCT) or b"")  # type: ignore[misc]
    assert abs(reason.pop("at") - await clock.read_ms(redis)) < 60_000
    assert reason == {"origin": "webhook", "cause": body["tts_notification_id"]}
    assert await redis.zscore(P.due, f"products:{SHOP}") == 0
    await woken(redis, 0)
    assert await door.counted() == {str(kind): {"accepted": 1}}


@pytest.mark.parametrize(
    ("kind", "data", "member"),
    [
        (27, {"product_id": int(PRODUCT), "sku_id": "5"}, PRODUCT),
        (27, {"sku_id": 5}, "sku:5"),
        (24, {"goods_id": "732357708734418520388", "sku_id": "123513234"}, "sku:123513234"),
    ],
)
async def test_stock_becomes_urgent_work(
    redis: Redis, door: Gateway, kind: int, data: dict[str, Any], member: str
) -> None:
    assert await door.post(push(kind, data)) == 200
    assert await redis.zrange(P.backlog("stock", SHOP), 0, -1, withscores=True) == [(member.encode(), 0.0)]
    assert await redis.zscore(P.due, f"stock:{SHOP}") == 0


async def test_all_products_of_a_combined_listing(redis: Redis, door: Gateway) -> None:
    data = {"products": [{"id": 1}, {"product_id": "2"}], "added_product_ids": ["1", "3"], "removed_product_ids": [4]}
    assert await door.post(push(42, data)) == 200
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1) == [b"1", b"2", b"3", b"4"]


async def test_an_id_that_is_none_spoils_no_other_of_its_notification(redis: Redis, door: Gateway) -> None:
    data = {"product_id": 0, "product_ids": ["1", "../x", None, "", 10**30, 2], "products": [{"id": "x"}, {"id": 3}]}
    assert await door.post(push(15, data)) == 200
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1) == [b"1", b"2", b"3"]


async def test_a_promotion_without_products_is_taken_and_starts_nothing(redis: Redis, door: Gateway) -> None:
    assert await door.post(push(39, {"activity_id": "7", "status": "ONGOING"})) == 200
    assert await written(redis) - {wake_key()} == {P.notified}


async def test_a_stock_push_becomes_a_notice_with_exact_ids(redis: Redis, door: Gateway) -> None:
    body = push(68, stock(product_id=732357708734418520388, sku_id=1729507467923261408))
    before = int(time.time() * 1000)
    assert await door.post(body) == 200
    (entry,) = await redis.lrange(P.notices(SHOP), 0, -1)  # type: ignore[misc]
    arrival, _, text = entry.partition(b" ")
    assert before - 5_000 <= int(arrival) <= int(time.time() * 1000) + 5_000
    assert json.loads(text) == {
        "type": 68, "id": body["tts_notification_id"], "sent": body["timestamp"],
        "data": {
            "occurred_at": "2026-04-02T09:28:34.979101552Z", "product_id": "732357708734418520388",
            "sku_id": "1729507467923261408", "available": 7, "committed": 0, "in_shop": 5, "campaign": 2,
            "creator": None, "reason": "manual_adjustment",
        },
    }  # fmt: skip
    assert await redis.zscore(P.due, f"notices:{SHOP}") == 0
    await woken(redis, 0)


def stock(**more: Any) -> dict[str, Any]:
    numbers = {
        "total_available_quantity": 7,
        "total_committed_quantity": "0",
        "in_shop_quantity": 5,
        "campaign_locked_quantity": 2,
    }
    steps = [{"trigger_source": "order_created"}, {"trigger_source": "manual_adjustment"}]
    return {
        "event_id": "d7813cae-0000-4d24-a583-000000000001", "occurred_at": "2026-04-02T09:28:34.979101552Z",
        "product_id": PRODUCT, "sku_id": "1", "quantity_snapshot_after_change": numbers, "change_detail": steps, **more,
    }  # fmt: skip


async def test_a_bare_stock_push(redis: Redis, door: Gateway) -> None:
    assert await door.post(stock(seller_id=int(SHOP))) == 200
    (entry,) = await redis.lrange(P.notices(SHOP), 0, -1)  # type: ignore[misc]
    kept = json.loads(entry.partition(b" ")[2])
    assert (kept["type"], kept["id"], kept["sent"]) == (68, "d7813cae-0000-4d24-a583-000000000001", 1775122114)
    # The same event, wrapped this time, is a repeat.
    assert await door.post(push(68, stock())) == 200
    assert await door.counted() == {"68": {"accepted": 1, "repeated": 1}}


async def test_consents_that_end_become_notices(redis: Redis, door: Gateway) -> None:
    ended, ends = push(6, {"message": "…"}), push(7, {"expiration_time": "1627587506"})
    assert [await door.post(body) for body in (ended, ends)] == [200, 200]
    kept = [json.loads(entry.partition(b" ")[2]) for entry in await redis.lrange(P.notices(SHOP), 0, -1)]  # type: ignore[misc]
    assert kept == [
        {"type": 6, "id": ended["tts_notification_id"], "sent": ended["timestamp"], "data": {}},
        {"type": 7, "id": ends["tts_notification_id"], "sent": ends["timestamp"], "data": {"expires_at": 1627587506}},
    ]


async def test_one_of_a_thousand_repeats_in_four_gateways_is_accepted(
    redis: Redis, redis_url: str, door: Gateway
) -> None:
    body = push(15)
    async with gateway(redis_url) as second, gateway(redis_url) as third, gateway(redis_url) as fourth:
        doors = [door, second, third, fourth]
        assert set(await asyncio.gather(*(doors[i % 4].post(body) for i in range(1_000)))) == {200}
        counts = [(await one.counted())["15"] for one in doors]
    assert sum(each.get("accepted", 0) for each in counts) == 1
    assert sum(each.get("repeated", 0) for each in counts) == 999
    assert await redis.zcard(P.notified) == 1


async def test_old_and_future_ones_are_stale_and_a_looked_at_product_is_known(redis: Redis, door: Gateway) -> None:
    now = int(time.time())
    assert await door.post(push(5, timestamp=now - 86_500)) == 200
    assert await door.post(push(5, timestamp=now + 600)) == 200
    await redis.hset(P.state(SHOP), f"d:{PRODUCT}", f"7 {now * 1000} d=ab t=7:1:2:d")  # type: ignore[misc]
    assert await door.post(push(5, timestamp=now - 90)) == 200
    assert await written(redis) == {P.state(SHOP)}
    assert await door.post(push(5, timestamp=now - 30)) == 200
    # A number of stock is never too old here: a worker decides.
    assert await door.post(push(68, stock(), timestamp=now - 86_500)) == 200
    assert await door.counted() == {"5": {"stale": 2, "known": 1, "accepted": 1}, "68": {"accepted": 1}}


async def test_an_unknown_shop_or_type_is_counted_and_nothing_is_written(redis: Redis, door: Gateway) -> None:
    assert await door.post(push(15, shop_id="1")) == 200
    assert await door.post(push(15, shop_id=None, seller_open_id="nobody")) == 200
    assert await door.post(push(1, {"order_id": "5"})) == 200
    # Nothing is known of type 71, so it is not read, whatever it has.
    assert await door.post(push(71)) == 200
    assert await door.post(push(71, stock())) == 200
    assert await written(redis) == set()
    assert await door.counted() == {"15": {"unknown_shop": 2}, "other": {"unknown_type": 3}}


async def test_the_shop_by_its_seller(redis: Redis, door: Gateway) -> None:
    other = "7494049642642441622"
    await authorize(redis, SHOP, other)
    bodies = [
        push(15, {"product_id": "1", "seller_id": int(SHOP)}, shop_id=None),
        push(15, {"product_id": "2", "shop_id": SHOP}, shop_id=None),
        push(15, {"product_id": "3"}, shop_id=None, seller_id=SHOP),
        push(15, {"product_id": "4"}, shop_id=None, seller_open_id="one"),
        push(15, {"product_id": "5", "seller_open_id": "both"}, shop_id=None),
        push(15, {"product_id": "6", "seller_open_id": "both"}, shop_id=None),
    ]
    await redis.hset(P.sellers, mapping={"one": json.dumps([SHOP]), "both": json.dumps([SHOP, other])})  # type: ignore[misc]
    await redis.hset(P.state(other), "d:5", "1 1 d=ab")  # type: ignore[misc]
    assert {await door.post(body) for body in bodies} == {200}
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1) == [b"1", b"2", b"3", b"4", b"6"]
    assert await redis.zrange(P.backlog("products", other), 0, -1) == [b"5", b"6"]
    assert await door.counted() == {"15": {"accepted": 6}}


async def test_a_seller_of_another_partition(redis: Redis, redis_url: str) -> None:
    await authorize(redis, partitions=16)
    home, seller = partition_for(SHOP, 16), partition_for("seller", 16)
    await redis.rename(P.registry, home.registry)
    await redis.hset(seller.sellers, "seller", json.dumps([SHOP]))  # type: ignore[misc]
    async with gateway(redis_url) as running:
        assert await running.post(push(15, shop_id=None, seller_open_id="seller")) == 200
    assert await redis.zrange(home.backlog("products", SHOP), 0, -1) == [PRODUCT.encode()]
    await woken(redis, home.number)


MALFORMED: dict[str, bytes] = {
    "no JSON": b"{", "no UTF-8": b'{"type":15,"shop_id":"\xff"}', "array": b"[]", "number": b"5", "empty": b"",
    "type as text": json.dumps(push(15) | {"type": "15"}).encode(),
    "a path": json.dumps(push(15, {"product_id": "../x"})).encode(),
    "a path as shop": json.dumps(push(15, shop_id="../x")).encode(),
    "22 digits": json.dumps(push(15, {"product_id": 10**21})).encode(),
    "float": json.dumps(push(15, {"product_id": 1e20})).encode(),
    "no product": json.dumps(push(15, {})).encode(),
    "no data": json.dumps({k: v for k, v in push(16).items() if k != "data"}).encode(),
    "null data": json.dumps(push(16) | {"data": None}).encode(),
    "no shop": json.dumps(push(15, shop_id=None)).encode(),
    "no id": json.dumps(push(15, tts_notification_id=None)).encode(),
    "an id of two words": json.dumps(push(15, tts_notification_id="a b")).encode(),
    "no time": json.dumps(push(15, timestamp=None)).encode(),
    "a time of text": json.dumps(push(15, timestamp="now")).encode(),
    "a time without end": json.dumps(push(6, {}, timestamp=10**30)).encode(),
    "nested": b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nested data": b'{"type":15,"data":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}",
    "6,000 digits": b'{"type":15,"shop_id":' + b"9" * 6_000 + b"}",
    "a sku of letters": json.dumps(push(68, stock(sku_id="x"))).encode(),
    "a bare sku of letters": json.dumps(stock(sku_id="x") | {"shop_id": SHOP, "tts_notification_id": "n1"}).encode(),
    "a bare sku of letters, with its time": json.dumps(push(68) | stock(sku_id="x")).encode(),
    "a bare product of letters": json.dumps(push(68) | stock(product_id="x")).encode(),
    "a bare id of letters and units that are none": json.dumps(
        push(68) | stock(sku_id="x", quantity_snapshot_after_change=[])
    ).encode(),
    "an end of letters": json.dumps(push(7, {"expiration_time": "soon"})).encode(),
}  # fmt: skip


async def test_malformed_bodies_are_answered_counted_and_never_repeated(redis: Redis, door: Gateway) -> None:
    for name, body in MALFORMED.items():
        assert (name, await door.post(body)) == (name, 200)
        counts = await door.counted()
        assert sum(each.get("malformed", 0) for each in counts.values()) == list(MALFORMED).index(name) + 1, name
    assert await written(redis) == set()


UNREAD_UNITS: dict[str, dict[str, Any]] = {
    "half a unit": stock(quantity_snapshot_after_change={"in_shop_quantity": 0.5}),
    "units of letters": stock(quantity_snapshot_after_change={"in_shop_quantity": "many"}),
    "no units": stock(quantity_snapshot_after_change=None),
    "a list of units": stock(quantity_snapshot_after_change=[]),
    "no moment": stock(occurred_at="yesterday"),
    "a moment of digits": stock(occurred_at=1775122114),
    "the 31st of February": stock(occurred_at="2026-02-31T00:00:00Z"),
    "odd steps": stock(change_detail={"trigger_source": 5}),
}


@pytest.mark.parametrize("name", UNREAD_UNITS)
async def test_a_stock_push_whose_units_cannot_be_read_has_its_sku_looked_up(
    redis: Redis, door: Gateway, name: str
) -> None:
    assert await door.post(push(68, UNREAD_UNITS[name])) == 200
    assert await redis.zrange(P.backlog("stock", SHOP), 0, -1, withscores=True) == [(b"sku:1", 0.0)]
    assert not await redis.exists(P.notices(SHOP))


async def test_an_oversold_sku_has_less_than_no_units(redis: Redis, door: Gateway) -> None:
    units = {"total_available_quantity": -3, "in_shop_quantity": "-5", "total_committed_quantity": 3}
    assert await door.post(push(68, stock(quantity_snapshot_after_change=units))) == 200
    (entry,) = await redis.lrange(P.notices(SHOP), 0, -1)  # type: ignore[misc]
    kept = json.loads(entry.partition(b" ")[2])["data"]
    assert (kept["available"], kept["in_shop"], kept["committed"]) == (-3, -5, 3)


async def test_milliseconds_and_a_shop_of_0_are_understood(redis: Redis, door: Gateway) -> None:
    body = push(15, timestamp=int(time.time() * 1000), shop_id=0)
    body["data"]["seller_id"] = SHOP
    assert await door.post(body) == 200
    assert await redis.zrange(P.backlog("products", SHOP), 0, -1) == [PRODUCT.encode()]


async def test_a_wrong_signature_is_refused_without_a_word(redis: Redis, door: Gateway) -> None:
    body = json.dumps(push(15)).encode()
    good = sign(body)
    wrong = [
        "", good.upper(), good[:-1], good + "0", sign(body, secret="other"), sign(body, app_key="other"),
        f"Bearer {good}", sign(body + b" "), "x" * 64, "g" + good[1:],
    ]  # fmt: skip
    for signature in wrong:
        assert await door.post(body, signature) == 401
    assert await written(redis) == set()
    assert await door.counted() == {"other": {"bad_signature": len(wrong)}}
    text = json.dumps(door.logs)
    assert SECRET not in text
    assert good not in text
    assert await door.post(body, good) == 200
    assert APP_KEY not in (await door.see("/metrics"))[1]


async def test_several_secrets_verify_while_one_is_renewed(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    async with gateway(redis_url, SHOPSTREAM_APP_SECRET="new-secret, old-secret") as running:
        for secret, status in (
            ("new-secret", 200),
            ("old-secret", 200),
            ("new-secret, old-secret", 401),
            (SECRET, 401),
        ):
            body = json.dumps(push(15)).encode()
            assert await running.post(body, sign(body, secret=secret)) == status


async def test_look_makes_a_stock_push_a_reason_to_look(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    async with gateway(redis_url, SHOPSTREAM_WEBHOOK_STOCK="look") as running:
        assert await running.post(push(68, stock())) == 200
    assert await redis.zrange(P.backlog("stock", SHOP), 0, -1) == [b"sku:1"]
    assert not await redis.exists(P.notices(SHOP))


async def test_the_memory_of_repeats_is_bounded(redis: Redis, door: Gateway) -> None:
    now = time.time() * 1000
    for start in range(0, 200_000, 20_000):
        await redis.zadd(P.notified, {f"5:1:{number}": now - 5_000 for number in range(start, start + 20_000)})
    await redis.zadd(P.notified, {f"old:{number}": now - 86_500_000 for number in range(15)})
    assert await door.post(push(15)) == 200
    assert await redis.zcard(P.notified) == 200_000
    assert await redis.zcount(P.notified, "-inf", now - 86_400_000) == 0
