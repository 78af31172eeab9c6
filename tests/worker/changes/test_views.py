"""No view takes back what it doesn't tell, and the newer one by TikTok's own word wins. Mostly by property."""

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopstream import events
from shopstream.payloads.products import StateAt
from shopstream.registry.settings import ShopSettings
from tests.worker.changes.bodies import body
from worker.changes import product_changes as changes
from worker.changes.drafts import Draft
from worker.changes.normalized import ViewName
from worker.changes.product_records import Deletion, State, View
from worker.changes.stock_changes import DISPUTE_MS, find_disputed
from worker.tiktok.reading.normalize import product_snapshot
from worker.tiktok.reading.read_answers import normalize_line, normalize_stock
from worker.tiktok.reading.sku_stock import inventory_stock

AT: StateAt = {"key": "shopstream:{0}:state:1", "field": "p:10"}
NOW = 1_800_000_000_000
GONE: Deletion = {"kind": "not_found", "code": 12052032}
Json = dict[str, Any]


def row(warehouse: str, quantity: int) -> Json:
    return {"warehouse_id": warehouse, "quantity": quantity, "backorder_quantity": 2}


def sku(name: str, *quantities: int) -> Json:
    return {
        "id": name, "seller_sku": f"S{name}", "price": {"currency": "GBP", "sale_price": f"{name}.99"},
        "inventory": [row(str(700 + place), quantity) for place, quantity in enumerate(quantities)],
        "sales_attributes": [
            {"id": "1", "name": "Color", "value_id": "11", "value_name": "Red"},
            {"id": "2", "name": "Size", "value_id": "22", "value_name": "L"},
        ],
        "status_info": {"status": "DEACTIVATED", "deactivation_source": "SELLER"},
        "identifier_code": {"code": "4006381333931"}, "external_sku_id": "E1", "pre_sale": {"type": "PRE_ORDER"},
    }  # fmt: skip


DETAIL: Json = {
    "id": "10", "title": "Socks", "status": "ACTIVATE", "create_time": 1_700_000_000, "update_time": 1_700_000_100,
    "brand": {"id": "5"}, "description": "<p>long</p>", "main_images": [{"uri": "a", "width": 1}, {"uri": "b"}],
    "category_chains": [
        {"id": "1", "parent_id": "0", "local_name": "Wear"},
        {"id": "2", "parent_id": "1", "local_name": "Socks", "is_leaf": True},
    ],
    "skus": [sku("1", 5, 7), sku("2", 0), sku("3", 9)],
    "external_product_id": "ERP-1", "product_types": ["COMBINED_PRODUCT"], "audit": {"status": "FAILED"},
    "audit_failed_reasons": [{"reasons": ["blurred", "wrong"]}], "is_not_for_sale": False, "minimum_order_quantity": 2,
    "integrated_platform_statuses": [
        {"platform": "TIKTOK_SHOP", "status": "ACTIVATE"}, {"platform": "TOKOPEDIA", "status": "DRAFT"},
    ],
}  # fmt: skip
STOCK: Json = {
    "product_id": "10",
    "skus": [
        {
            "id": one["id"], "seller_sku": one["seller_sku"],
            "total_available_quantity": sum(each["quantity"] for each in one["inventory"]),
            "total_committed_quantity": 3 * len(one["inventory"]),
            "total_backorder_quantity": 2 * len(one["inventory"]),
            "warehouse_inventory": [
                {
                    "warehouse_id": each["warehouse_id"], "available_quantity": each["quantity"],
                    "committed_quantity": 3, "backorder_quantity": 2,
                }
                for each in one["inventory"]
            ],
            "total_available_inventory_distribution": {
                "in_shop_inventory": {"quantity": max(0, sum(each["quantity"] for each in one["inventory"]) - 4)},
                "campaign_inventory": [{"quantity": 1}, {"quantity": 2}], "creator_inventory": [{"quantity": 1}],
            },
        }
        for one in DETAIL["skus"]
    ],
}  # fmt: skip
_IDS = {"id", "product_id"}
_IN_ORDER = {"main_images", "category_chains", "product_types", "audit_failed_reasons", "reasons"}


def look(seen_ms: int = NOW, **settings: Any) -> View:
    return View(NOW - 60_000, AT, ShopSettings(**settings), seen_ms)


def raw(answer: Json) -> bytes:
    return json.dumps(answer).encode()


def step(
    state: State | None, name: ViewName, answer: Json, view: View | None = None, **how: Any
) -> tuple[Any, list[Draft]]:
    view = view or look()
    if name == "i":
        try:
            stock = inventory_stock(normalize_stock(raw(answer)))
        except msgspec.DecodeError:
            return state, []  # the job takes the product for missing
        return changes.of_stock(state, "10", stock, view, whole=how.get("whole", True))
    now = product_snapshot(normalize_line(raw(answer)), name)
    return changes.of_snapshot(state, now, view) if name == "d" else changes.of_listing(state, now, view, **how)


