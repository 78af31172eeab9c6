import json
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources import ROOT
from worker.changes.normalized import Normalized, SkuDoc, SkuStock, ViewName
from worker.formats import decimal, rfc3339
from worker.marketplace.call_errors import Unreadable
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Inventory, Page, Product202309, ProductLegacy, Shops, Warehouses
from worker.tiktok.reading.normalize import product_snapshot
from worker.tiktok.reading.read_answers import ReadProduct
from worker.tiktok.reading.shop_warehouses import warehouses
from worker.tiktok.reading.statuses import STATUSES

FIXTURES = ROOT / "tests" / "fixtures"


def skus(snapshot: Normalized) -> list[SkuDoc]:
    assert snapshot.product.skus is not None
    return snapshot.product.skus


def stock(snapshot: Normalized) -> list[SkuStock]:
    assert snapshot.stock is not None
    return snapshot.stock


def legacy() -> Normalized:
    return product_snapshot(Decoder(ProductLegacy)((FIXTURES / "product-detail-legacy-202306.json").read_bytes())[0])


def current() -> Normalized:
    return product_snapshot(Decoder(Product202309)((FIXTURES / "product-202309.json").read_bytes())[0])


def test_the_seeds_product() -> None:
    snapshot = legacy()
    product = snapshot.product
    assert product.product_id == "1731029337055922770"
    assert product.status == "live"
    assert product.raw_status == "4"
    assert product.updated_at == "2024-11-25T02:23:57.474Z"  # 1732501437474 ms
    assert product.category_id == "780612"
    assert product.category_path is not None
    assert product.category_path[-1] == "Cà phê"
    assert [sku["price"] for sku in skus(snapshot)] == [{"amount": "200800", "currency": "VND", "tax": None}] * 2
    assert [(s.sku_id, s.available, s.warehouses and s.warehouses[0].warehouse_id) for s in stock(snapshot)] == [
        ("1731159324007369298", 17, "7319540688915072774"),
        ("1731159324007434834", 18, "7319540688915072774"),
    ]
    assert all(each.committed is None for each in stock(snapshot))


def test_the_current_generation_has_the_same_shape() -> None:
    snapshot = current()
    product = snapshot.product
    assert product.status == "seller_deactivated"
    assert product.created_at == "2009-02-13T23:31:30.000Z"  # 1234567890 s
    assert skus(snapshot)[0]["price"] == {"amount": "117.5", "currency": "USD", "tax": None}
    assert skus(snapshot)[0]["status"] == "deactivated"
    assert stock(snapshot)[0].available == 999
    assert msgspec.to_builtins(product).keys() == msgspec.to_builtins(legacy().product).keys()


def test_signed_image_addresses_are_not_part_of_it() -> None:
    body = json.loads((FIXTURES / "product-202309.json").read_text())
    digests = set()
    for read in range(100):
        body["data"]["main_images"][0]["urls"] = [f"https://image.example/6c85.jpeg?sign={read}"]
        digests.add(ReadProduct(Decoder(Product202309)(json.dumps(body).encode())[0]).digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    "missing", ["title", "status", "skus", "main_images", "brand", "category_chains", "update_time"]
)
def test_every_field_may_be_missing_and_missing_is_null_not_zero(missing: str) -> None:
    body = json.loads((FIXTURES / "product-202309.json").read_text())
    del body["data"][missing]
    product_snapshot(Decoder(Product202309)(json.dumps(body).encode())[0])


def test_absent_stock_is_unknown_and_zero_is_zero() -> None:
    body = {"code": 0, "data": {"id": "1", "skus": [{"id": "2"}, {"id": "3", "inventory": [{"quantity": 0}]}]}}
    snapshot = product_snapshot(Decoder(Product202309)(json.dumps(body).encode())[0])
    assert [sku.available for sku in stock(snapshot)] == [None, 0]


def test_an_absurd_quantity_is_unknown() -> None:
    body = {"code": 0, "data": {"id": "1", "skus": [{"id": "2", "inventory": [{"quantity": 2**60}]}]}}
    assert stock(product_snapshot(Decoder(Product202309)(json.dumps(body).encode())[0]))[0].available is None


