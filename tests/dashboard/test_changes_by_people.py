"""Changes over real HTTP: by operators alone, from our pages alone, confirmed, and written down."""

import pytest
from redis.asyncio import Redis

from shopstream.redis.deployment_keys import PAUSED, audit_key
from tests.dashboard.people import log_in
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway


async def test_an_operator_pauses_all_shops_after_a_confirmation(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(number, 0) for number in range(3)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        asked = await person.send("/pause")
        assert (asked.status, "Pause all 3 shops?" in asked.text) == (200, True)
        assert not await redis.exists(PAUSED)
        done = await person.send("/pause", {"confirmed": "3"})
        assert done.status == 303
        assert await redis.exists(PAUSED)
        ((entry, fields),) = await redis.xrange(audit_key())
        assert {name.decode(): value.decode() for name, value in fields.items()} == {
            "who": "operator-1", "act": "pause all shops", "subject": "", "affected": "3", "outcome": "done",
        }  # fmt: skip
        assert done.headers["Location"] == f"./?did={entry.decode()}"
        page = await person.open(f"/?did={entry.decode()}")
        assert "Done: pause all shops, 3 affected." in page.text
        assert "Done:" not in (await person.open("/?did=<script>")).text
        assert (await person.send("/resume", {"confirmed": "3"})).status == 303
        assert not await redis.exists(PAUSED)
        assert await redis.xlen(audit_key()) == 2


@pytest.mark.parametrize("role", ["viewer", "producer"])
async def test_others_may_look_and_change_nothing(redis: Redis, redis_url: str, role: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running, role)
        page = await person.open("/")
        assert (page.status, "Pause all shops" in page.text) == (200, False)
        refused = await person.send("/pause", {"confirmed": "1"})
        assert (refused.status, f"yours is {role}" in refused.text) == (403, True)
        by_token = await running.call(
            "POST", "/pause", role=role, data={"confirmed": "1"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert by_token.status == 403
        assert not await redis.exists(PAUSED, audit_key())


async def test_no_other_site_changes_anything(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        for site, origin in (
            ("cross-site", ""), ("same-site", ""), ("none", ""), ("cross-site", running.private),
            ("", ""), ("", "null"),
            ("", "https://evil.example"), ("", f"{running.private}.evil.example"), ("", "http://["),
        ):  # fmt: skip
            answer = await person.send("/pause", {"confirmed": "1"}, **{"Sec-Fetch-Site": site, "Origin": origin})
            assert answer.status == 403, (site, origin)
        assert (await person.open("/pause")).status in {404, 405}
        assert not await redis.exists(PAUSED, audit_key())
        ours = await person.send("/pause", {"confirmed": "1"}, **{"Sec-Fetch-Site": "", "Origin": running.private})
        assert ours.status == 303


async def test_a_body_that_is_no_form_is_refused(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        headers = {"Sec-Fetch-Site": "same-origin", "Cookie": person.cookie}
        for body, kind, status in (
            (b'{"confirmed": 1}', "application/json", 400),
            (b"confirmed=1", "text/plain", 400),
            (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
            (b"a=1&" * 3_000 + b"a=1", "application/x-www-form-urlencoded", 400),
            (b"a=" + b"1" * 65_536, "application/x-www-form-urlencoded", 413),
        ):
            answer = await running.call("POST", "/pause", role="", data=body, headers=headers | {"Content-Type": kind})
            assert answer.status == status, body[:20]
        assert not await redis.exists(PAUSED)
