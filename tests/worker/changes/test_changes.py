import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream import events
from shopstream.payloads.products import StateAt
from shopstream.registry.settings import DEFAULT, ShopSettings, recovery
from tests.worker.changes.bodies import body
from worker.changes import drafts as making
from worker.changes import levels
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause, Draft
from worker.changes.normalized import Normalized, SkuStock, WarehouseDoc
from worker.changes.product_records import State, View
from worker.changes.stock_changes import find_disputed
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309
from worker.tiktok.reading.normalize import product_snapshot

AT: StateAt = {"key": "shopstream:{0}:state:1", "field": "p:10"}


def snapshot(stock: dict[str, int | None], **extra: Any) -> Normalized:
    skus = [
        {"id": sku, "seller_sku": f"S{sku}", "price": {"sale_price": "9.90", "currency": "USD"},
         "inventory": [] if n is None else [{"warehouse_id": "7", "quantity": n}]}
        for sku, n in stock.items()
    ]  # fmt: skip
    body = {"code": 0, "data": {"id": "10", "title": "Socks", "status": "ACTIVATE", "skus": skus, **extra}}
    return product_snapshot(Decoder(Product202309)(json.dumps(body).encode())[0])


def look(settings: ShopSettings = DEFAULT) -> View:
    return View(1_700_000_000_000, AT, settings)


def step(before: State | None, now: Normalized, low: int = 5) -> tuple[State, list[Draft]]:
    return changes.of_snapshot(before, now, look(ShopSettings(low=low)))


def list_events(drafts: list[Draft]) -> list[tuple[str, int]]:
    return [(draft.type.removeprefix(events.NAMESPACE), draft.seq) for draft in drafts]


def test_at_first_sight_everything_is_new_and_nothing_was_before() -> None:
    _, drafts = step(None, snapshot({"1": 17, "2": 0}))
    assert [(d.type, d.seq) for d in drafts] == [
        (events.PRODUCT_CREATED, 1), (events.STOCK_CHANGED, 1), (events.STOCK_CHANGED, 1),
    ]  # fmt: skip
    first, second = body(drafts[1]), body(drafts[2])
    assert (first["previous_available"], first["delta"], first["transition"]) == (None, None, None)
    assert (first["level"], second["level"]) == ("in_stock", "out_of_stock")


def test_the_same_again_is_no_event() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    again, drafts = step(state, snapshot({"1": 17}))
    assert drafts == []
    assert again == state


def test_stock_before_and_after() -> None:
    state, _ = step(None, snapshot({"1": 17, "2": 4}))
    _, (draft,) = step(state, snapshot({"1": 12, "2": 4}))
    assert draft.subject == "sku/1"
    assert draft.seq == 2
    assert (body(draft)["previous_available"], body(draft)["available"], body(draft)["delta"]) == (17, 12, -5)
    assert body(draft)["previous_observed_at"] == "2023-11-14T22:13:20.000Z"
    assert body(draft)["warehouses"] == [
        {"warehouse_id": "7", "available": 12, "previous_available": 17, "committed": None}
    ]


def test_a_product_update_names_what_changed_and_its_old_value_and_stock_is_not_in_it() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    _, drafts = step(state, snapshot({"1": 3}, title="Short socks", update_time=5))
    product = next(d for d in drafts if d.stream == "products")
    assert product.type == events.PRODUCT_UPDATED
    assert body(product)["changed"] == ["/title"]
    assert body(product)["previous"] == {"/title": "Socks"}


def test_update_time_alone_is_no_event() -> None:
    state, _ = step(None, snapshot({"1": 17}, update_time=1))
    assert step(state, snapshot({"1": 17}, update_time=2))[1] == []


def test_a_price_has_its_pointer() -> None:
    state, _ = step(None, snapshot({"1": 1, "2": 2}))
    now = snapshot({"1": 1, "2": 2})
    assert now.product.skus is not None
    price = now.product.skus[1]["price"]
    assert price is not None
    price["amount"] = "8.5"
    _, (draft,) = step(state, now)
    assert body(draft)["changed"] == ["/skus/1/price/amount"]
    assert body(draft)["previous"] == {"/skus/1/price/amount": "9.9"}


def test_a_vanished_sku_is_removed_and_one_that_comes_back_continues_its_seq() -> None:
    state, _ = step(None, snapshot({"1": 17, "2": 4}))
    state, drafts = step(state, snapshot({"1": 17}))
    assert [(d.type, d.subject, d.seq) for d in drafts] == [
        (events.PRODUCT_UPDATED, "product/10", 2), (events.STOCK_REMOVED, "sku/2", 2),
    ]  # fmt: skip
    assert body(drafts[1])["previous"]["available"] == 4
    state, drafts = step(state, snapshot({"1": 17, "2": 9}))
    assert (drafts[1].seq, body(drafts[1])["previous_available"]) == (3, None)


