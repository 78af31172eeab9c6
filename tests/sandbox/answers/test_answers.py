"""Refusals not in test_refusals.py, and what the catalogue's answers promise."""

import re
from typing import Any

import pytest

from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, SEED_ID, Caller
from tests.sandbox.process import running_sandbox
from tests.sources import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAMPLE = (ROOT / "tests" / "fixtures" / "product-detail-legacy-202306.json").read_bytes()


@pytest.mark.parametrize(
    ("path", "query", "short", "said"),
    [
        ("/product/202301/products/1", {}, (200, 36009014), "version"),
        ("/product/202309/products/search", {}, (200, 12019008), "search"),
        (PRODUCT + SEED_ID + "/more", {}, (404, 36009009), "path"),
        (PRODUCT + SEED_ID, {"method": "POST"}, (405, 36009010), "method"),
        (PRODUCT + SEED_ID, {"sign": "é" * 64}, (200, 106001), "sign"),
        (PRODUCT + SEED_ID, {"sign": ""}, (200, 36009004), "signature"),
        (PRODUCT + SEED_ID, {"timestamp": "1732542297000"}, (200, 36009004), "timestamp"),
        (PRODUCT + SEED_ID, {"shop_cipher": "nobody's"}, (200, 106011), "shop_cipher"),
        (LEGACY, {"product_id": SEED_ID, "shop_id": "1"}, (200, 36009004), "shop_id"),
        (LEGACY, {"product_id": "1" * 22}, (200, 12019008), "Malformed"),
    ],
)
async def test_refusals(me: Caller, path: str, query: dict[str, Any], short: tuple[int, int], said: str) -> None:
    answer = await me.call(path, **query)
    assert answer.short == short
    assert said in answer.envelope["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 36009022),
        ({}, 36009004),
        ({"sku_ids": ["1"] * 601}, 36009004),
        ({"product_ids": [123]}, 12019008),
        ({"product_ids": ["123"]}, 12052032),
        ({"sku_ids": ["123"]}, 12052032),
    ],
)
async def test_inventory_refusals(me: Caller, body: Any, code: int) -> None:
    assert (await me.call(INVENTORY, body)).short == (200, code)


async def test_inventory_leaves_out_unknown_ids_when_switched(me: Caller) -> None:
    await me.box.control("switches", unknown_ids="omit")
    one = (await me.ids())[1]
    rows = (await me.call(INVENTORY, {"product_ids": [one, "123", one]})).data["inventory"]
    assert [row["product_id"] for row in rows] == [one]
    theirs = (await me.at(2).ids())[1]
    assert (await me.call(INVENTORY, {"product_ids": [one, theirs]})).code == 12052034


async def test_of_both_kinds_of_ids_only_sku_ids_count(me: Caller) -> None:
    first, second = (await me.ids())[1:3]
    sku = (await me.call(PRODUCT + first)).data["skus"][0]["id"]
    (row,) = (await me.call(INVENTORY, {"sku_ids": [sku], "product_ids": [second]})).data["inventory"]
    assert (row["product_id"], [one["id"] for one in row["skus"]]) == (first, [sku])


async def test_all_calls_tell_the_same_of_the_seeds_product(me: Caller) -> None:
    assert (await me.call(LEGACY, product_id=SEED_ID)).body == SAMPLE
    detail = (await me.call(PRODUCT + SEED_ID)).data
    assert (detail["status"], detail["create_time"], detail["update_time"]) == ("ACTIVATE", 1728536477, 1732501437)
    stock = [{"warehouse_id": "7319540688915072774", "quantity": quantity} for quantity in (17, 18)]
    skus = ["1731159324007369298", "1731159324007434834"]
    assert [(sku["id"], sku["inventory"]) for sku in detail["skus"]] == [
        (sku, [row]) for sku, row in zip(skus, stock, strict=True)
    ]
    assert {(sku["price"]["sale_price"], sku["price"]["currency"]) for sku in detail["skus"]} == {("200800", "VND")}
    page = (await me.call(SEARCH, {"seller_skus": ["BBAINTE50"]}, page_size="1")).data
    assert (page["total_count"], page["products"][0]["id"]) == (1, SEED_ID)
    (row,) = (await me.call(INVENTORY, {"product_ids": [SEED_ID]})).data["inventory"]
    assert [sku["total_available_quantity"] for sku in row["skus"]] == [17, 18]


