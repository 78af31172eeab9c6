"""Codes, pairs, scopes, and what a consent covers."""

import time

import pytest

from tests.sandbox.caller import LEGACY, PRODUCT, SEED_ID, SHOPS, Caller, granted, tokens

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_grant_has_tiktoks_shape_and_absolute_times(me: Caller) -> None:
    code = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    answer = await tokens(me.box, auth_code=code)
    assert set(answer) == {"code", "message", "data", "request_id"}
    assert set(answer["data"]) == {
        "access_token", "access_token_expire_in", "refresh_token", "refresh_token_expire_in", "open_id", "seller_name",
        "seller_base_region", "user_type", "granted_scopes",
    }  # fmt: skip
    assert answer["data"]["access_token_expire_in"] == pytest.approx(time.time() + 604_800, abs=10)


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ({"auth_code": "never-given"}, 36004004, "Invalid auth code."),
        ({"app_secret": "wrong"}, 36004003, "Invalid app secret"),
        ({"app_key": "wrong"}, 36009004, "app_key"),
        ({"grant_type": "refresh_token"}, 36009004, "grant_type"),
    ],
)
async def test_a_refused_grant_is_http_200_with_a_code(me: Caller, query: dict[str, str], code: int, said: str) -> None:
    answer = await tokens(me.box, **({"auth_code": "x"} | query))
    assert answer["code"] == code
    assert said in answer["message"]
    assert "data" not in answer


async def test_a_code_is_good_once_and_for_30_minutes(me: Caller) -> None:
    used = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    assert [(await tokens(me.box, auth_code=used))["code"] for _ in range(2)] == [0, 36004004]
    old = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    await me.box.control("clock", offset_seconds=1801)
    assert (await tokens(me.box, auth_code=old))["code"] == 36004004


@pytest.mark.parametrize(
    ("rotation", "again", "access"), [("strict", 36004005, (401, 36009004)), ("lenient", 0, (200, 0))]
)
async def test_what_a_refresh_leaves_of_the_old_pair(
    me: Caller, rotation: str, again: int, access: tuple[int, int]
) -> None:
    await me.box.control("tokens", rotation=rotation)
    code = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
    old = (await tokens(me.box, auth_code=code))["data"]
    new = (await tokens(me.box, "refresh", refresh_token=old["refresh_token"]))["data"]
    assert not {old["access_token"], old["refresh_token"]} & {new["access_token"], new["refresh_token"]}
    assert (await Caller(me.box, new["access_token"]).call(SHOPS)).short == (200, 0)
    assert (await Caller(me.box, old["access_token"]).call(SHOPS)).short == access
    assert (await tokens(me.box, "refresh", refresh_token=old["refresh_token"]))["code"] == again


async def test_tokens_end_by_time_by_switch_and_by_the_seller(me: Caller) -> None:
    await me.box.control("tokens", life_seconds=60)
    short = await granted(me.box)
    assert (await short.call(SHOPS)).code == 0
    await me.box.control("clock", offset_seconds=61)
    ended = await short.call(SHOPS, timestamp=str(int(time.time()) + 61))
    assert ended.short == (401, 105002)
    await me.box.control("clock", offset_seconds=0)
    await me.box.control("tokens", revoke="Seller 1")
    assert (await short.call(SHOPS)).short == (401, 36009004)
    assert (await Caller(me.box, "").call(SHOPS)).short == (401, 36009004)


async def test_one_consent_covers_the_sellers_shops_until_one_leaves(me: Caller) -> None:
    listed = (await me.call(SHOPS)).data["shops"]
    assert [shop["id"] for shop in listed] == [shop["shop_id"] for shop in me.box.shops[:2]]
    assert set(listed[0]) == {"id", "cipher", "name", "region", "seller_type", "code"}
    assert (await me.at(2).call(PRODUCT + SEED_ID)).short == (200, 106011)
    await me.box.control("deauthorize", shop_id=me.shop)
    assert (await me.call(PRODUCT + SEED_ID)).short == (200, 106011)
    assert [shop["id"] for shop in (await me.call(SHOPS)).data["shops"]] == [me.box.shops[1]["shop_id"]]
    await me.box.control("deauthorize", shop_id=me.box.shops[1]["shop_id"])
    assert (await me.call(SHOPS)).short == (401, 36009004)


async def test_a_consent_with_fewer_scopes_is_refused_by_name(me: Caller) -> None:
    poor = await granted(me.box, scopes=["seller.authorization.info"])
    assert (await poor.call(SHOPS)).code == 0
    refused = await poor.call(PRODUCT + SEED_ID)
    assert refused.short == (200, 105005)
    assert refused.envelope["message"].startswith("Access denied. The app is not authorized")


async def test_the_legacy_call_takes_its_token_from_header_or_query(me: Caller) -> None:
    sent = {"product_id": SEED_ID}
    assert (await me.call(LEGACY, **sent)).code == 0
    assert (await Caller(me.box, "").call(LEGACY, access_token=me.token, **sent)).code == 0
    assert (await Caller(me.box, "").call(PRODUCT + SEED_ID, access_token=me.token)).short == (401, 36009004)