def test_stock_that_comes_back_before_its_product_is_removed_again_with_it() -> None:
    state, _ = step(None, snapshot({"1": 17}, update_time=5))
    state, _ = changes.of_deletion(state, {"kind": "not_found", "code": 12052032}, look())
    assert changes.of_stock(state, "10", snapshot({"1": 9}).stock, look(), whole=True) == (state, [])
    state, drafts = changes.of_listing(state, snapshot({"1": 9}, update_time=6), look())
    assert list_events(drafts) == [("stock.changed", 3)]
    state, drafts = changes.of_deletion(state, {"kind": "not_found", "code": 12052032}, look())
    assert list_events(drafts) == [("stock.removed", 4)]
    assert list_events(step(state, snapshot({"1": 9}))[1]) == [("product.created", 3), ("stock.changed", 5)]


def test_a_deleted_product_takes_its_skus_along_and_is_created_again_with_a_continuing_seq() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    state, drafts = changes.of_deletion(state, {"kind": "not_found", "code": 12052032}, look())
    assert [(d.type, d.seq) for d in drafts] == [(events.PRODUCT_DELETED, 2), (events.STOCK_REMOVED, 2)]
    _, drafts = step(state, snapshot({"1": 17}))
    assert [(d.type, d.seq) for d in drafts] == [(events.PRODUCT_CREATED, 3), (events.STOCK_CHANGED, 3)]


def test_stock_in_no_warehouse_is_unknown_and_makes_no_transition() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    state, (draft,) = step(state, snapshot({"1": None}))
    assert (body(draft)["available"], body(draft)["level"], body(draft)["transition"]) == (None, "unknown", None)


@given(st.lists(st.dictionaries(st.sampled_from("1234"), st.integers(0, 9)), min_size=1, max_size=12))
def test_every_subjects_seq_has_no_hole_and_the_last_event_says_the_last_stock(history: list[dict[str, int]]) -> None:
    state: State | None = None
    seqs: dict[str, int] = {}
    last: dict[str, int | None] = {}
    for stock in history:
        state, drafts = step(state, snapshot(dict(stock)))
        for draft in drafts:
            assert draft.seq == seqs.get(draft.subject, 0) + 1
            seqs[draft.subject] = draft.seq
            if draft.type == events.STOCK_CHANGED:
                last[body(draft)["sku_id"]] = body(draft)["available"]
            elif draft.type == events.STOCK_REMOVED:
                last.pop(body(draft)["sku_id"])
    assert last == history[-1]


@given(st.lists(st.integers(0, 40), min_size=2, max_size=30), st.integers(0, 12))
def test_levels_do_not_flap_between_low_and_recovered(stock: list[int], low: int) -> None:
    level = levels.level(stock[0], None, low)
    for previous, available in itertools.pairwise(stock):
        now = levels.level(available, level, low)
        if levels.transition(level, now) == "recovered":
            assert available >= recovery(low) > low
        if levels.transition(level, now) == "low":
            assert available <= low < previous
        assert (now == "out_of_stock") == (available == 0)
        level = now


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("in_stock", "out_of_stock", "sold_out"), ("out_of_stock", "low_stock", "restocked"),
     ("out_of_stock", "in_stock", "restocked"), ("in_stock", "low_stock", "low"),
     ("low_stock", "in_stock", "recovered"), ("unknown", "in_stock", None), ("in_stock", "unknown", None),
     (None, "in_stock", None), ("low_stock", "low_stock", None)],
)  # fmt: skip
def test_the_names_of_transitions(before: Any, after: Any, expected: str | None) -> None:
    assert levels.transition(before, after) == expected


def test_an_event_repeats_its_id_and_other_content_does_not() -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job", None, "r1", 1_700_000_000_000)
    _, (_, draft) = step(None, snapshot({"1": 17}))
    _, (_, other) = step(None, snapshot({"1": 18}))
    (once,) = making.encode([draft], cause, "e1")
    assert [*making.encode([draft], cause, "e1")] == [once]
    ids = {event[2] for epoch in ("e1", "e2") for event in making.encode([draft, other], cause, epoch)}
    assert len(ids) == 4
    body = json.loads(once[-1])
    assert body["event_id"] == once[2]
    assert (body["seq"], body["epoch"], body["shop_id"], body["observed_at"]) == (
        1,
        "e1",
        "1",
        "2023-11-14T22:13:20.000Z",
    )


