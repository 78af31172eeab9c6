"""A gateway with two apps: it knows to which of them a webhook came, and sends sellers to the one of their invite."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientSession, CookieJar
from redis.asyncio import Redis
from yarl import URL

from gateway.webhooks.signature import AppSecrets, Verifier
from shopstream.ids import InvalidArgument
from shopstream.redis.keys import PREFIX, Partition
from shopstream.registry.shop_of_apps import ShopOfApps, list_views
from tests.commands.running import command
from tests.dashboard.people import log_in
from tests.dashboard.test_system_pages import plain
from tests.gateway import process
from tests.gateway.process import APP_KEY, SECRET, authorize, push, sign
from tests.gateway.running import gateway
from tests.processes import patient, sandbox, until, worker

P = Partition(0)
SECOND = ("second-key", "second-canary-77f0")
APPS = f"second:{SECOND[0]}:{SECOND[1]}+second-new-secret:7301,third:third-key:third-secret"


def test_the_app_of_a_webhook_is_known_by_its_key_and_secret() -> None:
    verifier = Verifier(APP_KEY, [SECRET], [AppSecrets("second", SECOND[0], [SECOND[1], "second-new-secret"])])
    body = b'{"type":5}'
    assert verifier.find_app([sign(body)], body) == ""
    assert verifier.find_app([sign(body, SECOND[1], SECOND[0])], body) == "second"
    assert verifier.find_app([sign(body, "second-new-secret", SECOND[0])], body) == "second"
    assert verifier.find_app([sign(body, SECOND[1], APP_KEY)], body) is None
    assert verifier.find_app([sign(body, "another", "another-key")], body) is None
    assert SECOND[1] not in repr(AppSecrets("second", SECOND[0], [SECOND[1]]))


async def test_webhooks_of_each_app_are_taken_and_of_no_other(redis: Redis, redis_url: str) -> None:
    await authorize(redis)
    async with process.gateway(redis_url, SHOPSTREAM_APPS=APPS) as running:
        for kind in (5, 6):
            for key, secret in ((APP_KEY, SECRET), SECOND, (SECOND[0], "second-new-secret")):
                body = json.dumps(push(kind)).encode()
                assert await running.post(body, sign(body, secret, key)) == 200
        body = json.dumps(push(5)).encode()
        assert await running.post(body, sign(body, "fourth-secret", "fourth-key")) == 401
        assert SECOND[1] not in json.dumps(running.logs)
    notices = [text.decode() for text in await redis.lrange(P.notices(process.SHOP), 0, -1)]  # type: ignore[misc]
    assert ['"app":"second"' in text for text in notices] == [False, True, True]


async def test_an_invite_leads_to_the_page_of_its_app(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url, SHOPSTREAM_APPS=APPS) as running, patient(redis_url) as client:
        for app, service_id in (("", "7300"), ("default", "7300"), ("second", "7301")):
            invite = await client.invite(app=app)
            begun = await running.visit(f"/connect/{invite.token}")
            assert parse_qs(urlsplit(begun.headers["Location"]).query)["service_id"] == [service_id]
        for app in ("third", "fourth"):  # without a service id, and not there at all
            invite = await client.invite(app=app)
            assert (await running.visit(f"/connect/{invite.token}")).status == 503
            assert "consent_not_set_up" in running.logs


async def test_a_browser_goes_from_the_invite_of_an_app_to_its_consent(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3", "--apps", "2") as front, patient(redis_url) as client:
        app = front.apps[1]
        apps = f"second:{app['app_key']}:{app['app_secret']}:{app['service_id']}"
        env = {"SHOPSTREAM_AUTHORIZE_URL": front.url, "SHOPSTREAM_APPS": apps}
        async with worker(front.env(redis_url, SHOPSTREAM_APPS=apps)), gateway(redis_url, **env) as running:
            await front.authorize(client)
            with pytest.raises(InvalidArgument, match="no worker has an app 'nobody': the apps are default, second"):
                await client.invite(app="nobody")
            public = URL(running.process.public)
            await front.control("consent", redirect_url=str(public / "oauth/callback"))
            jar = CookieJar(unsafe=True, treat_as_secure_origin=[public])
            async with ClientSession(cookie_jar=jar) as browser:
                link = (await client.invite(app="second")).url(str(public))
                async with browser.get(link) as page:
                    assert page.status == 200, await page.text()
            shop = front.shops[0]["shop_id"]
            entry = ShopOfApps.from_json(await redis.hget(P.registry, shop))  # type: ignore[misc]
            assert sorted(view.app for view in list_views(entry)) == ["", "second"]
            await client.sync_products(shop, (await front.see(f"shops/{shop}/products"))["products"])

            async def shown() -> bool:
                return f"{shop}: apps: second active, default active" in (await command(redis_url, "shops")).out

            await until(shown, 30, every=1)


async def test_the_end_of_one_apps_consent_leaves_the_shop_active(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3", "--apps", "2") as front, patient(redis_url) as client:
        app, shop = front.apps[1], front.shops[0]["shop_id"]
        apps = f"second:{app['app_key']}:{app['app_secret']}"
        env = {"SHOPSTREAM_APP_KEY": front.app_key, "SHOPSTREAM_APP_SECRET": front.app_secret, "SHOPSTREAM_APPS": apps}
        async with worker(front.env(redis_url, SHOPSTREAM_APPS=apps)), process.gateway(redis_url, **env) as running:
            await front.authorize(client)
            code = (await front.control("auth_code", shop_id=shop, app_key=app["app_key"]))["auth_code"]
            await client.authorize(code, app="second")
            url = f"{running.public}/webhooks/tiktok"
            assert (await client.set_subscriptions(shop, url, app="second")).changed
            code = (await front.control("auth_code", shop_id=shop, app_key=app["app_key"]))["auth_code"]
            refused = await command(redis_url, "authorize", code)
            assert (refused.code, "--app NAME" in refused.err) == (1, True), "a code of the other app's page"
            assert not (await client.list_subscriptions(shop, app="default")).subscriptions
            seller = front.shops[0]["seller"]
            await front.control("tokens", revoke_app={"seller": seller, "app_key": app["app_key"]})

            async def lost() -> bool:
                entry = ShopOfApps.from_json(await redis.hget(P.registry, shop))  # type: ignore[misc]
                return {view.app: view.status for view in list_views(entry)} == {"": "active", "second": "deauthorized"}

            await until(lost, 30)
            assert (await client.list_shops())[0].status == "active"
            await client.retry_shops(shop)


async def test_the_page_of_a_shop_has_a_line_for_each_of_its_apps(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3", "--apps", "2") as front, patient(redis_url) as client:
        app, shop = front.apps[1], front.shops[0]["shop_id"]
        apps = f"second:{app['app_key']}:{app['app_secret']}"
        async with worker(front.env(redis_url, SHOPSTREAM_APPS=apps)), gateway(redis_url) as running:
            await front.authorize(client)
            person = await log_in(running)
            code = (await front.control("auth_code", shop_id=shop, app_key=app["app_key"]))["auth_code"]
            await client.authorize(code, app="second")
            await redis.hset(P.pace(shop), mapping={"product:rate": "4", "second/product:rate": "6.5"})  # type: ignore[misc]

            async def shown() -> bool:
                answer = await person.open(f"/shops/{shop}")
                text = plain(answer.text) if answer.status == 200 else ""
                return bool(re.search(r"App second : active; .*product .*/s.* App default : active; ", text))

            await until(shown, 30, every=1)
