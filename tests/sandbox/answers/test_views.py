"""Views that lag behind each other, and views that leave something out."""

import time
from typing import Any

import pytest

from shopstream_sandbox.catalogue import making
from shopstream_sandbox.catalogue.history import History
from shopstream_sandbox.switches import Switches
from shopstream_sandbox.view.views import Views
from tests.processes import until
from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")
VIEWS = ("search", "detail", "inventory")
LAG = 1.5


class Product:
    """One product of the second shop, as each view tells it."""

    def __init__(self, me: Caller, product: str, sku: str) -> None:
        self.me, self.id, self.sku = me.at(1), product, sku

    async def stock(self, view: str) -> int | None:
        """The units of its first SKU; None where the view doesn't know the product."""
        if view == "search":
            lines = (await self.me.call(SEARCH, {"sku_ids": [self.sku]}, page_size="10")).data["products"]
            return _units(lines[0]) if lines else None
        if view == "detail":
            answer = await self.me.call(PRODUCT + self.id)
            if answer.code == 12052032:
                return None
            return _units(answer.data)
        answer = await self.me.call(INVENTORY, {"sku_ids": [self.sku]})
        return None if answer.code == 12052032 else int(_skus(answer.data)[0]["total_available_quantity"])

    async def sell(self, quantity: int) -> None:
        changes = [{"sku_id": self.sku, "quantity": quantity}]
        await self.me.box.control("stock", shop_id=self.me.shop, changes=changes)


def _units(product: Any) -> int:
    return sum(int(row["quantity"]) for row in product["skus"][0]["inventory"])


def _skus(data: Any) -> list[dict[str, Any]]:
    return list(data["inventory"][0]["skus"])


async def one(me: Caller) -> Product:
    """A new product whose first SKU has 1 unit, in one warehouse."""
    shop = me.at(1).shop
    product = (await me.box.control("add", shop_id=shop))["product_id"]
    data = (await me.at(1).call(PRODUCT + product)).data
    sku = data["skus"][0]
    rows = [row["warehouse_id"] for row in sku["inventory"]]
    changes = [{"sku_id": sku["id"], "warehouse_id": at, "quantity": int(at == rows[0])} for at in rows]
    await me.box.control("stock", shop_id=shop, changes=changes)
    return Product(me, product, sku["id"])


@pytest.mark.parametrize("late", VIEWS)
async def test_a_view_tells_what_was_so_long_ago_and_the_others_the_present(me: Caller, late: str) -> None:
    product = await one(me)
    await me.box.control("switches", lag_seconds={late: LAG})
    began = time.monotonic()
    await product.sell(50)
    assert {view: await product.stock(view) for view in VIEWS} == dict.fromkeys(VIEWS, 50) | {late: 1}
    truth = (await me.box.see(f"shops/{product.me.shop}/state"))["products"][product.id]
    assert sum(truth["skus"][product.sku]["stock"].values()) == 50

    async def caught_up() -> bool:
        return await product.stock(late) == 50

    await until(caught_up)
    assert time.monotonic() - began >= LAG


async def test_without_a_lag_all_views_tell_the_present(me: Caller) -> None:
    product = await one(me)
    await me.box.control("switches", lag_seconds={"search": 60, "detail": 60, "inventory": 60})
    await product.sell(50)
    assert {await product.stock(view) for view in VIEWS} == {1}
    await me.box.control("switches", lag_seconds={"search": 0})
    assert {await product.stock(view) for view in VIEWS} == {50}


async def test_a_late_view_is_late_in_everything(me: Caller) -> None:
    product = await one(me)
    shop, query = product.me, {"product_id": product.id}
    await me.box.control("product", shop_id=shop.shop, product_id=product.id, set={"title": "Old", "price": "1.11"})
    before, legacy = (await shop.call(PRODUCT + product.id)).data, (await shop.call(LEGACY, **query)).data
    line = (await shop.call(SEARCH, {"sku_ids": [product.sku]}, page_size="1")).data["products"][0]
    await me.box.control("switches", lag_seconds=dict.fromkeys(VIEWS, 60))
    await me.box.control("clock", offset_seconds=5)
    changed = {"title": "New", "price": "2.22", "status": "FREEZE"}
    await me.box.control("product", shop_id=shop.shop, product_id=product.id, set=changed, remove_sku=product.sku)
    await me.box.control("clock", offset_seconds=0)
    after = (await shop.call(PRODUCT + product.id)).data
    assert [_still(one) for one in (after, before)] == [_still(before)] * 2
    assert _still((await shop.call(LEGACY, **query)).data) == _still(legacy)
    assert (await shop.call(SEARCH, {"sku_ids": [product.sku]}, page_size="1")).data["products"] == [line]
    late = {"status": "FREEZE", "update_time_ge": line["update_time"]}
    assert product.id not in [row["id"] for row in (await shop.call(SEARCH, late, page_size="100")).data["products"]]