async def test_filters_narrow_and_their_windows_partition_the_shop(me: Caller) -> None:
    async def found(**body: Any) -> list[dict[str, Any]]:
        following, rows = "", []
        while True:
            page = (await me.call(SEARCH, body, page_size="50", page_token=following or None)).data
            rows += page["products"]
            following = page["next_page_token"]
            if not following:
                assert page["total_count"] == len(rows)
                return rows

    everything = await found()
    assert sorted(row["id"] for row in everything) == sorted(await me.ids())
    for field in ("create_time", "update_time"):
        middle = sorted(row[field] for row in everything)[60]
        early, late = await found(**{f"{field}_le": middle}), await found(**{f"{field}_ge": middle + 1})
        assert max(row[field] for row in early) == middle  # both ends are included
        assert middle in {row[field] for row in await found(**{f"{field}_ge": middle})}
        assert sorted(row["id"] for row in early + late) == sorted(row["id"] for row in everything)
    statuses = {row["status"] for row in everything}
    assert len(statuses) > 1
    assert sum([len(await found(status=status)) for status in statuses]) == len(everything)
    assert (await me.call(SEARCH, {"status": "LIVE"}, page_size="1")).code == 36009004
    assert (await me.call(SEARCH, {"create_time_ge": "1"}, page_size="1")).code == 36009004


async def test_page_tokens_need_encoding_belong_to_a_query_and_can_expire(me: Caller) -> None:
    token = (await me.call(SEARCH, {}, page_size="10")).data["next_page_token"]
    assert {"+", "/"} <= set(token)
    assert (await me.call(SEARCH, {}, page_size="10", page_token=token)).code == 0
    other = await me.call(SEARCH, {"status": "ACTIVATE"}, page_size="10", page_token=token)
    assert (other.code, "page_token" in other.envelope["message"]) == (36009004, True)
    await me.box.control("switches", page_token_life_seconds=-1)
    assert (await me.call(SEARCH, {}, page_size="10", page_token=token)).code == 36009004


async def test_products_are_of_every_sort_and_request_ids_are_unique(me: Caller) -> None:
    answers = [await me.at(1).call(PRODUCT + one) for one in await me.at(1).ids()]
    details = [answer.data for answer in answers]
    assert len({answer.envelope["request_id"] for answer in answers}) == 120
    sizes = sorted(len(answer.body) for answer in answers)
    assert 2_000 < sizes[5] < sizes[60] < sizes[-5] < 14_000
    assert {len(detail["skus"]) for detail in details} == set(range(1, 13))
    assert {len(detail["id"]) for detail in details} == {19, 21}
    assert any("brand" not in detail for detail in details)
    titles = "".join(detail["title"] for detail in details)
    for script in (r"[ạ-ỹ]", r"[\u0e00-\u0e7f]", r"[\u4e00-\u9fff]", r"[\u0600-\u06ff]", "[\U0001f300-\U0001faff✨]"):
        assert re.search(script, titles), script
    skus = [sku for detail in details for sku in detail["skus"]]
    assert len({sku["id"] for sku in skus}) == len(skus)
    assert all(re.fullmatch(r"\d+\.\d\d", sku["price"]["sale_price"]) for sku in skus)


async def test_the_same_seed_gives_the_same_bodies_in_another_process(me: Caller) -> None:
    async with running_sandbox("--shops", "4", "--products", "120") as other:
        theirs = await other.see(f"shops/{other.shops[3]['shop_id']}/state?limit=50")
    ours = await me.box.see(f"shops/{me.box.shops[3]['shop_id']}/state?limit=50")
    assert ours == theirs
    assert (other.app_key, other.app_secret) == (me.box.app_key, me.box.app_secret)


async def test_a_list_can_be_made_to_repeat_its_second_page(me: Caller) -> None:
    async def pages(most: int) -> list[list[str]]:
        found: list[list[str]] = []
        following = ""
        while len(found) < most:
            page = (await me.call(SEARCH, {}, page_size="40", page_token=following or None)).data
            found.append([product["id"] for product in page["products"]])
            following = page["next_page_token"]
            if not following:
                break
        return found

    plain = await pages(10)
    await me.box.control("switches", repeat_page="once")
    assert await pages(10) == [plain[0], plain[1], *plain[1:]]
    await me.box.control("switches", repeat_page="forever")
    assert await pages(6) == [plain[0], *[plain[1]] * 5]


async def test_fewer_results_can_be_allowed_than_tiktok_does(me: Caller) -> None:
    await me.box.control("switches", most_results=50)
    assert (await me.call(SEARCH, {}, page_size="10")).code == 12052180
    assert (await me.call(SEARCH, {"create_time_le": 1_700_000_148}, page_size="10")).data["total_count"] <= 8


async def test_a_line_of_a_page_can_be_made_no_product(me: Caller) -> None:
    await me.box.control("faults", products={(await me.ids())[2]: "null_data"})
    products = (await me.call(SEARCH, {}, page_size="5")).data["products"]
    assert [product.get("id") is None for product in products] == [False, False, True, False, False]


async def test_an_id_that_begins_with_zero_is_malformed(me: Caller) -> None:
    assert (await me.call(INVENTORY, {"product_ids": [(await me.ids())[0], "0123"]})).code == 12019008
