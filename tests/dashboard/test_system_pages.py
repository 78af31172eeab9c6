"""The pages of streams, dead letters, workers, consents, audit and search, over a planted system and a real gateway."""

import html
import re

import pytest
from redis.asyncio import Redis

from shopstream.redis import clock
from shopstream.redis.deployment_keys import holds_key
from tests.dashboard import planting
from tests.dashboard.people import Person, log_in
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway
from tests.safety.test_acl import url_of, users


def shops_of(now_ms: int) -> list[Seeded]:
    """Three shops: one late, one whose seller must authorize again, one whose consent ends soon."""
    return [
        Seeded(0, now_ms, changes_min=91, waiting=22_480, oldest_min=31, drift=14, dead=4),
        Seeded(1, now_ms, status="reauthorization_required"),
        Seeded(2, now_ms, consent_days=9),
    ]


async def plant(redis: Redis) -> Seeded:
    """Three shops with all that the pages show. Gives the late one."""
    shops = shops_of(await clock.read_ms(redis))
    await seed_shops(redis, shops)
    return await planting.plant_system(redis, shops)


async def newest_letter(redis: Redis) -> str:
    ((entry, _),) = await redis.xrevrange(planting.HOME.stream("dead"), count=1)
    return str(entry.decode())


def plain(page: str) -> str:
    """The text of a page as its reader sees it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def read(person: Person, path: str) -> str:
    answer = await person.open(path)
    assert answer.status == 200, (path, answer.status, answer.text[:300])
    return plain(answer.text)


async def test_each_page_shows_its_facts(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    await redis.zadd(holds_key(), {"00ff00ff00ff00ff": await clock.read_ms(redis) + 900_000})
    async with users(redis), gateway(url_of(redis_url, "gateway"), SHOPSTREAM_GATEWAY_UNINVITED="hold") as running:
        person = await log_in(running)
        shop = await read(person, f"/shops/{late.shop_id}")
        for words in (
            "late since", r"Why late: The last complete sync of changes began 1 h \d\d min ago",
            "22,480 products wait", r"Changes seen 1 h \d\d min ago goal 1 h 15 min", "Drift, 7 days 14",
            "200 days token 3 d 23 h", "Syncs next:", "1,900 of 3,112", "Sync everything", "of a learnt 4",
            "incomplete: one second holds too many products",
        ):  # fmt: skip
            assert re.search(words, shop), words
        story = await read(person, f"/shops/{late.shop_id}?sku={planting.SKU}")
        for words in (
            "Why does warehouse-eu show 3?", "Published: 3 → 0, sold out", planting.REQUEST_ID, "it still shows 3",
            "Read by erp and pricing", "Not yet read by warehouse-eu",
        ):  # fmt: skip
            assert words in story, words
        assert "Why late" in await read(person, f"/shops/{late.shop_id}?sku=17")
        streams = await read(person, "/streams")
        assert re.search(r"warehouse-eu stock stock \d+ min 1 0 0 0 1 Delete", streams), streams
        assert "+1 an hour" in streams
        assert "KeyError: 'sku'" in await read(person, "/streams/given-up?stream=stock&group=warehouse-eu")
        dead = await read(person, "/dead")
        assert "unreadable 9 9 The answer has no skus. Requeue 9 Drop" in dead
        listed = await read(person, "/dead?class=not_this_shop")
        assert listed.count("12052034: not a product of this shop") == 3
        letter = await read(person, f"/dead/letter?name={await newest_letter(redis)}")
        assert "Request id for TikTok's support 202611280000000053" in letter
        assert '"causationid": "erp-4711"' in letter
        workers = await read(person, "/workers")
        assert "4 workers, 174 of 256 slots in use" in workers
        assert "Versions: 3 of 0.1.0, 1 of 0.0.9." in workers
        consents = await read(person, "/authorizations")
        assert re.search(r"00ff00ff00ff00ff \d+ min Accept", consents), consents
        assert re.search(r"gone since .* ends soon (8 d 23 h|9 days)", consents), consents
        assert "Nobody has changed anything yet." in await read(person, "/audit")


async def test_viewers_see_the_same_without_a_button(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running, "viewer")
        for path in ("/streams", "/dead", "/dead?class=unreadable", "/authorizations", f"/shops/{late.shop_id}"):
            text = (await person.open(path)).text
            assert re.findall(r'<form method="post" action="([^"]*)"', text.replace("dead/requeue", "")) in (
                ["../logout"], ["./logout"], ["../logout", "../"], ["./logout", "./"],
            ), path  # fmt: skip
            assert "Requeue" not in text
            assert "Delete" not in text
        assert "Seconds between syncs of stock" in await read(person, f"/shops/{late.shop_id}")


async def test_the_box_finds_shops_groups_products_skus_requests_and_causes(redis: Redis, redis_url: str) -> None:
    late = await plant(redis)
    await redis.hset(planting.HOME.state(late.shop_id), f"p:{planting.PRODUCT}", "{}")  # type: ignore[misc]
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)

        async def find(word: str) -> str:
            answer = await person.open(f"/search?q={word}")
            return answer.headers["Location"] if answer.status == 303 else plain(answer.text)

        assert await find(late.shop_id) == f"./shops/{late.shop_id}"
        assert await find("harbor") == f"./shops/{late.shop_id}"
        assert await find("warehouse-eu") == "./streams"
        assert await find(planting.SKU) == f"./shops/{late.shop_id}?sku={planting.SKU}"
        assert await find(planting.REQUEST_ID) == f"./shops/{late.shop_id}?sku={planting.SKU}"
        assert await find(planting.PRODUCT) == f"./shops/{late.shop_id}?sku={planting.PRODUCT}"
        causes = await find(planting.CAUSE)
        assert "stock.changed by causation id" in causes
        assert "dead.letter by causation id" in causes
        assert (await find("202611280000000004")).startswith("./dead/letter?name=")
        assert "Nothing was found" in await find("17999999999999")
        assert "Search for the name or id" in await find("")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/shops/7495000000009999999", 404), ("/shops/none", 400), ("/dead/letter?name=1-1", 404),
        ("/dead/letter?name=../x", 404), ("/dead/letter", 404), ("/streams/given-up?stream=x&group=y", 404),
        ("/streams/given-up", 404), ("/dead?class=nothing", 200), ("/dead?cursor=9999/1-1", 200),
        ("/dead?cursor=x", 200), ("/audit?before=x", 200), ("/shops/%2e%2e", 400),
    ],
)  # fmt: skip
async def test_wrong_addresses_are_answered_by_a_page(redis: Redis, redis_url: str, path: str, status: int) -> None:
    await plant(redis)
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        answer = await (await log_in(running)).open(path)
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, "text/html")


async def test_letters_are_listed_by_pages_of_fifty(redis: Redis, redis_url: str) -> None:
    now_ms = await clock.read_ms(redis)
    await seed_shops(redis, shops_of(now_ms))
    for _ in range(3):
        await planting.plant_letters(redis, Seeded(0, now_ms).shop_id, now_ms + 600_000)
        now_ms += 3_600_000
    async with users(redis), gateway(url_of(redis_url, "gateway")) as running:
        person = await log_in(running)
        first = (await person.open("/dead?class=not_found")).text
        (following,) = re.findall(r'href="\./(dead\?[^"]*cursor=[^"]*)"', first)
        second = (await person.open("/" + html.unescape(following))).text
        third = re.findall(r'href="\./(dead\?[^"]*cursor=[^"]*)"', second)
        rest = (await person.open("/" + html.unescape(third[0]))).text
        names = [name for page in (first, second, rest) for name in re.findall(r'name="name" value="([^"]+)"', page)]
        assert (len(names), len(set(names))) == (123, 123)
        assert "cursor=" not in rest
