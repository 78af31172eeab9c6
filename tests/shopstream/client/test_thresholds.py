"""The settings of a shop: thresholds by SKU, the guard, and what an older or newer version wrote."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream import InvalidSetting, ShopSettings, SyncClient
from shopstream.redis.keys import Partition
from shopstream.registry.settings import DEFAULT, LOW_SKUS_MAX
from shopstream.registry.shop import Shop
from tests.shopstream.test_cli import run

SHOP = "7495"


@pytest.fixture
async def known(redis: Redis) -> Redis:
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(Partition(0).registry, SHOP, shop.to_json())  # type: ignore[misc]
    return redis


async def test_a_threshold_of_a_sku_is_set_and_removed_without_touching_the_others(
    known: Redis, redis_url: str
) -> None:
    async with SyncClient(known) as client:
        assert (await client.settings(SHOP, low=9, **{"low:1": 3, "low:2": 4})).low_skus == {"1": 3, "2": 4}
        now = await client.settings(SHOP, **{"low:1": "", "low:9": ""})
        assert (now.low, now.low_skus) == (9, {"2": 4})
        assert (now.low_of("1"), now.low_of("2")) == (9, 4)
        wrongs: list[dict[str, Any]] = [
            {"low:x": 3},
            {"low:": 3},
            {"low:1": -1},
            {"low:1": "many"},
            {"low_skus": 3},
            {"lower": 1},
        ]
        for wrong in wrongs:
            with pytest.raises(InvalidSetting):
                await client.settings(SHOP, **wrong)
        assert await client.settings(SHOP) == now
    done = await run(redis_url, "settings", SHOP, "low:5=7", "guard=off")
    assert (done.returncode, done.stderr) == (0, "")
    assert "low:5" in done.stdout
    done = await run(redis_url, "settings", SHOP, "low:2=", "--json")
    assert (json.loads(done.stdout)["low_skus"], json.loads(done.stdout)["guard"]) == ({"5": 7}, False)
    done = await run(redis_url, "settings", SHOP, "low:../x=7")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_the_thresholds_of_a_shop_are_bounded() -> None:
    full = DEFAULT.change({f"low:{number}": 1 for number in range(1, LOW_SKUS_MAX + 1)})
    with pytest.raises(InvalidSetting, match=str(LOW_SKUS_MAX)):
        full.change({"low:99999999": 1})
    assert len(full.to_json()) < 32_000


@given(
    st.builds(
        ShopSettings,
        low=st.integers(0, 999),
        guard=st.booleans(),
        stock_interval=st.sampled_from([0, 60, 21_600]),
        low_skus=st.dictionaries(st.integers(1, 10**20).map(str), st.integers(0, 10**6), max_size=5),
    )
)
def test_what_is_stored_is_what_is_read(settings: ShopSettings) -> None:
    assert ShopSettings.from_json(settings.to_json()) == settings
    assert DEFAULT.change({"low_skus": json.dumps(settings.low_skus)}).low_skus == settings.low_skus


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b"null", b"7", b'{"low": "x", "hue": 3}'])
def test_damaged_settings_are_the_defaults(stored: bytes) -> None:
    assert ShopSettings.from_json(stored) == DEFAULT


def test_a_setting_of_a_newer_version_costs_the_others_nothing() -> None:
    stored: dict[str, Any] = {"hue": 3, "low": 7, "publish": "novelties", "low_skus": {"1": 2}}
    assert ShopSettings.from_json(json.dumps(stored).encode()) == ShopSettings(low=7, low_skus={"1": 2})
