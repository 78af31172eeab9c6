"""Changes of shops, groups, dead letters and consents: each by an operator, from our pages, confirmed, written down."""

import html
import re
from typing import Final

import pytest
from redis.asyncio import Redis

from gateway.dashboard.routes import CHANGES
from gateway.dashboard.system.authorization_page import INVITE_PATH
from shopstream.consents import held_consents
from shopstream.redis import clock
from shopstream.redis.deployment_keys import audit_key
from tests.dashboard import planting
from tests.dashboard.people import Person, log_in
from tests.dashboard.seeding import Seeded
from tests.dashboard.test_system_pages import newest_letter, plain, plant
from tests.gateway.running import PUBLIC_URL, gateway
from tests.safety.test_acl import url_of, users

EVERY_PATH: Final = (*(path for path, _, _ in CHANGES), INVITE_PATH)


async def fill(redis: Redis, path: str, late: Seeded) -> tuple[str, dict[str, str]]:
    """Fill in a valid form for a path of a change."""
    fields = {
        "/shops/{shop}/settings": {"interval": "1800"},
        "/streams/delete-group": {"stream": "stock", "group": "warehouse-eu"},
        "/streams/drop-given-up": {"stream": "stock", "group": "warehouse-eu"},
        "/dead/requeue": {"class": "unreadable"},
        "/dead/drop": {"name": await newest_letter(redis)},
        "/authorizations/accept": {"consent": await hold(redis)},
        INVITE_PATH: {"label": "Willow", "days": "3"},
    }
    return path.replace("{shop}", late.shop_id), fields.get(path, {"x": ""})


async def hold(redis: Redis) -> str:
    held = await held_consents.hold(redis, "a-code-of-tiktok")
    assert held is not None
    return held.id


async def fingerprint(redis: Redis) -> dict[bytes, bytes]:
    """All keys but the sessions, as dumped."""
    keys = [key async for key in redis.scan_iter() if b":session:" not in key]
    return {key: await redis.dump(key) for key in sorted(keys)}