def test_a_status_that_tiktok_adds_keeps_its_name() -> None:
    snapshot = product_snapshot(Decoder(Product202309)(b'{"code":0,"data":{"id":"1","status":"ARCHIVED"}}')[0])
    assert (snapshot.product.status, snapshot.product.raw_status) == ("unknown", "ARCHIVED")
    assert "ARCHIVED" not in STATUSES


@pytest.mark.parametrize(
    ("given_price", "expected"),
    [("117.50", "117.5"), ("200800", "200800"), ("1E+2", "100"), (117.5, "117.5"), (0, "0"), ("0.00", "0"), ("-0", "0"),
     (" 117.50 ", "117.5"),
     ("abc", None), ("NaN", None), ("Infinity", None), ("1e999999", None), ("", None), (None, None)],
)  # fmt: skip
def test_money_is_a_plain_decimal_string(given_price: str | float | None, expected: str | None) -> None:
    assert decimal(given_price) == expected


@given(st.integers(min_value=-(2**70), max_value=2**70), st.sampled_from([1, 1000]))
def test_no_time_breaks_it(moment: int, per_second: int) -> None:
    text = rfc3339(moment, per_second)
    assert text is None or (text.endswith("Z") and len(text) == 24)


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.sampled_from(["", "x", "\u00fc", "id", "1", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "price", "inventory"]), inner),
    max_leaves=8,
)
fields = st.sampled_from(
    ["title", "status", "skus", "main_images", "brand", "category_chains", "update_time", "description"]
)


@given(st.dictionaries(fields, json_values))
def test_whatever_an_answer_holds_it_is_read_or_refused(extra: dict[str, object]) -> None:
    body = json.dumps({"code": 0, "data": {"id": "1", **extra}}).encode()
    try:
        answer, _ = Decoder(Product202309)(body)
    except Unreadable:
        return
    assert ReadProduct(answer).digest
    product_snapshot(answer)


def read(data: dict[str, Any], view: ViewName = "d", seller_type: str = "") -> Normalized:
    answer, _ = Decoder(Product202309)(json.dumps({"code": 0, "data": {"id": "1", **data}}).encode())
    return product_snapshot(answer, view, seller_type)


@pytest.mark.parametrize("odd", ["", "abc", 5.5, True, [], {}, 10**30])
def test_an_odd_value_costs_its_field_and_no_other(odd: object) -> None:
    rows = [{"warehouse_id": "7", "quantity": odd}, {"warehouse_id": "8", "quantity": 4}]
    snapshot = read({"title": "T", "update_time": odd, "skus": [{"id": "2", "inventory": rows}]})
    assert (snapshot.product.title, snapshot.product.updated_at) == ("T", None)
    warehouses = stock(snapshot)[0].warehouses
    assert warehouses is not None
    assert [row.available for row in warehouses] == [None, 4]


def test_a_list_with_a_row_that_can_not_be_read_is_absent_never_shorter() -> None:
    snapshot = read({"skus": [{"id": "2"}, {"id": "x"}], "main_images": [{"uri": "a"}, 7]})
    assert (snapshot.product.skus, snapshot.stock, snapshot.product.images) == (None, None, None)


def test_a_currency_is_the_same_however_it_is_spelled() -> None:
    spelled = {"GBP": "GBP", " gbp": "GBP", "": None, " ": None, None: None}
    for said, meant in spelled.items():
        price = skus(read({"skus": [{"id": "2", "price": {"sale_price": "1", "currency": said}}]}))[0]["price"]
        assert price == {"amount": "1", "currency": meant, "tax": None}


@pytest.mark.parametrize("kind", [Page, Inventory])
def test_a_page_without_data_or_list_is_empty_and_with_an_odd_list_unreadable(kind: Any) -> None:
    name = "products" if kind is Page else "inventory"
    for data in ("", ', "data": null', f', "data": {{"{name}": null, "total_count": "x"}}'):
        assert getattr(Decoder(kind)(b'{"code": 0%s}' % data.encode())[0], name) is None
    with pytest.raises(Unreadable):
        Decoder(kind)(b'{"code": 0, "data": {"%s": 7}}' % name.encode())


def test_a_product_without_data_or_with_an_odd_id_and_shops_of_which_one_has_none_are_unreadable() -> None:
    nameless = '{"shops": [{"id": "1"}, {"cipher": "c"}]}'
    for kind, data in ((Product202309, "null"), (Product202309, '{"id": []}'), (Shops, nameless)):
        with pytest.raises(Unreadable):
            Decoder(kind)(b'{"code": 0, "data": %s}' % data.encode())
    assert Decoder(Shops)(b'{"code": 0, "data": {"shops": null}}')[0].shops is None


