"""Sessions over real HTTP: who gets one, what its cookie is, when it ends."""

import json

from redis.asyncio import Redis

from gateway.dashboard.access.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions
from gateway.door import AccessToken
from shopstream.redis.keys import Partition
from tests.dashboard.people import OURS, PAGE, Person, log_in
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import TOKENS, gateway

PREFIX = Partition(0).prefix


async def test_a_person_logs_in_sees_the_overview_and_logs_out(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        first = await running.call("GET", "/shops?state=late", role="", headers=PAGE)
        assert (first.status, first.headers["Location"]) == (303, "./login?next=shops%3Fstate%3Dlate")
        form = await running.call("GET", "/login?next=shops%3Fstate%3Dlate", role="", headers=PAGE)
        assert (form.status, 'value="shops?state=late"' in form.text) == (200, True)
        wrong = await running.call("POST", "/login", role="", headers=PAGE | OURS, data={"token": "wrong"})
        assert (wrong.status, "This token is not known." in wrong.text, wrong.cookies) == (401, True, {})
        person = await log_in(running, "viewer")
        page = await person.open("/")
        assert (page.status, "viewer-1" in page.text) == (200, True)
        assert (await person.send("/logout")).headers["Location"] == "login"
        assert (await person.open("/")).status == 303
        assert TOKENS["viewer"] not in running.logs
        assert person.cookie.partition("=")[2] not in running.logs


async def test_the_cookie_is_hidden_strict_and_ends_and_redis_has_only_its_digest(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        for origin, beginning in ((running.private, "shopstream-session="), ("https://x.example", "__Host-")):
            headers = PAGE | {"Origin": origin, "Host": origin.partition("//")[2]}
            data = {"token": TOKENS["operator"]}
            async with running.http.post(
                running.private + "/login", headers=headers, data=data, allow_redirects=False
            ) as response:
                assert (response.status, response.headers["Location"]) == (303, "./")
                cookie = response.headers["Set-Cookie"]
            assert cookie.startswith(beginning)
            assert {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={LONGEST_SECONDS}"} <= set(cookie.split("; "))
            assert ("Secure" in cookie) == origin.startswith("https")
            name = cookie.partition("=")[2].partition(";")[0]
            assert len(name) == 43
        keys = [key async for key in redis.scan_iter(f"{PREFIX}:session:*")]
        assert len(keys) == 2
        for key in keys:
            assert 0 < await redis.ttl(key) <= IDLE_SECONDS
            stored = json.loads(await redis.get(key))
            assert stored["holder"] == "operator-1"
            assert TOKENS["operator"] not in str(stored)
            assert name not in f"{key!r}{stored}"


async def test_a_session_ends_with_its_time_and_with_its_token(redis: Redis) -> None:
    now = [1_000_000.0]
    token = AccessToken("ann", "viewer", "a" * 64)
    sessions = Sessions(redis, [token], clock=lambda: now[0])
    name = await sessions.begin(token)
    now[0] += LONGEST_SECONDS - 60
    assert await sessions.find(name) == token
    (key,) = [key async for key in redis.scan_iter(f"{PREFIX}:session:*")]
    assert await redis.ttl(key) <= 60
    now[0] += 60
    assert await sessions.find(name) is None
    name = await sessions.begin(token)
    renewed = Sessions(redis, [AccessToken("ann", "operator", "b" * 64)], clock=lambda: now[0])
    assert await renewed.find(name) is None
    assert await sessions.find(name) is None
    assert await sessions.find("../x") is None


async def test_programs_get_401_and_bearer_tokens_pass(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        nobody = await running.call("GET", "/", role="")
        assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert nobody.json["type"] == "urn:shopstream:problem:unauthenticated"
        assert (await running.call("GET", "/", role="", headers={"Authorization": "Bearer wrong"})).status == 401
        assert (await running.call("GET", "/", role="viewer")).status == 200
        stale = Person(running, "shopstream-session=unknown")
        assert (await stale.open("/")).status == 303


async def test_ten_wrong_tokens_a_minute_are_answered_and_no_more(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        statuses = [
            (await running.call("POST", "/login", role="", headers=PAGE | OURS, data={"token": "no"})).status
            for _ in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2
        assert (await log_in(running)).cookie


async def test_the_place_after_the_login_is_never_another_site(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        for wanted, place in {
            "shops?state=late": "./shops?state=late", "//evil.example": "./", "https://evil.example/": "./",
            "javascript:alert(1)": "./", "\\\\evil.example": "./", "a\r\nSet-Cookie: x=1": "./", "http://[": "./",
            "x" * 3_000: "./",
        }.items():  # fmt: skip
            data = {"token": TOKENS["viewer"], "next": wanted}
            answer = await running.call("POST", "/login", role="", headers=PAGE | OURS, data=data)
            assert answer.headers["Location"] == place, wanted


async def test_a_login_from_another_site_is_refused(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        data = {"token": TOKENS["viewer"]}
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = await running.call("POST", "/login", role="", headers=foreign, data=data)
            assert (answer.status, answer.cookies) == (403, {}), foreign
        assert (await running.call("POST", "/login", role="", data=data)).status == 303


async def test_without_tokens_the_page_says_how_to_make_one(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url, SHOPSTREAM_GATEWAY_TOKENS="") as running:
        page = await running.call("GET", "/login", role="", headers=PAGE)
        assert "SHOPSTREAM_GATEWAY_TOKENS=you:operator:" in page.text
        assert (await running.call("POST", "/login", role="", headers=OURS, data={"token": ""})).status == 401