def list_events(drafts: list[Draft]) -> list[str]:
    return [f"{draft.type.removeprefix(events.NAMESPACE)} {draft.subject}" for draft in drafts]


def known(publish: str = "products") -> Any:
    view = look(publish=publish)
    state, _ = step(None, "d", DETAIL, view)
    return step(state, "i", STOCK, view)[0]


def lines() -> Json:
    """The detail as a page shows it: prices, stock and status of each SKU alone."""
    short = {key: DETAIL[key] for key in ("id", "title", "status", "create_time", "update_time")}
    parts = ("id", "seller_sku", "inventory", "status_info")
    skus = [{key: one[key] for key in parts} | {"price": _net(one["price"])} for one in DETAIL["skus"]]
    return short | {"skus": skus}


def _net(price: Json) -> Json:
    return {"currency": price["currency"], "tax_exclusive_price": price["sale_price"]}


@st.composite
def less(draw: st.DrawFn, whole: Any, name: str = "") -> Any:
    """The same answer with fields left out or null, odd ones instead, lists missing, rows in another order."""
    if isinstance(whole, list):
        rows = [draw(less(each, name)) for each in whole]
        return rows if name in _IN_ORDER else draw(st.permutations(rows))
    if not isinstance(whole, dict):
        return whole
    found: Json = {}
    for key, value in whole.items():
        named = key in _IDS and name != "sales_attributes"
        fate = "given" if named else draw(st.sampled_from(["given", "given", "given", "absent", "null", "odd"]))
        if fate == "given":
            found[key] = draw(less(value, key))
        elif fate == "null":
            found[key] = None
        elif fate == "odd" and not isinstance(value, str):
            found[key] = draw(st.sampled_from(["abc", "", 5.5] if isinstance(value, int) else ["abc", 7, True]))
    return found


views = st.sampled_from(["d", "s", "i"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["d", "s", "i"]).flatmap(lambda name: st.tuples(
    st.just(name), less({"d": DETAIL, "s": lines(), "i": STOCK}[name])
)), min_size=1, max_size=4), st.sampled_from(["products", "prices", "stock"]))  # fmt: skip
def test_no_view_takes_back_what_it_does_not_tell(answers: list[tuple[ViewName, Json]], publish: str) -> None:
    before = known(publish)
    state = before
    for name, answer in answers:
        state, drafts = step(state, name, answer, look(publish=publish))
        assert list_events(drafts) == []
        assert state | {"detailed": None} == before | {"detailed": None}


@settings(max_examples=40, deadline=None)
@given(less(DETAIL), less(STOCK), less(lines()))
def test_whatever_was_told_first_the_whole_answers_make_the_same_of_it(one: Json, two: Json, three: Json) -> None:
    state = None
    for name, answer in (("s", three), ("i", two), ("d", one), ("d", DETAIL), ("i", STOCK)):
        state, _ = step(state, name, answer)  # type: ignore[arg-type]
    whole = known()
    assert state is not None
    assert _without_order(state["product"]) == _without_order(whole["product"])
    for sku_id, entry in whole["stock"].items():
        found = state["stock"][sku_id]
        # A warehouse that was named late stands behind those that were named before.
        assert sorted(found["warehouses"], key=str) == sorted(entry["warehouses"], key=str)
        others = entry.keys() - {"seq", "level", "warehouses"}
        assert {key: found[key] for key in others} == {key: entry[key] for key in others}


def _without_order(product: Json) -> Json:
    skus = sorted(product["skus"], key=lambda one: one["sku_id"])
    rows = {key: sorted(product[key], key=str) for key in ("platforms",) if product[key]}
    return product | rows | {"skus": [one | {"attributes": sorted(one["attributes"], key=str)} for one in skus]}


@pytest.mark.parametrize(
    ("place", "lost"),
    [("main_images", "uri"), ("integrated_platform_statuses", "platform"), ("sales_attributes", "id")],
)
def test_rows_without_the_id_they_are_known_by_change_nothing(place: str, lost: str) -> None:
    answer = json.loads(json.dumps(DETAIL))
    for row in answer.get(place) or [row for sku in answer["skus"] for row in sku[place]]:
        del row[lost]
    _, drafts = step(known(), "d", answer)
    assert drafts == []


