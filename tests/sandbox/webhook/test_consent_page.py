"""`/open/authorize`: a seller's way back to the app, with a code or with a refusal."""

import aiohttp
import pytest
from yarl import URL

from tests.sandbox.caller import Caller, tokens
from tests.sandbox.process import Sandbox, running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
BACK = "https://erp.example/oauth/callback?app=1"


async def opened(box: Sandbox, **query: str) -> tuple[int, URL]:
    """The status and the address to which the page leads."""
    asked = {"service_id": box.service_id, "state": "st+/= 1"} | query
    async with box.http.get(f"{box.url}/open/authorize", params=asked, allow_redirects=False) as answer:
        return answer.status, URL(answer.headers.get("Location", ""))


async def test_it_leads_back_with_a_code_and_the_state(me: Caller) -> None:
    box = me.box
    await box.control("consent", redirect_url=BACK, denied=False, seller="Seller 1", scopes=None)
    status, back = await opened(box)
    assert (status, back.with_query(None)) == (302, URL(BACK).with_query(None))
    assert dict(back.query) == {
        "app": "1", "app_key": box.app_key, "code": back.query["code"], "locale": "en", "shop_region": "VN",
        "state": "st+/= 1",
    }  # fmt: skip
    answer = await tokens(box, auth_code=back.query["code"])
    assert answer["data"]["seller_name"] == "Seller 1"
    assert (await tokens(box, auth_code=back.query["code"]))["code"] == 36004004  # good once


async def test_a_refusal_has_no_code(me: Caller) -> None:
    await me.box.control("consent", redirect_url=BACK, denied=True)
    status, back = await opened(me.box)
    assert (status, back.query["code"], back.query["error"]) == (302, "null", "auth_denied")
    assert back.query["state"] == "st+/= 1"


async def test_the_seller_and_the_scopes_can_be_chosen(me: Caller) -> None:
    box = me.box
    await box.control("consent", redirect_url=BACK, denied=False, seller="Seller 2", scopes=["seller.logistics"])
    _, back = await opened(box)
    answer = (await tokens(box, auth_code=back.query["code"]))["data"]
    assert (answer["seller_name"], answer["granted_scopes"]) == ("Seller 2", ["seller.logistics"])
    await box.control("consent", scopes=None)
    _, back = await opened(box, seller="Seller 1")
    assert (await tokens(box, auth_code=back.query["code"]))["data"]["seller_name"] == "Seller 1"


async def test_it_refuses_what_tiktok_would_not_show(me: Caller) -> None:
    await me.box.control("consent", redirect_url=BACK, denied=False)
    assert (await opened(me.box, service_id="1"))[0] == 400
    assert (await opened(me.box, seller="Nobody"))[0] == 400
    await me.box.control("consent", redirect_url=None)
    assert (await opened(me.box))[0] == 400


async def test_both_addresses_can_be_given_at_the_start() -> None:
    options = ("--redirect-url", BACK, "--webhook-url", "http://127.0.0.1:9/hook")
    async with running_sandbox("--shops", "1", "--products", "2", *options) as box:
        assert (await box.see("webhooks"))["options"]["url"] == "http://127.0.0.1:9/hook"
        status, back = await opened(box)
        assert (status, back.host) == (302, "erp.example")
        assert isinstance(box.http, aiohttp.ClientSession)
