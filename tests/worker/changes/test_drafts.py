"""Events at the limit of their size, and the changes that count as drift."""

from typing import Any, cast

import orjson
import pytest

from shopstream import events
from worker.changes.drafts import Body, Cause, Draft, encode, is_drift

CAUSE = Cause("7495", "https://x/shops/7495", "poll", "c-1", None, "r-1", 1_764_372_118_424)
NUMBERS = ("available", "committed", "in_shop")


def product(title: str) -> Draft:
    data = {"title": title, "skus": [{"sku_id": "1"}], "previous": {"/title": "x"}, "changed": ["/title"], "images": []}
    return Draft("products", events.PRODUCT_UPDATED, "product/10", 7, cast("Body", data))


def write(draft: Draft) -> bytes:
    ((*_, data),) = encode([draft], CAUSE, "5f1b7c02")
    return data


def test_an_event_is_whole_up_to_64_kib_to_the_byte_and_shortened_beyond() -> None:
    longest = events.DATA_LIMIT - len(write(product("")))
    whole, shortened = write(product("x" * longest)), write(product("x" * (longest + 1)))
    assert len(whole) == events.DATA_LIMIT
    assert orjson.loads(whole)["skus"] == [{"sku_id": "1"}]
    assert len(shortened) < events.DATA_LIMIT
    assert orjson.loads(shortened)["skus"] is None


def change(**numbers: int | None) -> Draft:
    data: dict[str, Any] = dict.fromkeys([*NUMBERS, *(f"previous_{name}" for name in NUMBERS)], None)
    return Draft("stock", events.STOCK_CHANGED, "sku/1", 2, cast("Body", data | numbers))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_known_number_that_moved_is_drift(name: str) -> None:
    assert is_drift(change(**{name: 4, f"previous_{name}": 5}))
    assert is_drift(change(**{name: None, f"previous_{name}": 5}))


def test_what_is_seen_for_the_first_time_or_has_stayed_is_no_drift() -> None:
    assert not is_drift(change(available=4))
    assert not is_drift(change(available=4, previous_available=4, committed=1))


@pytest.mark.parametrize(
    ("kind", "drift"),
    [
        (events.PRODUCT_UPDATED, True),
        (events.PRODUCT_DELETED, True),
        (events.STOCK_REMOVED, True),
        (events.PRODUCT_CREATED, False),
        (events.DEAD_LETTER, False),
    ],
)
def test_what_is_drift_of_a_product(kind: str, *, drift: bool) -> None:
    assert is_drift(Draft("products", kind, "product/10", 2, cast("Body", {}))) is drift