async def test_only_operators_change_only_from_our_pages_and_only_confirmed(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    forms = [await fill(redis, path, late) for path in EVERY_PATH]
    before = await fingerprint(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        operator = await log_in(running)
        others = [await log_in(running, role) for role in ("viewer", "producer")]
        for path, fields in forms:
            confirmed = fields | {"confirmed": "1"}
            for person in others:
                assert (await person.send(path, confirmed)).status == 403, path
            for site, origin in (("cross-site", ""), ("same-site", ""), ("", ""), ("", "https://evil.example")):
                answer = await operator.send(path, confirmed, **{"Sec-Fetch-Site": site, "Origin": origin})
                assert answer.status == 403, (path, site, origin)
            nobody = Person(running, "")
            assert (await nobody.send(path, confirmed)).status == 401, path
            assert (await operator.open(path)).status in {404, 405}, path
            asked = await operator.send(path, fields)
            assert (asked.status, 'name="confirmed"' in asked.text) == (200, True), (path, asked.text[:200])
            assert re.search(r"<h1>[^<]*\d", asked.text), "the confirmation names a number"
        assert await fingerprint(redis) == before


async def audit(redis: Redis) -> list[tuple[str, str, str, str]]:
    entries = await redis.xrange(audit_key())
    names = (b"who", b"act", b"subject", b"affected")
    return [tuple(fields[name].decode() for name in names) for _, fields in entries]


async def test_letters_are_requeued_and_dropped_by_class_selection_and_name(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    dead, backlog = planting.HOME.stream("dead"), planting.HOME.backlog("products", late.shop_id)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        asked = await person.send("/dead/requeue", {"class": "unreadable"})
        assert "Requeue 9 dead letters?" in plain(asked.text)
        done = await person.send("/dead/requeue", {"class": "unreadable", "confirmed": "9"})
        assert (done.status, "did=" in done.headers["Location"]) == (303, True)
        assert done.headers["Location"].startswith("../dead?class=unreadable&did=")
        assert (await redis.zcard(backlog), await redis.xlen(dead)) == (9, 44)
        # A confirmed number is not exceeded, and the oldest go first.
        assert (await person.send("/dead/drop", {"class": "not_found", "confirmed": "40"})).status == 303
        assert await redis.xlen(dead) == 4
        page = (await person.open("/dead?class=not_this_shop")).text
        names = re.findall(r'name="name" value="([^"]+)"', page)
        chosen = "&".join(f"name={name}" for name in names[:2])
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": person.cookie}
        dropped = await running.call(
            "POST", "/dead/drop", role="", data=f"{chosen}&class=not_this_shop&confirmed=2",
            headers=headers | {"Sec-Fetch-Site": "same-origin"},
        )  # fmt: skip
        assert (dropped.status, await redis.xlen(dead)) == (303, 2)
        gone = await person.send("/dead/requeue", {"name": names[0], "confirmed": "1"})
        assert (gone.status, "nothing was requeued" in gone.text) == (400, True)
        assert (await person.send("/dead/requeue", {"name": names[2], "confirmed": "1"})).status == 303
        assert (await person.send("/dead/requeue", {"class": "", "confirmed": "1"})).status == 400
        assert (await person.send("/dead/requeue", {"class": "never", "confirmed": "1"})).status == 400
        assert await audit(redis) == [
            ("operator-1", "requeue dead letters", "of class unreadable", "9"),
            ("operator-1", "drop dead letters", "of class not_found", "40"),
            ("operator-1", "drop dead letters", "by selection", "2"),
            ("operator-1", "requeue dead letters", names[0], "1"),
            ("operator-1", "requeue dead letters", names[2], "1"),
        ]
        log = plain((await person.open("/audit")).text)
        assert "requeue dead letters of class unreadable 9 done" in log
        assert f"requeue dead letters {names[0]} 1 failed" in log


async def test_more_than_a_thousand_letters_take_two_changes(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    dead = planting.HOME.stream("dead")
    fields = planting.entry("dead.letter", late.shop_id, "product/1", {"error_class": "many", "id": "1"})
    async with redis.pipeline(transaction=False) as pipe:
        for _ in range(1_203):
            pipe.xadd(dead, fields)  # type: ignore[arg-type]
        await pipe.execute()
    before = await redis.xlen(dead)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        asked = await person.send("/dead/drop", {"class": "many"})
        assert "Drop 1,000 dead letters?" in plain(asked.text)
        for left in (203, 0):
            assert (await person.send("/dead/drop", {"class": "many", "confirmed": "1000"})).status == 303
            assert await redis.xlen(dead) == before - 1_203 + left


async def test_a_group_is_deleted_unless_members_read_it(redis: Redis, redis_url: str) -> None:
    await plant(redis)
    stream = planting.HOME.stream("stock")
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        asked = await person.send("/streams/delete-group", {"stream": "stock", "group": "warehouse-eu"})
        assert "It has not acknowledged 1 entry" in plain(asked.text)
        fields = {"stream": "stock", "confirmed": "1"}
        refused = await person.send("/streams/delete-group", fields | {"group": "erp"})
        assert (refused.status, "2 members of the group read" in refused.text) == (400, True)
        assert (await person.send("/streams/delete-group", fields | {"group": "none"})).status == 404
        assert (await person.send("/streams/delete-group", fields | {"group": "warehouse-eu"})).status == 303
        assert {group["name"] for group in await redis.xinfo_groups(stream)} == {b"erp", b"pricing"}
        drop = {"stream": "stock", "group": "warehouse-eu", "confirmed": "1"}
        done = await person.send("/streams/drop-given-up", drop)
        assert (done.status, await redis.xlen(planting.HOME.dead_of("stock", "warehouse-eu"))) == (303, 0)
        assert [entry[1] for entry in await audit(redis)] == ["delete group", "drop given up events of group"]


async def test_an_invite_is_shown_once_and_opens_for_a_seller(redis: Redis, redis_url: str) -> None:
    await plant(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        fields = {"label": "Willow <b>", "days": "3", "confirmed": "1"}
        made = await person.send("/authorizations/invite", fields)
        (url,) = re.findall(rf"{re.escape(PUBLIC_URL)}/connect/[\w-]+", html.unescape(made.text))
        assert (made.status, "within 3 days" in plain(made.text) or "within 2 d 23 h" in plain(made.text)) == (
            200,
            True,
        )
        assert (await running.visit(url.removeprefix(PUBLIC_URL))).status in {302, 303}
        token = url.rpartition("/")[2]
        assert token not in (await person.open("/authorizations")).text + (await person.open("/audit")).text
        assert token not in running.logs
        assert await audit(redis) == [("operator-1", "make invite", "Willow <b>", "1")]
        for wrong in ({"days": "8"}, {"days": "x"}, {"label": "x" * 101}, {"label": "a\nb"}):
            assert (await person.send("/authorizations/invite", fields | wrong)).status == 400, wrong


@pytest.mark.parametrize("setting", ["interval", "low", "publish"])
async def test_a_wrong_setting_changes_nothing(redis: Redis, redis_url: str, setting: str) -> None:
    late = await plant(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        for value in ("5", "-1", "<b>", "9" * 40) if setting != "low" else ("-1", "<b>", "9" * 40):
            answer = await person.send(f"/shops/{late.shop_id}/settings", {setting: value, "confirmed": "1"})
            assert (answer.status, "<b>" in answer.text and value == "<b>") == (400, False), value
        same = await person.send(f"/shops/{late.shop_id}/settings", {"interval": "3600"})
        assert (same.status, "No setting is another one than before" in same.text) == (400, True)
        assert await audit(redis) == []
        assert not await redis.hexists(planting.HOME.settings, late.shop_id)  # type: ignore[misc]


async def test_the_clock_of_the_audit_is_redis(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        before = await clock.read_ms(redis)
        assert (await person.send(f"/shops/{late.shop_id}/retry", {"confirmed": "1"})).status == 303
        ((entry, _),) = await redis.xrange(audit_key())
        assert before <= int(entry.split(b"-")[0]) <= await clock.read_ms(redis)
