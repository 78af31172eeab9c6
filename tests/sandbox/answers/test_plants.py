"""Planted refusals: inactive shops, refused refreshes and lists, single calls, ids of a batch, pages of HTML."""

import time
from typing import Any

import pytest

from shopstream_sandbox.refusal.plants import INACTIVE
from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, SEED_ID, SHOPS, Caller, tokens

pytestmark = pytest.mark.asyncio(loop_scope="module")
GATEWAY = {36009043, 36009044}
REFRESHES = (36009002, 36004001, 36004003, 36004005, 98001006, 36009033, 12345678)


async def shorts(me: Caller) -> list[tuple[int, int]]:
    """How the shop's five calls are answered."""
    answers = [
        await me.call(PRODUCT + SEED_ID),
        await me.call(LEGACY, product_id=SEED_ID),
        await me.call(SEARCH, {}, page_size="1"),
        await me.call(INVENTORY, {"product_ids": [SEED_ID]}),
        await me.call("/logistics/202309/warehouses"),
    ]
    return [answer.short for answer in answers]


async def pair(me: Caller) -> dict[str, Any]:
    code = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    return dict((await tokens(me.box, auth_code=code))["data"])


@pytest.mark.parametrize("code", INACTIVE)
async def test_all_calls_of_an_inactive_shop_are_refused_until_it_is_active(me: Caller, code: int) -> None:
    await me.box.control("inactive", shop_id=me.shop, code=code)
    assert await shorts(me) == [(401 if code in GATEWAY else 200, code)] * 5
    assert (await me.call(SHOPS)).code == 0
    assert (await me.at(1).call(SEARCH, {}, page_size="1")).code == 0
    await me.box.control("inactive", shop_id=me.shop, code=None)
    assert await shorts(me) == [(200, 0)] * 5


async def test_a_shop_can_be_inactive_for_some_endpoints_and_with_another_status(me: Caller) -> None:
    await me.box.control("inactive", shop_id=me.shop, code=36009043, http=200, endpoints=["product", SEARCH])
    refused, good = (200, 36009043), (200, 0)
    assert await shorts(me) == [refused, good, refused, good, good]
    await me.box.control("inactive", shop_id=me.shop, code=12052700, endpoints=["warehouses"])
    assert await shorts(me) == [good, good, good, good, (200, 12052700)]


@pytest.mark.parametrize("code", REFRESHES)
async def test_a_refresh_is_refused_by_any_code_so_often_and_leaves_the_pair_as_it_was(me: Caller, code: int) -> None:
    old = await pair(me)
    await me.box.control("tokens", refuse_refresh={"code": code, "http": 200, "times": 2})
    refused = [await tokens(me.box, "refresh", refresh_token=old["refresh_token"]) for _ in range(3)]
    assert [answer["code"] for answer in refused] == [code, code, 0]


async def test_a_refusal_without_end_ends_by_null_and_can_have_other_words(me: Caller) -> None:
    old = await pair(me)
    await me.box.control("tokens", refuse_refresh={"code": 1, "message": "busy, really"})
    for _ in range(3):
        answer = await tokens(me.box, "refresh", refresh_token=old["refresh_token"])
        assert (answer["code"], answer["message"]) == (1, "busy, really")
    await me.box.control("tokens", refuse_refresh=None)
    assert (await tokens(me.box, "refresh", refresh_token=old["refresh_token"]))["code"] == 0


async def test_the_list_of_shops_is_refused(me: Caller) -> None:
    await me.box.control("tokens", refuse_list={"code": 105005, "times": 1})
    refused = await me.call(SHOPS)
    assert (refused.short, refused.envelope["message"][:14]) == ((200, 105005), "Access denied.")
    assert (await me.call(SHOPS)).code == 0
    await me.box.control("tokens", refuse_list={"code": 36009002})
    assert [(await me.call(SHOPS)).short for _ in range(2)] == [(429, 36009002)] * 2
    await me.box.control("tokens", refuse_list=None)
    assert (await me.call(SHOPS)).code == 0