def test_a_row_without_its_warehouse_is_that_of_the_only_one() -> None:
    answer = json.loads(json.dumps(DETAIL))
    units = {}
    for sku in answer["skus"]:
        for stock in sku["inventory"]:
            del stock["warehouse_id"]
            stock["quantity"] += 1
        units[sku["id"]] = sum(stock["quantity"] for stock in sku["inventory"])
    before = known()
    state, drafts = step(before, "d", answer)
    assert drafts
    for draft in drafts:
        change = body(draft)
        assert change["available"] == units[change["sku_id"]]
        assert not any(row.get("removed") for row in change["warehouses"])
    for sku_id, row in state["stock"].items():
        named = [one["warehouse_id"] for one in row["warehouses"]]
        assert named == [one["warehouse_id"] for one in before["stock"][sku_id]["warehouses"]]
        if len(named) == 1:
            assert row["warehouses"][0]["available"] == units[sku_id]


def test_an_empty_list_is_a_statement() -> None:
    state, drafts = step(known(), "d", DETAIL | {"main_images": [], "skus": []})
    assert body(drafts[0])["changed"] == ["/images", "/skus"]
    assert list_events(drafts[1:]) == [f"stock.removed sku/{name}" for name in "123"]
    assert state["product"]["skus"] == []


def test_a_pointer_is_into_the_new_document_whatever_the_order() -> None:
    answer = copy.deepcopy(DETAIL)
    answer["skus"].reverse()
    answer["skus"][0]["price"]["sale_price"] = "1"
    state, (draft,) = step(known(), "d", answer)
    assert body(draft)["changed"] == ["/skus/2/price/amount"]
    assert [one["sku_id"] for one in body(draft)["skus"]] == ["1", "2", "3"]
    assert state["product"]["skus"][2]["price"]["amount"] == "1"


def test_a_new_sku_comes_by_any_view_behind_the_known_ones() -> None:
    answer = lines()
    answer["skus"].insert(0, sku("9", 4))
    state, drafts = step(known(), "s", answer)
    assert list_events(drafts) == ["product.updated product/10", "stock.changed sku/9"]
    assert [one["sku_id"] for one in state["product"]["skus"]] == ["1", "2", "3", "9"]


def without(answer: Json, *names: str) -> Json:
    return answer | {"skus": [one for one in answer["skus"] if one["id"] not in names]}


def test_a_view_that_is_not_whole_removes_no_sku_and_asks_once_a_day_or_when_it_goes_again() -> None:
    state, asked = known(), list[int]()
    hours = {0: "2", 1: "2", 23: "2", 24: "2", 25: "", 26: "2", 49: "2", 50: "2"}
    for hour, missing in hours.items():
        before = find_disputed(state["stock"], "i")
        answer = without(STOCK, missing) if missing else STOCK
        state, drafts = step(state, "i", answer, look(NOW + hour * 3_600_000))
        assert drafts == []
        if {"2"} & {name for name, when in find_disputed(state["stock"], "i").items() if before.get(name) != when}:
            asked.append(hour)
    assert asked == [0, 24, 26, 50]
    assert DISPUTE_MS == 24 * 3_600_000


def test_a_removed_sku_comes_back_by_a_detail_or_a_newer_line_alone() -> None:
    removed, drafts = step(known(), "d", without(DETAIL, "2"))
    assert list_events(drafts) == ["product.updated product/10", "stock.removed sku/2"]
    for name, answer in (("s", lines()), ("i", STOCK)):
        state, drafts = step(removed, name, answer)  # type: ignore[arg-type]
        assert (drafts, list(find_disputed(state["stock"], name))) == ([], ["2"])  # type: ignore[arg-type]
        assert [one["sku_id"] for one in state["product"]["skus"]] == ["1", "3"]
    for name, answer in (("s", lines() | {"update_time": 1_700_000_101}), ("d", DETAIL)):
        _, drafts = step(removed, name, answer)  # type: ignore[arg-type]
        assert list_events(drafts) == ["product.updated product/10", "stock.changed sku/2"]
        assert drafts[1].seq == removed["stock"]["2"]["seq"] + 1


def test_the_update_time_tells_which_answer_is_older() -> None:
    state, _ = step(known(), "s", lines() | {"update_time": 1_700_000_200, "title": "Short socks"})
    older, same = (
        product_snapshot(normalize_line(raw(DETAIL))),
        product_snapshot(normalize_line(raw(DETAIL | {"update_time": 1_700_000_200}))),
    )
    assert changes.is_outdated(state, older)
    assert not changes.is_outdated(state, same)
    assert not changes.is_outdated(
        state, product_snapshot(normalize_line(raw(without(DETAIL) | {"update_time": None})))
    )