def _still(data: dict[str, Any]) -> dict[str, Any]:
    """Without the addresses of images, which no two answers have in common."""
    return {name: value for name, value in data.items() if name not in {"main_images", "images"}}


async def test_a_late_view_does_not_know_a_new_product_and_still_knows_a_deleted_one(me: Caller) -> None:
    deleted = await one(me)
    await me.box.control("switches", lag_seconds=dict.fromkeys(VIEWS, 60))
    await me.box.control("delete", shop_id=deleted.me.shop, product_id=deleted.id)
    assert [await deleted.stock(view) for view in VIEWS] == [1, 1, 1]
    new = (await me.box.control("add", shop_id=deleted.me.shop))["product_id"]
    state = (await me.box.see(f"shops/{deleted.me.shop}/state"))["products"]
    assert new in state
    assert deleted.id not in state
    fresh = Product(me, new, next(iter(state[new]["skus"])))
    assert [await fresh.stock(view) for view in VIEWS] == [None] * 3
    await me.box.control("switches", lag_seconds={})
    assert [await deleted.stock(view) for view in VIEWS] == [None] * 3
    assert None not in [await fresh.stock(view) for view in VIEWS]


async def test_a_lag_between_two_bounds_is_drawn_anew_for_each_call(me: Caller) -> None:
    product = await one(me)
    await me.box.control("switches", lag_seconds={"detail": [0, 3]}, seed=5)
    await product.sell(9)
    seen: list[int | None] = []

    async def back_again() -> bool:
        seen.append(await product.stock("detail"))
        return 9 in seen and 1 in seen[seen.index(9) :]

    await until(back_again, 3, every=0.01)  # the newer number, and after it the older one
    assert set(seen) == {1, 9}


async def test_a_lags_draws_repeat_with_the_same_seed() -> None:
    def drawn(seed: int) -> list[float]:
        switches = Switches()
        switches.turn({"lag_seconds": {"search": [1, 100]}, "seed": seed})
        views = Views(switches)
        views.turned()
        return [time.monotonic() - (views.moment("search") or 0) for _ in range(20)]

    first = drawn(4)
    assert all(1 <= lag <= 100.5 for lag in first)
    assert drawn(4) == pytest.approx(first, abs=0.5)
    assert drawn(5) != pytest.approx(first, abs=0.5)


async def test_a_history_is_bounded_and_goes_back_to_what_was_there_before_it() -> None:
    now = 1000.0
    product = making.product("100", 0, 7, "GBP", ["1"])
    history = History(lambda _: None, lambda: now)
    assert not history.knows("100")
    for number in range(500):
        now = 1000.0 + number
        product.title = str(number)
        history.note(product)
    assert [past and past.title for past in (history.at("100", 1499), history.at("100", 1450.5))] == ["499", "450"]
    assert (history.at("100", 0) or product).title == "300"  # 200 versions are kept
    now = 9000.0
    history.note(product)
    assert (history.at("100", 8000) or product).title == "499"
    fresh = History(lambda _: None, lambda: now)
    fresh.note(product)
    assert fresh.at("100", 8999.9) is None


