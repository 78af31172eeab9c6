"""The overview over a real worker and sandbox, by a gateway that has its own user's rights in Redis and no more."""

import asyncio
import json
import re

from redis.asyncio import Redis

from gateway.dashboard.shell.live_rooms import EVERY_SECONDS
from shopstream.redis.deployment_keys import MOVE
from shopstream.redis.partition_count import MoveMark
from tests.dashboard.people import Person, log_in, read_events
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway
from tests.processes import patient, sandbox, until, worker
from tests.safety.test_acl import url_of, users


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_the_overview_of_a_real_shop(redis: Redis, redis_url: str) -> None:
    async with (
        users(redis),
        sandbox("--products", "5", "--shops", "1") as front,
        worker(front.env(url_of(redis_url, "worker"))),
        gateway(url_of(redis_url, "gateway")) as running,
        patient(url_of(redis_url, "worker")) as client,
    ):
        person = await log_in(running)
        assert "No shop is authorized yet." in (await person.open("/")).text
        await front.authorize(client)
        shop = front.shops[0]

        async def in_step() -> bool:
            return "The shop is in step." in (await person.open("/")).text

        await client.wait(await client.sync_shop(shop["shop_id"], full=True), timeout=60)
        await until(in_step, seconds=60)
        await until(lambda: _shows(person, "products 0 % 5"), seconds=60)
        text = text_of((await person.open("/")).text)
        assert shop["name"] in text
        for part in (
            "All shops, worst first",
            "Fresh",
            "Oldest waiting",
            "Redis memory",
            "Workers 1 alive",
        ):
            assert part in text, text
        assert f'href="./shops/{shop["shop_id"]}"' in (await person.open("/shops")).text
        await client.redis.xgroup_create("shopstream:{0}:products", "erp", id="0")
        await until(lambda: _shows(person, "erp products"), seconds=60)
        assert (await person.send("/pause", {"confirmed": "1"})).status == 303
        assert "All shops are paused" in text_of((await person.open("/")).text)
        assert (await person.send("/resume", {"confirmed": "1"})).status == 303
        assert not re.search("NOPERM|Traceback|dashboard_stale", running.logs)


async def _shows(person: Person, part: str) -> bool:
    return part in text_of((await person.open("/")).text)


async def test_the_stream_sends_what_changes_once_and_nothing_else(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(number, 0, changes_min=0, seen_min=0) for number in range(2)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        first, second = await read_events(running, "/shops?state=all", person.cookie, 2)
        assert set(first["fragments"]) == {"shops"}
        assert set(second["fragments"]) <= {"shops"}
        answer = await person.open("/shops?state=all", Accept="application/json")
        assert "shops" in json.loads(answer.text)["fragments"]
        assert (await person.open("/shops", Accept="application/json", **{"If-None-Match": '"x"'})).status == 200


async def test_a_stream_ends_with_its_session_and_with_the_gateway(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        headers = {"Accept": "text/event-stream", "Cookie": person.cookie}
        async with running.http.get(running.private + "/", headers=headers) as response:
            assert (await response.content.readline()).startswith(b"data: ")
            await person.send("/logout")
            async for _ in response.content:  # ends by itself, within the seconds of a look at the session
                pass
        other = await log_in(running)
        async with running.http.get(running.private + "/", headers=headers | {"Cookie": other.cookie}) as response:
            await response.content.readline()
            running.process.child.terminate()
            async for _ in response.content:
                pass
        assert await running.process.child.wait() == 0


async def test_a_page_that_stays_stale_is_one_line_of_the_log(redis: Redis, redis_url: str) -> None:
    await seed_shops(redis, [Seeded(1, 0)])
    async with gateway(redis_url) as running:
        person = await log_in(running)
        headers = {"Accept": "text/event-stream", "Cookie": person.cookie}
        async with running.http.get(running.private + "/", headers=headers) as response:
            assert (await response.content.readline()).startswith(b"data: ")
            await redis.set(MOVE, MoveMark("a", "10.0.0.9:6379", 1, 256, "moved").to_json())

            async def stale() -> bool:
                return "dashboard_stale" in running.logs

            await until(stale, seconds=60)
            await asyncio.sleep(2.5 * EVERY_SECONDS)  # two further looks
        assert running.logs.count("dashboard_stale") == 1


async def test_equal_facts_have_one_etag(redis: Redis, redis_url: str) -> None:
    shops = [Seeded(1, 0, status="reauthorization_required", changes_min=0, seen_min=0)]
    await seed_shops(redis, shops)
    async with gateway(redis_url) as running:
        person = await log_in(running)

        async def repeated() -> bool:
            """A look may fall on a change of a minute; of some one doesn't."""
            first = await person.open("/shops", Accept="application/json")
            again = await person.open("/shops", Accept="application/json", **{"If-None-Match": first.headers["Etag"]})
            return again.status == 304

        await until(repeated)


async def test_without_a_worker_pages_say_so(redis_url: str) -> None:
    async with gateway(redis_url) as running:
        person = await log_in(running)
        page = await person.open("/")
        assert (page.status, "No worker has started on this Redis." in page.text) == (503, True)