def test_of_a_deleted_product_only_a_detail_or_a_newer_line_tells_anything() -> None:
    deleted, _ = changes.of_deletion(known("prices"), GONE, look(publish="prices"))
    assert deleted["deleted_at"] == "2023-11-14T22:15:00.000Z"
    for name, answer in (("s", lines()), ("i", STOCK), ("s", lines() | {"update_time": None})):
        assert step(deleted, name, answer, look(publish="prices")) == (deleted, [])  # type: ignore[arg-type]
    for name, answer in (("d", DETAIL), ("s", lines() | {"update_time": 1_700_000_101})):
        state, drafts = step(deleted, name, answer, look(publish="prices"))  # type: ignore[arg-type]
        assert list_events(drafts) == ["product.created product/10", *(f"stock.changed sku/{each}" for each in "123")]
        assert not state["deleted"]
    later, _ = changes.of_deletion(known(), GONE | {"updated_at": "2023-11-14T22:20:00.000Z"}, look())
    assert step(later, "s", lines() | {"update_time": 1_700_000_101}) == (later, [])


def test_a_state_of_an_older_version_is_read_and_fields_that_it_did_not_know_are_no_change() -> None:
    old = copy.deepcopy(known())
    for name in ("updated_at", "deleted_at"):
        del old[name]
    for name in ("external_product_id", "types", "audit", "for_sale", "minimum_order", "platforms"):
        del old["product"][name]
    for one in old["product"]["skus"]:
        for name in ("deactivation_source", "gtin", "external_sku_id", "pre_sale"):
            del one[name]
    for entry in old["stock"].values():
        for name in ("in_shop", "locked", "backorder"):
            del entry[name]
    state, drafts = step(old, "d", DETAIL)
    assert drafts == []
    assert state["product"] == known()["product"]
    assert changes.is_outdated(old, product_snapshot(normalize_line(raw(DETAIL | {"update_time": 1_700_000_099}))))
    state, drafts = changes.of_deletion(old, GONE, look())
    assert list_events(drafts)[0] == "product.deleted product/10"
    rows = {sku: row | {"seq": row["seq"] + 1, "removed": True} for sku, row in old["stock"].items()}
    state = old | {"seq": old["seq"] + 1, "deleted": True, "stock": rows}  # whole, as it was kept
    assert step(state, "s", lines()) == (state, [])
    assert list_events(step(state, "d", DETAIL)[1])[0] == "product.created product/10"


def test_a_line_without_a_detail_to_be_had_is_the_product_itself() -> None:
    state, drafts = step(None, "s", lines(), final=True)
    assert list_events(drafts)[0] == "product.created product/10"
    assert body(drafts[0])["description_digest"] is None
    assert not changes.wants_detail(state, product_snapshot(normalize_line(raw(lines()))))
    newer = product_snapshot(normalize_line(raw(lines() | {"update_time": 1_700_000_101})))
    assert changes.wants_detail(state, newer)
    frozen = lines() | {"status": "FREEZE", "update_time": 1_700_000_200}
    state, drafts = step(known(), "s", frozen)
    assert list_events(drafts) == ["product.updated product/10"]
    assert not changes.wants_detail(state, product_snapshot(normalize_line(raw(frozen))))
    assert step(state, "s", frozen)[1] == []


def test_a_detail_of_the_second_in_which_the_product_changed_is_asked_for_once_more() -> None:
    line = product_snapshot(normalize_line(raw(lines())), "s")
    at = 1_700_000_100_000
    for late, wanted in ((0, True), (1_999, True), (2_000, False), (60_000, False)):
        state, _ = step(None, "d", DETAIL, look(at + late))
        assert changes.wants_detail(state, line) == wanted


def test_a_first_number_is_kept_and_not_told_and_counts_from_then_on() -> None:
    state, _ = step(None, "d", DETAIL)
    state, drafts = step(state, "i", STOCK)
    numbers = [(body(draft)["in_shop"], body(draft)["level"], body(draft)["transition"]) for draft in drafts]
    assert numbers == [(8, "in_stock", None), (5, "low_stock", "low")], (
        "12 - 4 and 9 - 4: less can be sold than was thought"
    )
    entry = state["stock"]["1"]
    assert (entry["in_shop"], entry["locked"], entry["committed"]) == (8, {"campaign": 3, "creator": 1}, 6)
    assert entry["seq"] == 2
    _, (draft,) = step(state, "s", lines() | {"skus": [sku("1", 1, 7)]})
    now = {name: body(draft)[name] for name in ("available", "in_shop", "previous_in_shop", "locked", "level")}
    assert now == {
        "available": 8, "in_shop": 4, "previous_in_shop": 8, "locked": {"campaign": 3, "creator": 1},
        "level": "low_stock",
    }  # fmt: skip
    assert body(draft)["transition"] == "low"


def test_a_lock_that_ends_is_told() -> None:
    answer = copy.deepcopy(STOCK)
    answer["skus"][0]["total_available_inventory_distribution"] = {"in_shop_inventory": {"quantity": 12}}
    _, (draft,) = step(known(), "i", answer)
    assert body(draft)["available"] == body(draft)["in_shop"] == 12
    assert body(draft)["locked"] == {"campaign": 0, "creator": 0}
    assert body(draft)["delta"] == 0