def test_an_event_never_passes_64_kib() -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job", None, None, 1_700_000_000_000)
    _, drafts = step(None, snapshot({str(n): n for n in range(1, 900)}))
    data, *_ = (event[-1] for event in making.encode(drafts, cause, "e1"))
    assert len(data) <= events.DATA_LIMIT
    assert json.loads(data)["skus"] is None


def test_an_update_of_thousands_of_skus_and_a_stock_of_hundreds_of_warehouses_fit_too() -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job-1", None, None, 1_700_000_000_000)
    many = snapshot({str(n): n for n in range(1, 4_000)})
    state, _ = step(None, many)
    assert many.product.skus is not None
    for sku in many.product.skus:
        sku["price"] = {"amount": "1", "currency": "USD", "tax": None}
    _, (draft,) = step(state, many)
    ((*_, content),) = making.encode([draft], cause, "e1")
    data = json.loads(content)
    assert (data["skus"], data["previous"], data["changed"]) == (None, None, ["/skus"])
    rows = [WarehouseDoc(f"{n:0200}", n, n) for n in range(300)]
    wide = SkuStock(sku_id="1", seller_sku=None, available=1, committed=1, warehouses=rows)
    state, drafts = changes.of_stock(None, "10", [wide], look(), whole=True)
    drafts += changes.of_deletion(state, {"kind": "not_found", "code": 0}, look())[1]
    for *_, content in making.encode(drafts, cause, "e1"):
        assert len(content) <= events.DATA_LIMIT
        data = json.loads(content)
        assert (data if "warehouses" in data else data["previous"])["warehouses"] == []
    listed: Any = {"warehouses": [{"warehouse_id": f"{n:0200}"} for n in range(400)]}
    ((*_, content),) = making.encode([Draft("shops", events.SHOP_WAREHOUSES, "shop/1", 1, listed)], cause, "e1")
    assert json.loads(content)["warehouses"] == []


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (events.NAMESPACE + "product.retitled", {"previous": "Socks", "skus": "2", "warehouses": "none"}),
        (events.NAMESPACE + "product.retitled", {"previous": "Socks" * 20_000, "skus": "2", "warehouses": "none"}),
        (events.PRODUCT_UPDATED, {"skus": []}),
        (events.STOCK_REMOVED, {"previous": None}),
    ],
    ids=["another type", "another type, long", "a short update", "a short removal"],
)
def test_an_event_is_shortened_by_its_type_and_only_past_the_limit(kind: str, data: Any) -> None:
    cause = Cause("1", "https://x/shops/1", "request", "job", None, None, 1_700_000_000_000)
    ((*_, encoded),) = making.encode([Draft("products", kind, "product/10", 1, data)], cause, "e1")
    content = json.loads(encoded)
    assert {name: content[name] for name in data} == data


# ------------------------------------------------------------------------------------ pages and inventory searches

PRICES = look(ShopSettings(publish="prices"))


def rich(stock: dict[str, int | None], **extra: Any) -> Normalized:
    return snapshot(stock, description="long", main_images=[{"uri": "u"}], brand={"id": "5"}, **extra)


def test_a_page_takes_nothing_back_of_what_only_the_detail_tells() -> None:
    state, _ = step(None, rich({"1": 17}))
    again, drafts = changes.of_listing(state, snapshot({"1": 17}), look())
    assert drafts == []
    assert again["product"] == state["product"]
    _, drafts = changes.of_listing(state, snapshot({"1": 16}, title="Other"), look())
    assert list_events(drafts) == [("product.updated", 2), ("stock.changed", 2)]
    assert body(drafts[0])["changed"] == ["/title"]
    assert body(drafts[0])["brand_id"] == "5"


def test_an_unknown_product_on_a_page_tells_its_stock_and_its_detail_creates_it() -> None:
    state, drafts = changes.of_listing(None, snapshot({"1": 17}, update_time=5), look())
    assert list_events(drafts) == [("stock.changed", 1)]
    assert changes.wants_detail(state, snapshot({"1": 17}, update_time=5))
    state, drafts = step(state, rich({"1": 17}, update_time=5))
    assert list_events(drafts) == [("product.created", 1)]
    assert not changes.wants_detail(state, snapshot({"1": 17}, update_time=5))
    assert changes.wants_detail(state, snapshot({"1": 17}, update_time=6))


def test_where_prices_are_enough_the_page_creates_the_product() -> None:
    state, drafts = changes.of_listing(None, snapshot({"1": 17}), PRICES)
    assert list_events(drafts) == [("product.created", 1), ("stock.changed", 1)]
    assert body(drafts[0])["skus"][0]["price"]["amount"] == "9.9"
    _, drafts = changes.of_listing(state, snapshot({"1": 17}, status="FREEZE"), PRICES)
    assert list_events(drafts) == [("product.updated", 2)]


