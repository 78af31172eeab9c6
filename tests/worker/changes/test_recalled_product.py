"""A product's events are told against the product that consumers know, whatever was seen and not told meanwhile."""

from typing import Any

from shopstream import events
from tests.worker.changes.test_views import DETAIL, GONE, known, list_events, look, step
from worker.changes import product_changes as changes


def test_the_status_before_an_update_is_the_one_that_was_told() -> None:
    silent, drafts = step(known(), "d", DETAIL | {"status": "SELLER_DEACTIVATED"}, look(publish="stock"))
    assert list_events(drafts) == []
    _, (draft,) = step(silent, "d", DETAIL | {"status": "FREEZE"})
    told: Any = draft.data
    assert (draft.type, told["previous_status"], told["status"]) == (events.PRODUCT_UPDATED, "live", "frozen")


def test_where_stock_alone_is_wanted_the_end_of_a_product_waits_until_products_are() -> None:
    state, drafts = changes.of_deletion(known(), GONE, look(publish="stock"))
    assert list_events(drafts) == [f"stock.removed sku/{number}" for number in (1, 2, 3)]
    _, drafts = changes.of_deletion(state, GONE, look())
    assert list_events(drafts) == ["product.deleted product/10"]


def test_a_state_of_answers_without_a_time_says_so_by_null() -> None:
    state, _ = step(None, "d", {name: value for name, value in DETAIL.items() if name != "update_time"})
    assert (state["updated_at"], state["product"]["updated_at"]) == (None, None)
