"""A seller opens an invite, consents, and sees the shops; nothing else redeems a code."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientSession, CookieJar
from redis.asyncio import Redis
from yarl import URL

from shopstream import SyncClient
from shopstream.redis.keys import PREFIX
from tests.gateway.running import PUBLIC_URL, Answer, RunningGateway, gateway
from tests.processes import Sandbox, patient, sandbox, worker


@asynccontextmanager
async def stage(redis_url: str, **env: str) -> AsyncIterator[tuple[Sandbox, RunningGateway, SyncClient]]:
    async with (
        sandbox("--products", "5") as front,
        worker(front.env(redis_url)),
        gateway(redis_url, **env) as running,
        patient(redis_url) as client,
    ):
        yield front, running, client


async def new_path(client: SyncClient) -> str:
    return (await client.invite(label="Tea & Co")).url(PUBLIC_URL).removeprefix(PUBLIC_URL)


async def begin(running: RunningGateway, path: str) -> tuple[str, str]:
    """Click the link; give the state in TikTok's URL and the browser's cookie."""
    begun = await running.visit(path)
    assert begun.status in {302, 303}
    (state,) = parse_qs(urlsplit(begun.headers["Location"]).query)["state"]
    return state, begun.cookies["__Host-shopstream-connect"]


async def new_code(front: Sandbox) -> str:
    return str((await front.control("auth_code", seller="Seller 1"))["auth_code"])


async def was_redeemed(front: Sandbox, code: str) -> bool:
    """Try the code at TikTok's host, which takes each code once."""
    query = {"app_key": front.app_key, "app_secret": front.app_secret, "grant_type": "authorized_code"}
    async with front.http.get(f"{front.url}/api/v2/token/get", params=query | {"auth_code": code}) as response:
        return bool((await response.json())["code"] != 0)


def keeps_its_secrets(answer: Answer) -> None:
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


async def test_an_invite_leads_to_tiktok_with_state_and_cookie(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url) as running, patient(redis_url) as client:
        path = await new_path(client)
        begun = await running.visit(path)
        keeps_its_secrets(begun)
        target = urlsplit(begun.headers["Location"])
        query = parse_qs(target.query)
        assert (target.hostname, query["service_id"], len(query["state"][0])) == (
            "services.tiktokshop.com", ["7300"], 43,
        )  # fmt: skip
        cookie = SimpleCookie(begun.headers["Set-Cookie"])["__Host-shopstream-connect"]
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
            True, True, "Lax", "/", "",
        )  # fmt: skip
        assert int(cookie["max-age"]) == 1_800
        stored = [key.decode() async for key in redis.scan_iter()]
        assert not [key for key in stored if path.split("/")[-1] in key or query["state"][0] in key]
        (begun_key,) = (key for key in stored if ":begun:" in key)
        assert 0 < await redis.ttl(begun_key) <= 1_800
        us = await client.invite(us=True)
        assert "services.us.tiktokshop.com" in (await running.visit(f"/connect/{us.token}")).headers["Location"]


async def test_a_consent_shows_the_shops_and_uses_up_the_invite(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, client):
        path = await new_path(client)
        state, cookie = await begin(running, path)
        code = await new_code(front)
        done = await running.visit(f"/oauth/callback?code={code}&state={state}&app_key=x", cookie=cookie)
        assert done.status == 200
        keeps_its_secrets(done)
        shops = await client.list_shops()
        assert [shop.shop_id for shop in shops] == [front.shops[0]["shop_id"]]
        assert all(html.escape(shop.name) in done.text for shop in shops)
        assert done.text.count("first load has begun: 5 products") == 1
        assert 'name="viewport"' in done.text
        assert done.cookies["__Host-shopstream-connect"] == ""
        assert (await running.visit(path)).status == 404
        again = await running.visit(f"/oauth/callback?code={await new_code(front)}&state={state}", cookie=cookie)
        assert again.status == 403
        logs = running.logs
        assert not [secret for secret in (code, state, cookie, path.split("/")[-1]) if secret in logs]
        assert "consent_complete" in logs