def test_where_stock_is_enough_no_product_is_told_of_and_later_it_is_created() -> None:
    only = look(ShopSettings(publish="stock"))
    state, drafts = changes.of_listing(None, snapshot({"1": 17}), only)
    assert list_events(drafts) == [("stock.changed", 1)]
    _, drafts = changes.of_listing(state, snapshot({"1": 17}), PRICES)
    assert list_events(drafts) == [("product.created", 1)]
    _, drafts = changes.of_deletion(state, {"kind": "not_found", "code": 0}, only)
    assert list_events(drafts) == [("stock.removed", 2)]


def test_a_description_that_nobody_wants_is_no_change() -> None:
    view = look(ShopSettings(description=False))
    state, _ = changes.of_snapshot(None, rich({"1": 1}), view)
    assert (
        changes.of_snapshot(
            state, snapshot({"1": 1}, description="x", main_images=[{"uri": "u"}], brand={"id": "5"}), view
        )[1]
        == []
    )


def test_a_page_older_than_the_detail_is_told_apart() -> None:
    state, _ = step(None, snapshot({"1": 17}, update_time=9))
    assert changes.is_outdated(state, snapshot({"1": 16}, update_time=8))
    assert not changes.is_outdated(state, snapshot({"1": 16}, update_time=9))


def stock(sku: str, available: int | None, committed: int | None) -> SkuStock:
    rows = [WarehouseDoc("7", available, committed)]
    return SkuStock(sku_id=sku, seller_sku=f"S{sku}", available=available, committed=committed, warehouses=rows)


def test_an_inventory_search_tells_committed_stock_which_a_page_does_not_take_back() -> None:
    state, _ = step(None, snapshot({"1": 17}))
    state, drafts = changes.of_stock(state, "10", [stock("1", 17, 4)], look(), whole=True)
    assert drafts == []
    state, drafts = changes.of_stock(state, "10", [stock("1", 17, 3)], look(), whole=True)
    assert list_events(drafts) == [("stock.changed", 2)]
    assert (body(drafts[0])["committed"], body(drafts[0])["previous_committed"], body(drafts[0])["delta"]) == (3, 4, 0)
    state, drafts = changes.of_stock(state, "10", [stock("1", 17, 4)], look(), whole=True)
    assert changes.of_listing(state, snapshot({"1": 17}), look())[1] == []
    assert changes.of_stock(state, "10", [stock("1", 17, 4)], look(), whole=True)[1] == []


def test_some_skus_alone_take_none_of_the_others_away_and_a_whole_product_does_only_in_its_detail() -> None:
    state, _ = step(None, snapshot({"1": 17, "2": 3}))
    state, drafts = changes.of_stock(state, "10", [stock("1", 16, None)], look(), whole=False)
    assert list_events(drafts) == [("stock.changed", 2)]
    assert find_disputed(state["stock"], "i") == {}
    state, drafts = changes.of_stock(state, "10", [stock("1", 16, None)], look(), whole=True)
    assert drafts == []
    assert find_disputed(state["stock"], "i") == {"2": 0}
    _, drafts = step(state, snapshot({"1": 16}))
    assert list_events(drafts) == [("product.updated", 2), ("stock.removed", 2)]


def test_stock_of_a_product_that_was_never_seen_is_told_all_the_same() -> None:
    state, drafts = changes.of_stock(None, "10", [stock("1", 5, 0)], look(), whole=True)
    assert list_events(drafts) == [("stock.changed", 1)]
    assert body(drafts[0])["product_id"] == "10"
    _, drafts = changes.of_deletion(state, {"kind": "not_found", "code": 0}, look())
    assert list_events(drafts) == [("stock.removed", 2)]


@given(st.lists(st.tuples(st.sampled_from("dsi"), st.integers(0, 30), st.integers(0, 3)), max_size=30))
def test_whatever_is_looked_at_seq_has_no_hole_and_the_state_is_what_was_seen_last(
    looks: list[tuple[str, int, int]],
) -> None:
    state: State | None = None
    last: dict[str, int] = {}
    for kind, available, committed in looks:
        now = rich({"1": available}) if kind == "d" else snapshot({"1": available})
        if kind == "d":
            state, drafts = step(state, now)
        elif kind == "s":
            state, drafts = changes.of_listing(state, now, look())
        else:
            state, drafts = changes.of_stock(state, "10", [stock("1", available, committed)], look(), whole=True)
        for draft in drafts:
            assert draft.seq == last.get(draft.subject, 0) + 1
            last[draft.subject] = draft.seq
        assert state["stock"]["1"]["available"] == available
