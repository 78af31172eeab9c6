"""The page of a shop over a real gateway, worker and sandbox: its facts, its changes, the way of a real change."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from shopstream import EventConsumer, SyncClient
from shopstream.consents import held_consents
from shopstream.redis.keys import Partition
from tests.dashboard.people import Person, log_in
from tests.dashboard.test_system_pages import plain, read
from tests.gateway.running import RunningGateway, gateway
from tests.processes import Sandbox, patient, sandbox, until, worker
from tests.safety.test_acl import url_of, users

SKU = "1731159324007369298"
PRODUCT = "1731029337055922770"


@asynccontextmanager
async def stage(redis: Redis, redis_url: str) -> AsyncIterator[tuple[Sandbox, RunningGateway, SyncClient, Person]]:
    """A sandbox with a shop that its seller has authorized, a worker, a gateway, and an operator at its pages."""
    async with (
        users(redis),
        sandbox("--products", "5", "--shops", "2") as front,
        worker(front.env(url_of(redis_url, "worker"))),
        gateway(url_of(redis_url, "gateway"), SHOPSTREAM_GATEWAY_UNINVITED="hold") as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client)
        person = await log_in(running)

        async def is_known() -> bool:
            return (await person.open(f"/shops/{front.shops[0]['shop_id']}")).status == 200

        await until(is_known, seconds=60)
        yield front, running, client, person
        assert "NOPERM" not in running.logs


async def shown(person: Person, path: str, words: str) -> str:
    """Wait until a page shows some words, a pattern; give its text."""

    async def look() -> str:
        text = await read(person, path)
        return text if re.search(words, text) else ""

    found: str = await until(look, seconds=60)
    return found


async def test_a_full_sync_that_an_operator_begins_and_a_change_on_its_way(redis: Redis, redis_url: str) -> None:
    async with stage(redis, redis_url) as (front, _, _client, person):
        shop = front.shops[0]["shop_id"]
        home = f"/shops/{shop}"
        done = await person.send(f"{home}/sync", {"confirmed": "0"})
        assert (done.status, done.headers["Location"].startswith(f"../../shops/{shop}?did=")) == (303, True)
        assert "Done: sync everything of" in await read(person, home + "?" + done.headers["Location"].partition("?")[2])
        await shown(person, home, r"everything began \d\d:\d\d 5 .* complete")
        for words in (r"Changes seen \d.* ago goal 1 h 15 min", r"product \d.*/s of a learnt", "Consent", "in step"):
            await shown(person, home, words)
        async with EventConsumer(redis_url, stream="stock", group="erp", start="0") as consumer:
            async for event in consumer:
                if event.subject == f"sku/{SKU}":
                    break
                await event.ack()
            story = await read(person, f"{home}?sku={SKU}")
            assert re.search(r"Why does erp show nothing\?", story), story
            assert re.search(rf"Published: nothing → {event.data['available']}", story), story
            assert re.search(r"Not yet acknowledged by erp 1 delivery, in hand of", story), story
            await event.ack()
        story = await read(person, f"{home}?sku={SKU}")
        assert f"Why do all groups show {event.data['available']}?" in story
        assert re.search(r"It was last seen .* ago by its product's detail", story), story
        product = (await person.open(f"{home}?sku={PRODUCT}")).text
        assert f'href="?sku={SKU}"' in product


async def test_an_operator_pauses_resumes_and_sets(redis: Redis, redis_url: str) -> None:
    async with stage(redis, redis_url) as (front, _, client, person):
        shop = front.shops[0]["shop_id"]
        home = f"/shops/{shop}"
        asked = plain((await person.send(f"{home}/pause")).text)
        assert re.search(r"Pause .*\? Its \d+ products are not looked at until somebody resumes it", asked), asked
        assert (await person.send(f"{home}/pause", {"confirmed": "0"})).status == 303
        page = await shown(person, home, "An operator has paused it")
        assert "Resume" in page
        assert (await client.load_settings(shop)).paused
        assert (await person.send(f"{home}/resume", {"confirmed": "0"})).status == 303
        await shown(person, home, r"Pause .*Changes seen")
        changes = {"stock_interval": "1800", "publish": "prices", "guard": "off", "low": ""}
        asked = plain((await person.send(f"{home}/settings", changes)).text)
        assert "Change stock_interval to 1800, publish to prices, guard to false for" in asked
        assert (await person.send(f"{home}/settings", changes | {"confirmed": "0"})).status == 303
        settings = await client.load_settings(shop)
        assert (settings.stock_interval, settings.publish, settings.guard, settings.low) == (1_800, "prices", False, 5)
        assert "Seconds between syncs of stock: 30 min" in await read(person, home)
        assert (await person.send(f"{home}/retry", {"confirmed": "0"})).status == 303
        audit = await read(person, "/audit")
        assert re.search(rf"retry shop {shop} .* resume shop {shop} .* pause shop {shop}", audit), audit


async def test_an_operator_accepts_a_held_consent(redis: Redis, redis_url: str) -> None:
    async with stage(redis, redis_url) as (front, _, client, person):
        held = await held_consents.hold(client.redis, front.auth_codes[1])
        assert held is not None
        assert re.search(rf"{held.id} \d+ min Accept", await read(person, "/authorizations"))
        assert (await person.send("/authorizations/accept", {"consent": "none", "confirmed": "1"})).status == 404
        done = await person.send("/authorizations/accept", {"consent": held.id, "confirmed": "1"})
        assert (done.status, done.headers["Location"].startswith("../authorizations?did=")) == (303, True)
        assert await client.redis.hexists(Partition(0).registry, front.shops[1]["shop_id"])  # type: ignore[misc]
        page = await shown(person, "/authorizations", front.shops[1]["name"])
        assert "None waits." in page
        wrong = await held_consents.hold(client.redis, "a-code-that-tiktok-refuses")
        assert wrong is not None
        refused = await person.send("/authorizations/accept", {"consent": wrong.id, "confirmed": "1"})
        assert refused.status == 400
        assert "a-code-that-tiktok-refuses" not in refused.text
        assert re.search(rf"accept consent {wrong.id} 1 failed", await read(person, "/audit"))