async def test_a_browser_goes_from_the_invite_through_the_consent_page_to_the_shops(redis_url: str) -> None:
    async with (
        sandbox("--products", "5") as front,
        worker(front.env(redis_url)),
        gateway(redis_url, SHOPSTREAM_SERVICE_ID=front.service_id, SHOPSTREAM_AUTHORIZE_URL=front.url) as running,
        patient(redis_url) as client,
    ):
        public = URL(running.process.public)
        await front.control("consent", redirect_url=str(public / "oauth/callback"))
        # Browsers take the loopback for secure, and send it cookies that are marked so.
        jar = CookieJar(unsafe=True, treat_as_secure_origin=[public])
        async with ClientSession(cookie_jar=jar) as browser:
            link = (await client.invite(label="Tea & Co")).url(str(public))
            async with browser.get(link) as page:
                text = await page.text()
                assert page.status == 200, text
                assert page.url.path == "/oauth/callback"
                assert [(step.status, step.url.path) for step in page.history] == [
                    (303, URL(link).path), (302, "/open/authorize"),
                ]  # fmt: skip
                assert page.history[1].url.origin() == URL(front.url).origin()
            shops = await client.list_shops()
            assert [shop.shop_id for shop in shops] == [front.shops[0]["shop_id"]]
            assert all(html.escape(shop.name) in text for shop in shops)
            async with browser.get(link) as again:
                assert again.status == 404
            await front.control("consent", denied=True)
            async with browser.get((await client.invite()).url(str(public))) as denied:
                assert (denied.status, "denied" in await denied.text()) == (200, True)


async def test_a_code_without_state_and_cookie_of_one_browser_is_not_redeemed(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, client):
        path = await new_path(client)
        state, cookie = await begin(running, path)
        other_state, other_cookie = await begin(running, path)
        code = await new_code(front)
        attempts = {
            f"code={code}": "",
            f"code={code}&state={state}": "",
            f"code={code}&state=": cookie,
            f"code={code}&state={state}x": cookie,
            f"code={code}&state={other_state}": cookie,
            f"code={code}&state={state}&": other_cookie,
            f"code={code}&state={state}&state={state}": cookie,
            f"state={state}": cookie,
            f"code={code}&code={code}&state={state}": cookie,
            "": "",
        }
        for query, sent in attempts.items():
            refused = await running.visit(f"/oauth/callback?{query}", cookie=sent)
            assert refused.status == 403, query
            keeps_its_secrets(refused)
            assert code not in refused.text
        assert await client.list_shops() == []
        assert not await was_redeemed(front, code)
        # None of these tries has cost the seller the state.
        good = await running.visit(f"/oauth/callback?code={await new_code(front)}&state={state}", cookie=cookie)
        assert good.status == 200
        # The second try of the same link is worth nothing once the invite is used up.
        late = await running.visit(f"/oauth/callback?code={code}&state={other_state}", cookie=other_cookie)
        assert late.status == 403


async def test_a_failed_try_leaves_the_invite_open(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, client):
        path = await new_path(client)
        state, cookie = await begin(running, path)
        failed = await running.visit(f"/oauth/callback?code=never-given-31f0&state={state}", cookie=cookie)
        assert failed.status == 502
        assert "never-given-31f0" not in failed.text + running.logs
        state, cookie = await begin(running, path)
        denied = await running.visit(f"/oauth/callback?code=null&error=auth_denied&state={state}", cookie=cookie)
        assert (denied.status, "denied" in denied.text) == (200, True)
        state, cookie = await begin(running, path)
        other = await running.visit(f"/oauth/callback?error=%3Cscript%3E&state={state}", cookie=cookie)
        assert (other.status, "script" in other.text) == (502, False)
        state, cookie = await begin(running, path)
        code = await new_code(front)
        assert (await running.visit(f"/oauth/callback?code={code}&state={state}", cookie=cookie)).status == 200


async def test_a_held_consent_waits_for_an_operator(redis_url: str) -> None:
    async with stage(redis_url, SHOPSTREAM_GATEWAY_UNINVITED="hold") as (front, running, client):
        code = await new_code(front)
        answers = [await running.visit(f"/oauth/callback?code={code}") for _ in range(2)]
        assert [answer.status for answer in answers] == [403, 403]
        (held,) = await client.list_held_consents()
        assert held.id in answers[0].text
        assert code not in answers[0].text + running.logs
        assert await client.list_shops() == []
        shops = await client.accept_held_consent(held.id)
        assert {shop.shop_id for shop in shops} <= {shop["shop_id"] for shop in front.shops}
        assert shops
        assert await client.list_held_consents() == []
        assert await was_redeemed(front, code)


async def test_a_link_that_is_not_open(redis_url: str) -> None:
    async with gateway(redis_url) as running:
        for path in ("/connect/", "/connect/x", "/connect/" + "A" * 43, "/connect/..%2f..", "/connect/%00"):
            assert (await running.visit(path)).status == 404, path


async def test_a_mere_look_uses_nothing_up(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url) as running, patient(redis_url) as client:
        path = await new_path(client)
        assert (await running.visit(path, method="HEAD")).status == 405
        assert (await running.visit("/oauth/callback?code=x&state=y", method="POST")).status == 405
        assert [key async for key in redis.scan_iter(match="*:begun:*")] == []


async def test_no_worker_keeps_the_link_open(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url, SHOPSTREAM_SERVICE_ID="") as running, patient(redis_url) as client:
        page = await running.visit(await new_path(client))
        assert page.status == 503
        assert re.search("service id", page.text)