async def test_fields_are_left_out_of_details_and_lines(me: Caller) -> None:
    product = await one(me)
    both = (await product.me.call(PRODUCT + product.id)).data
    assert both.keys() >= {"skus", "title"}
    await me.box.control("switches", detail_without=["title", "price"], line_without=["skus"])
    detail = (await product.me.call(PRODUCT + product.id)).data
    assert "title" not in detail
    assert {"price", "inventory"} & detail["skus"][0].keys() == {"inventory"}
    line = (await product.me.call(SEARCH, {"sku_ids": [product.sku]}, page_size="1")).data["products"][0]
    assert "skus" not in line
    assert line["title"] == both["title"]
    await me.box.control("switches", detail_without=["skus"], line_without=["inventory", "status"])
    assert "skus" not in (await product.me.call(PRODUCT + product.id)).data
    line = (await product.me.call(SEARCH, {"sku_ids": [product.sku]}, page_size="1")).data["products"][0]
    assert "status" not in line
    assert {"price", "inventory"} & line["skus"][0].keys() == {"price"}
    await me.box.control("switches", detail_without=[], line_without=[])
    assert (await product.me.call(PRODUCT + product.id)).data.keys() == both.keys()


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
async def test_fields_are_left_out_of_a_share_of_the_answers(me: Caller, share: float) -> None:
    product = await one(me)
    await me.box.control("switches", detail_without=["skus"], without_share=share, seed=3)
    missing = ["skus" not in (await product.me.call(PRODUCT + product.id)).data for _ in range(40)]
    assert share * 40 - 12 <= sum(missing) <= share * 40 + 12
    assert (len(set(missing)) == 1) == (share in {0, 1})


async def test_inventory_leaves_skus_out(me: Caller) -> None:
    product = await one(me)
    asked = {"product_ids": [product.id]}
    before = [sku["id"] for sku in _skus((await product.me.call(INVENTORY, asked)).data)]
    await me.box.control("switches", inventory_leaves_out=[product.sku])
    assert [sku["id"] for sku in _skus((await product.me.call(INVENTORY, asked)).data)] == before[1:]
    assert _skus((await product.me.call(INVENTORY, {"sku_ids": [product.sku]})).data) == []
    await me.box.control("switches", inventory_leaves_out=[])
    assert [sku["id"] for sku in _skus((await product.me.call(INVENTORY, asked)).data)] == before


@pytest.mark.parametrize("shuffled", [True, False])
async def test_skus_come_in_any_order(me: Caller, *, shuffled: bool) -> None:
    ids = await me.at(1).ids()
    await me.box.control("switches", shuffle_skus=shuffled, frozen_detail="answer")
    state = (await me.box.see(f"shops/{me.at(1).shop}/state"))["products"]
    product = max(ids, key=lambda one: len(state[one]["skus"]))
    skus = list(state[product]["skus"])
    orders = set()
    for _ in range(5):
        detail = (await me.at(1).call(PRODUCT + product)).data["skus"]
        line = (await me.at(1).call(SEARCH, {"sku_ids": skus[:1]}, page_size="1")).data["products"][0]["skus"]
        stock = _skus((await me.at(1).call(INVENTORY, {"product_ids": [product]})).data)
        for rows in (detail, line, stock):
            assert sorted(row["id"] for row in rows) == sorted(skus)
            orders.add(tuple(row["id"] for row in rows))
    assert (orders != {tuple(skus)}) == shuffled


@pytest.mark.parametrize(("position", "leaf_at"), [("root_first", -1), ("leaf_first", 0)])
async def test_categories_come_from_either_end(me: Caller, position: str, leaf_at: int) -> None:
    product = await one(me)
    await me.box.control("switches", category_order=position)
    chain = (await product.me.call(PRODUCT + product.id)).data["category_chains"]
    assert [step["is_leaf"] for step in chain].index(True) == leaf_at % len(chain)
    assert {step["parent_id"] for step in chain} == {"0", chain[-1 - leaf_at % len(chain)]["id"]}


@pytest.mark.parametrize(
    "switches",
    [
        {"lag_seconds": {"legacy": 1}}, {"lag_seconds": {"search": -1}}, {"lag_seconds": {"search": [2, 1]}},
        {"lag_seconds": 3}, {"detail_without": "skus"}, {"without_share": 2}, {"shuffle_skus": 1},
        {"frozen_detail": "perhaps"}, {"token_http": 403}, {"latency_ms": "fast"}, {"colour": "red"},
    ],
)  # fmt: skip
async def test_nonsense_is_refused_and_turns_nothing(me: Caller, switches: dict[str, Any]) -> None:
    before = await me.box.control("switches")
    address = f"{me.box.url}/_sandbox/switches"
    async with me.box.http.post(address, json={"total_count": "over"} | switches) as answer:
        assert answer.status == 400
    assert await me.box.control("switches") == before
