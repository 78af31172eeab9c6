import asyncio
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from shopstream.registry.settings import DEFAULT, InvalidSetting, ShopSettings
from worker.walks.checkpoint import Place, Walks

seconds = st.just(0) | st.integers(10, 30 * 86_400)
whole = st.builds(
    ShopSettings,
    interval=seconds, full_interval=seconds, stock_interval=seconds,
    publish=st.sampled_from(["stock", "prices", "products"]), description=st.booleans(), low=st.integers(0, 10**9 - 1),
)  # fmt: skip


@given(whole)
def test_settings_come_back_as_they_were_stored_and_as_a_command_line_writes_them(settings: ShopSettings) -> None:
    assert ShopSettings.from_json(settings.to_json()) == settings
    changes = {name: str(value) for name, value in asdict(settings).items() if name != "low_skus"}
    assert DEFAULT.change(changes) == settings


def test_only_what_differs_is_stored() -> None:
    assert DEFAULT.to_json() == b"{}"
    assert ShopSettings(low=9).to_json() == b'{"low":9}'


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("interval", "9", "0 (never) or 10 to 2592000 seconds, not 9"),
        ("full_interval", "2592001", "not 2592001"),
        ("stock_interval", "-5", "a whole number, not '-5'"),
        ("interval", "1.5", "a whole number"),
        ("interval", "1e3", "a whole number"),
        ("interval", "", "a whole number, not ''"),
        ("interval", "٣٦٠٠", "a whole number"),
        ("interval", True, "a whole number"),
        ("low", "9" * 40, "a whole number"),
        ("low", None, "a whole number"),
        ("publish", "everything", "one of stock, prices, products, not 'everything'"),
        ("publish", "PRICES", "one of stock, prices, products"),
        ("description", "maybe", "true or false, not 'maybe'"),
        ("description", 2, "true or false"),
        ("colour", "red", "no setting is called 'colour': interval, full_interval"),
        ("x" * 500, "1", "no setting is called"),
    ],
)
def test_a_wrong_value_is_one_clear_line(name: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        DEFAULT.change({"low": 3, name: value})
    text = str(caught.value)
    assert said in text
    assert "\n" not in text
    assert len(text) < 200


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"7", b'{"interval":"x"}', b'{"newer":1}', b"null"]))
def test_whatever_is_stored_the_shop_goes_on(stored: bytes) -> None:
    assert isinstance(ShopSettings.from_json(stored), ShopSettings)
    assert ShopSettings.from_json(None) == DEFAULT


P = Partition(0)
SHOP = "7495"


@pytest.fixture
async def client(redis: Redis) -> SyncClient:
    await redis.hset(P.registry, SHOP, '{"shop_id":"7495","status":"active"}')  # type: ignore[misc]
    return SyncClient(redis)


async def due_in(client: SyncClient, walk: str) -> float | None:
    """Seconds."""
    at = await client.redis.zscore(P.due, f"{walk}:{SHOP}")
    return None if at is None else at / 1000 - (await client.redis.time())[0]


async def test_fifty_changes_at_once_keep_fifty(client: SyncClient) -> None:
    await asyncio.gather(*(client.settings(SHOP, **{f"low:{sku}": sku}) for sku in range(1, 49)),
                         client.settings(SHOP, interval=600), client.settings(SHOP, guard=False))  # fmt: skip
    now = await client.settings(SHOP)
    assert now == ShopSettings(interval=600, guard=False, low_skus={str(sku): sku for sku in range(1, 49)})
    assert await due_in(client, "delta") == pytest.approx(600, abs=5)
    assert await due_in(client, "full") is None, "what was not changed is left alone"


async def test_a_wrong_one_among_several_changes_nothing(client: SyncClient) -> None:
    with pytest.raises(InvalidSetting):
        await client.settings(SHOP, interval=600, low="many")
    assert await client.redis.dbsize() == 2


async def test_a_damaged_document_is_replaced(client: SyncClient) -> None:
    await client.redis.hset(P.settings, SHOP, "{")  # type: ignore[misc]
    assert (await client.settings(SHOP, low=3)).low == 3
    assert await client.redis.hget(P.settings, SHOP) == b'{"low":3}'  # type: ignore[misc]


@pytest.mark.parametrize(("every", "left"), [(600, 600), (10, 10), (0, None)])
async def test_an_interval_changed_while_a_walk_runs_counts_from_its_end(
    client: SyncClient, every: int, left: float | None
) -> None:
    walks = Walks(client.redis)
    walk = await walks.begin(P, "full", SHOP)
    assert walk is not None
    place = Place(run="full-1-abc", kind="full", started_ms=walk.claim.now_ms)
    lease = await due_in(client, "full")
    await client.settings(SHOP, full_interval=every)
    assert await due_in(client, "full") == pytest.approx(lease, abs=2), "its lease is no schedule"
    await walks.keep(walk, place)
    await walks.end(walk, place, next_ms=walk.claim.now_ms + 86_400_000)
    now = await due_in(client, "full")
    assert now == (None if left is None else pytest.approx(left, abs=2))
    again = await walks.begin(P, "full", SHOP)
    assert again is not None
    await walks.end(again, place, next_ms=again.claim.now_ms + 86_400_000)
    assert await due_in(client, "full") == pytest.approx(86_400, abs=5), "it is said once"


async def test_a_walk_that_was_asked_for_is_not_put_off(client: SyncClient) -> None:
    for every in (600, 0):
        await client.sync_shop(SHOP, full=True)
        await client.settings(SHOP, full_interval=every)
        assert await client.redis.zscore(P.due, f"full:{SHOP}") == 0
