"""Whatever TikTok answers, an event that comes of it keeps the contract."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shopstream import events
from shopstream.payloads.products import StateAt
from tests.every_event import judge
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause, Draft, encode
from worker.changes.normalized import Normalized
from worker.changes.product_records import State, View
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309, ProductLegacy
from worker.tiktok.reading.normalize import product_snapshot

CAUSE = Cause("7495", "https://test/shops/7495", "request", "job-1", None, "r1", 1_700_000_000_000)
AT: StateAt = {"key": "shopstream:{0}:state:7495", "field": "p:10"}

text = st.none() | st.text(max_size=8) | st.sampled_from(["", "9.90", "-0", "1e40", "NaN", "ACTIVATE", "\x1f", "x\ny"])
whole = st.none() | st.integers() | st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**30])
ids = st.integers(1, 10**18).map(str)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def many(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(inner, max_size=3)


price = some(
    currency=text,
    sale_price=text | st.floats(allow_nan=False, allow_infinity=False),
    tax_exclusive_price=text,
    original_price=text | whole,
)
sku = st.builds(
    lambda sku_id, rest: {"id": sku_id, **rest},
    ids,
    some(
        seller_sku=text,
        price=st.none() | price,
        inventory=many(some(warehouse_id=text | whole, quantity=whole)),
        stock_infos=many(some(warehouse_id=text, available_stock=whole)),
        sales_attributes=many(some(id=text | whole, name=text, value_id=text, value_name=text)),
        status_info=st.none() | some(status=text),
    ),
)
skus = st.none() | st.lists(sku, max_size=3, unique_by=lambda one: one["id"])
image = some(uri=text, id=text | whole, width=whole, height=whole)
category = some(id=text | whole, local_name=text, local_display_name=text, is_leaf=st.none() | st.booleans())
shared = {
    "create_time": whole, "update_time": whole, "brand": st.none() | some(id=text | whole), "description": text,
    "skus": skus,
}  # fmt: skip
current = some(title=text, status=text, category_chains=many(category), main_images=many(image), **shared)
legacy = some(product_name=text, product_status=whole, category_list=many(category), images=many(image), **shared)


def snapshot(answer: dict[str, Any], *, of_legacy: bool) -> Normalized:
    if of_legacy:
        return product_snapshot(Decoder(ProductLegacy)(_body({"product_id": "10", **answer}))[0])
    return product_snapshot(Decoder(Product202309)(_body({"id": "10", **answer}))[0])


def _body(data: dict[str, Any]) -> bytes:
    return json.dumps({"code": 0, "data": data}).encode()


def keeps_the_contract(draft: Draft) -> None:
    ((*_, data),) = encode([draft], CAUSE, "e1")
    assert len(data) <= events.DATA_LIMIT
    wrong = [error.message for error in judge(draft.type.removeprefix(events.NAMESPACE)).iter_errors(json.loads(data))]
    assert wrong == []


VIEW = View(1_700_000_000_000, AT)


def step(before: State | None, how: str, now: Normalized) -> tuple[State, list[Draft]]:
    if how == "listing":
        return changes.of_listing(before, now, VIEW)
    if how == "inventory":
        return changes.of_stock(before, "10", now.stock, VIEW, whole=True)
    return changes.of_snapshot(before, now, VIEW)


answers = st.tuples(st.sampled_from(["detail", "listing", "inventory"]), current) | st.tuples(st.just("legacy"), legacy)


@given(st.lists(answers, min_size=1, max_size=3))
def test_every_event_of_any_history_keeps_the_contract(history: list[tuple[str, dict[str, Any]]]) -> None:
    state = None
    for how, answer in history:
        state, drafts = step(state, how, snapshot(answer, of_legacy=how == "legacy"))
        for draft in drafts:
            keeps_the_contract(draft)
    assert state is not None
    for draft in changes.of_deletion(state, {"kind": "not_found", "code": 12052032}, VIEW)[1]:
        keeps_the_contract(draft)
