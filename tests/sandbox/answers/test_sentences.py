"""TikTok's sentences: a copy of what people have met, and the sandbox saying each of them."""

import ast
import json
import time
from typing import Any

import pytest

from shopstream_sandbox.refusal.sentences import SENTENCES
from tests.sandbox.caller import INVENTORY, LEGACY, PRODUCT, SEARCH, SEED_ID, SHOPS, Answer, Caller, granted, tokens
from tests.sandbox.process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")
MET: list[dict[str, Any]] = json.loads((ROOT / "tests" / "fixtures" / "errors.json").read_text())
SAID = {(row["code"], row["message"]) for row in MET}


def words(name: str) -> tuple[int, str]:
    sentence = SENTENCES[name]
    return sentence.code, sentence.words


def said(answer: Answer) -> tuple[int, str]:
    return answer.code, answer.envelope["message"]


async def test_every_sentence_is_tiktoks_word_for_word_and_none_is_missing() -> None:
    ours = {(code, text.replace("{id}", "1729000000000000007")) for code, text, _ in SENTENCES.values()}
    assert ours == SAID


async def test_no_refusal_is_worded_anywhere_but_in_the_two_tables() -> None:
    wording = set()
    for path in (ROOT / "shopstream_sandbox").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        wording |= {path.name for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Refusal"}
    assert wording == {"refusals.py", "plants.py"}  # those of plants are a test's own


@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("path", "/product/202309/nothing/1/2", {}),
        ("method", PRODUCT + SEED_ID, {"method": "PUT"}),
        ("version", "/product/202301/products/1", {}),
        ("version", LEGACY, {"version": "202212", "product_id": SEED_ID}),
        ("app_key", PRODUCT + SEED_ID, {"app_key": "other"}),
        ("sign", PRODUCT + SEED_ID, {"sign": "0" * 64}),
        ("signature_missing", PRODUCT + SEED_ID, {"sign": ""}),
        ("timestamp_negative", PRODUCT + SEED_ID, {"timestamp": "-1"}),
        ("timestamp_old", PRODUCT + SEED_ID, {"timestamp": str(int(time.time()) - 400)}),
        ("timestamp_old", PRODUCT + SEED_ID, {"timestamp": "soon"}),
        ("timestamp_ahead", PRODUCT + SEED_ID, {"timestamp": str(int(time.time() + 50_000))}),
        ("timestamp_ahead", PRODUCT + SEED_ID, {"timestamp": str(int(time.time() * 1000))}),
        ("cipher_missing", PRODUCT + SEED_ID, {"shop_cipher": None}),
        ("cipher", PRODUCT + SEED_ID, {"shop_cipher": "nobody's"}),
        ("cipher_unneeded", SHOPS, {"shop_cipher": "any"}),
        ("shop_id", LEGACY, {"product_id": SEED_ID, "shop_id": "1"}),
        ("not_found", PRODUCT + "123", {}),
    ],
)
async def test_a_call_is_refused_in_tiktoks_words(me: Caller, name: str, path: str, query: dict[str, Any]) -> None:
    assert said(await me.call(path, **query)) == words(name)


async def test_bodies_are_refused_in_tiktoks_words(me: Caller) -> None:
    many = [str(number) for number in range(11)]
    assert said(await me.call(SEARCH, {"seller_skus": many}, page_size="1")) == words("seller_skus")
    assert (await me.call(SEARCH, {"seller_skus": many[1:]}, page_size="1")).code == 0
    assert said(await me.call(INVENTORY, ["no object"])) == words("format")
    await me.box.control("switches", most_results=7)
    assert said(await me.call(SEARCH, {}, page_size="1")) == words("too_many")


async def test_tokens_and_scopes_are_refused_in_tiktoks_words(me: Caller) -> None:
    assert said(await Caller(me.box, "").call(SHOPS)) == words("x-tts-access-token")
    poor = await granted(me.box, scopes=["seller.authorization.info"])
    assert said(await poor.call(PRODUCT + SEED_ID)) == words("scope")
    await me.box.control("tokens", expire_access=True)
    assert said(await me.call(SHOPS)) == words("expired")
    await me.box.control("tokens", revoke="Seller 1")
    assert said(await me.call(SHOPS)) == words("x-tts-access-token")


@pytest.mark.parametrize("status", [200, 401])
async def test_a_refused_token_comes_with_either_status_and_either_words(me: Caller, status: int) -> None:
    await me.box.control("switches", token_http=status)
    assert (await Caller(me.box, "").call(SHOPS)).short == (status, 36009004)
    await me.box.control("tokens", expire_access=True)
    assert (await me.call(SHOPS)).short == (status, 105002)
    await me.box.control("switches", token_words="access_token")
    assert said(await Caller(me.box, "").call(SHOPS)) == words("access_token")


async def test_a_version_is_refused_by_either_number(me: Caller) -> None:
    for code in (36009014, 36009004):
        await me.box.control("switches", version_code=code)
        answer = await me.call("/product/202301/products/1")
        assert said(answer) == (code, words("version")[1])


@pytest.mark.parametrize(("position", "name"), [("106011", "cipher"), ("101000", "token_of_another"),
                                                ("105005", "scope")])  # fmt: skip
async def test_a_shop_that_a_token_does_not_cover(me: Caller, position: str, name: str) -> None:
    await me.box.control("switches", uncovered=position)
    assert said(await me.at(2).call(PRODUCT + SEED_ID)) == words(name)


async def test_the_token_host_refuses_in_tiktoks_words(me: Caller) -> None:
    async def refused(kind: str = "get", **query: str) -> tuple[int, str]:
        answer = await tokens(me.box, kind, **query)
        return answer["code"], answer["message"]

    async def pair() -> str:
        code = (await me.box.control("auth_code", seller="Seller 1"))["auth_code"]
        return str((await tokens(me.box, auth_code=code))["data"]["refresh_token"])

    assert await refused(auth_code="x", app_secret="wrong") == words("app_secret")
    assert await refused(auth_code="x", app_key="wrong") == words("app_key")
    assert await refused(auth_code="x") == words("auth_code")
    assert await refused("refresh", refresh_token="x") == words("no_such_grant")
    rotated = await pair()
    assert (await refused("refresh", refresh_token=rotated))[0] == 0
    assert await refused("refresh", refresh_token=rotated) == words("no_such_grant")
    await me.box.control("tokens", refresh_life_seconds=-1)
    assert await refused("refresh", refresh_token=await pair()) == words("refresh_expired")
    await me.box.control("tokens", refresh_life_seconds=100)
    expired, revoked = await pair(), await pair()
    await me.box.control("tokens", expire_refresh=True)
    assert await refused("refresh", refresh_token=expired) == words("refresh_expired")
    await me.box.control("tokens", revoke="Seller 1")
    assert await refused("refresh", refresh_token=revoked) == words("no_such_grant")


async def test_whatever_else_tiktok_says_can_be_planted(me: Caller) -> None:
    plain = {name: one for name, one in SENTENCES.items() if name not in {"parameter", "version_by_general_number"}}
    for name, sentence in plain.items():
        given = {} if sentence.code != 36009004 else {"message": sentence.words}
        await me.box.control("refuse", endpoint="product", code=sentence.code, **given)
        assert said(await me.call(PRODUCT + SEED_ID)) == words(name)