@pytest.mark.parametrize(
    ("view", "seller", "price", "amount", "tax"),
    [
        ("d", "LOCAL", {"sale_price": "12.99", "tax_exclusive_price": "10"}, "12.99", None),
        ("s", "LOCAL", {"tax_exclusive_price": "12.99"}, "12.99", None),
        ("s", "", {"tax_exclusive_price": "12.99", "sale_price": "1"}, "12.99", None),
        ("s", "LOCAL", {"sale_price": "12.99"}, "12.99", None),
        ("d", "CROSS_BORDER", {"sale_price": "12.99", "tax_exclusive_price": "10"}, "12.99", "included"),
        ("s", "CROSS_BORDER", {"sale_price": "12.99", "tax_exclusive_price": "10"}, "12.99", "included"),
        ("s", "CROSS_BORDER", {"tax_exclusive_price": "10"}, None, None),
        ("d", "CROSS_BORDER", {"tax_exclusive_price": "10"}, None, None),
        ("d", "LOCAL", {"tax_exclusive_price": "10"}, "10", None),
    ],
)
def test_the_price_is_what_a_buyer_sees(
    view: ViewName, seller: str, price: dict[str, str], amount: str | None, tax: str | None
) -> None:
    (sku,) = skus(read({"skus": [{"id": "2", "price": {"currency": "GBP", **price}}]}, view, seller))
    assert sku["price"] == (amount and {"amount": amount, "currency": "GBP", "tax": tax})


def test_the_way_to_a_category_goes_from_the_root_in_whatever_order_it_is_told() -> None:
    def path(*steps: tuple[str, str]) -> list[str] | None:
        return read(
            {"category_chains": [{"id": one, "parent_id": parent, "local_name": one} for one, parent in steps]}
        ).product.category_path

    assert path(("3", "2"), ("1", "0"), ("2", "1")) == ["1", "2", "3"]
    for broken in ((("3", "9"), ("1", "0")), (("1", "2"), ("2", "1")), (("1", "1"),), (("1", "0"), ("1", "0"))):
        assert path(*broken) == [one for one, _ in broken]


def test_a_product_on_other_platforms_alone_stands_as_it_does_there() -> None:
    def status(*words: str) -> tuple[str | None, str | None]:
        platforms = [{"platform": "TOKOPEDIA", "status": word} for word in words]
        product = read({"integrated_platform_statuses": platforms}).product
        return product.status, product.raw_status

    assert status("ACTIVATE") == ("live", "ACTIVATE")
    assert status("DRAFT", "ACTIVATE") == ("live", "ACTIVATE")
    assert status("SELLER_DEACTIVATED") == ("seller_deactivated", "SELLER_DEACTIVATED")
    assert status() == (None, None)
    # The order of the platforms says nothing, and one of them alone deletes nothing.
    for words in permutations(["DELETED", "DRAFT", "SELLER_DEACTIVATED", "NEW_WORD"]):
        assert status(*words) == ("seller_deactivated", "SELLER_DEACTIVATED")
    assert status("DELETED", "NEW_WORD") == ("unknown", "NEW_WORD")
    assert status("DELETED", "DELETED") == ("deleted", "DELETED")
    assert status("DELETED", "") == (None, None)


def test_a_shops_warehouses() -> None:
    body = {
        "warehouses": [
            {"id": 8, "name": "B", "type": "RETURN_WAREHOUSE", "effect_status": "DISABLED", "is_default": False},
            {"id": "7", "effect_status": "ENABLED", "address": {"region_code": "GB", "region": "United Kingdom"}},
        ]
    }
    answer, _ = Decoder(Warehouses)(json.dumps({"code": 0, "data": body}).encode())
    assert warehouses(answer) == [
        {
            "warehouse_id": "7", "name": None, "type": None, "subtype": None, "enabled": True, "default": None,
            "region": "GB",
        },
        {
            "warehouse_id": "8", "name": "B", "type": "return_warehouse", "subtype": None, "enabled": False,
            "default": False, "region": None,
        },
    ]  # fmt: skip
    assert warehouses(Decoder(Warehouses)(b'{"code":0,"data":{"warehouses":null}}')[0]) is None
