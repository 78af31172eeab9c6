from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream.settings import DEFAULT, InvalidSetting, ShopSettings

seconds = st.just(0) | st.integers(10, 30 * 86_400)
whole = st.builds(
    ShopSettings,
    interval=seconds, full_interval=seconds, stock_interval=seconds,
    publish=st.sampled_from(["stock", "prices", "products"]), description=st.booleans(), low=st.integers(0, 10**9 - 1),
)  # fmt: skip


@given(whole)
def test_settings_come_back_as_they_were_stored_and_as_a_command_line_writes_them(settings: ShopSettings) -> None:
    assert ShopSettings.from_json(settings.to_json()) == settings
    told = {name: str(value) for name, value in asdict(settings).items() if name != "low_skus"}
    assert DEFAULT.changed(told) == settings


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
        DEFAULT.changed({"low": 3, name: value})
    text = str(caught.value)
    assert said in text
    assert "\n" not in text
    assert len(text) < 200


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"7", b'{"interval":"x"}', b'{"newer":1}', b"null"]))
def test_whatever_is_stored_the_shop_goes_on(stored: bytes) -> None:
    assert isinstance(ShopSettings.from_json(stored), ShopSettings)
    assert ShopSettings.from_json(None) == DEFAULT