@pytest.mark.parametrize("relative", [True, False])
async def test_expiry_is_a_duration_or_a_time(me: Caller, *, relative: bool) -> None:
    await me.box.control("tokens", relative_expiry=relative)
    got = await pair(me)
    begin = 0 if relative else time.time()
    assert got["access_token_expire_in"] == pytest.approx(begin + 604_800, abs=5)
    assert got["refresh_token_expire_in"] == pytest.approx(begin + 365 * 86_400, abs=5)
    assert (await Caller(me.box, got["access_token"]).call(SHOPS)).code == 0


@pytest.mark.parametrize("kind", ["product_ids", "sku_ids"])
async def test_a_batch_is_refused_while_it_holds_a_certain_id(me: Caller, kind: str) -> None:
    state = (await me.box.see(f"shops/{me.shop}/state?limit=20"))["products"]
    ids = list(state) if kind == "product_ids" else [sku for row in state.values() for sku in row["skus"]]
    bad = ids[6]
    await me.box.control("refuse", endpoint="inventory_search", code=98001004, products=[bad])
    refused = await me.call(INVENTORY, {kind: ids})
    sentence = f"Parameter product_ids is invalid. Reason: {bad} is not available."
    assert (refused.short, refused.envelope["message"]) == ((200, 98001004), sentence)
    assert (await me.call(INVENTORY, {kind: ids[:6] + ids[7:]})).code == 0
    await me.box.control("refuse", endpoint="inventory_search", code=None)
    assert (await me.call(INVENTORY, {kind: ids})).code == 0


async def test_a_refusal_is_one_shops_one_endpoints_and_one_products(me: Caller) -> None:
    other = (await me.ids())[1]
    await me.box.control("refuse", endpoint="product", code=11050001, products=[SEED_ID], message="no")
    assert [(await me.call(PRODUCT + one)).code for one in (SEED_ID, other)] == [11050001, 0]
    await me.box.control("refuse", endpoint="all", code=12052109, shop_id=me.shop, http=200)
    assert await shorts(me) == [(200, 11050001)] + [(200, 12052109)] * 4
    assert (await me.call(SHOPS)).code == 0
    assert (await me.at(1).call(SEARCH, {}, page_size="1")).code == 0
    await me.box.control("refuse")
    assert await shorts(me) == [(200, 0)] * 5


async def test_a_page_of_html_with_a_status_and_a_retry_after_that_is_planted(me: Caller) -> None:
    await me.box.control("refuse", endpoint="product", content="html", http=401, times=1)
    answer = await me.call(PRODUCT + SEED_ID)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (
        401, b"<html><body>401</body></html>", "text/html; charset=utf-8",
    )  # fmt: skip
    assert (await me.box.see("stats"))["by_path"]["product"] == {"html": 1}
    assert (await me.call(PRODUCT + SEED_ID)).code == 0
    await me.box.control("refuse", endpoint="product", code=36009002, retry_after="1.5")
    throttled = await me.call(PRODUCT + SEED_ID)
    assert (throttled.short, throttled.headers["Retry-After"]) == ((429, 36009002), "1.5")


async def test_the_token_hosts_calls_can_be_named(me: Caller) -> None:
    await me.box.control("refuse", endpoint="token_get", code=36009007, times=1)
    code = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    answers = [await tokens(me.box, auth_code=code) for _ in range(2)]
    assert [answer["code"] for answer in answers] == [36009007, 0]  # the code was not used up


@pytest.mark.parametrize(
    ("action", "document"),
    [
        ("inactive", {"code": 5}), ("inactive", {}), ("refuse", {"endpoint": "nothing", "code": 1}),
        ("refuse", {"endpoint": "product"}), ("refuse", {"code": 1, "content": "xml"}),
        ("refuse", {"code": 1, "times": 0}), ("refuse", {"code": "1"}), ("refuse", {"code": 1, "colour": "red"}),
        ("tokens", {"refuse_refresh": {"code": 1, "colour": "red"}}),
    ],
)  # fmt: skip
async def test_nonsense_is_refused(me: Caller, action: str, document: dict[str, Any]) -> None:
    whose = {"shop_id": me.shop} if action == "inactive" else {}
    async with me.box.http.post(f"{me.box.url}/_sandbox/{action}", json=whose | document) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]
