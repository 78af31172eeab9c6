"""From an alert to its cause: the page that the alert links shows it, or a page that the navigation leads to."""

import re
from typing import Any, Final, NamedTuple

import pytest
import yaml
from redis.asyncio import Redis

from shopstream.redis import clock
from tests.dashboard import planting
from tests.dashboard.people import Person, log_in
from tests.dashboard.seeding import Seeded, seed_history, seed_shops
from tests.dashboard.test_system_pages import plain
from tests.gateway.process import SHOP, push
from tests.gateway.running import gateway
from tests.sources import ROOT

RULES: Final = ROOT / "deploy" / "prometheus" / "shopstream.rules.yml"
CAP: Final = 1_000


class Way(NamedTuple):
    """The page that an alert links, words that show its cause, and the page one click further that has them.

    An alert about a single shop has its id in place of `SHOP`. The second page is "" where the first one has the words.
    """

    page: str
    words: str
    further: str = ""


WAYS: Final = {
    "FreshnessBurnFast": Way("/", r"\d of \d shops (is|are) in step"),
    "FreshnessBurnSlow": Way("/", r"of shop-minutes, 28 days; goal 99 %"),
    "UrgentSlow": Way("/workers", r"174 of 256 slots in use"),
    "NothingPublished": Way("/", r"Oldest waiting .* missed"),
    "Drift": Way("/", r"Drift 1"),
    "NoWorkers": Way("/workers", r"No worker runs"),
    "SlotsStarved": Way("/workers", r"Work has been due for .* without a slot"),
    "DeadLetters": Way("/dead", r"unreadable 9 9 The answer has no skus"),
    "UpstreamFailing": Way("/", r"Late Juniper Pets 7", "/shops/7"),
    "Misconfigured": Way("/?state=stopped", r"Misconfigured Velvet Toys 2"),
    "ThrottledTooOften": Way("/?state=throttled", r"Throttled Cobalt Audio 3"),
    "SellerMustAuthorize": Way("/?state=stopped", r"Consent gone Juniper Pets 1"),
    "ConsentEndsSoon": Way("/shops/4", r"Consent 9 days|Consent 8 days"),
    "TokenNotRenewed": Way("/authorizations", r"Harbor Beauty 0 .* \d+ h \d\d min"),
    "GroupBehind": Way("/streams", r"warehouse-eu stock stock \d+ min"),
    "GroupLosing": Way("/streams", r"warehouse-eu stock stock \d+ min 1 0 0 17"),
    "StreamNearCap": Way("/streams", r"shops 9\d % 9\d\d .* the cap in|shops 9\d % 9\d\d"),
    "RedisNearlyFull": Way("/", r"Redis memory"),
    "WebhooksSilent": Way("/workers", r"Webhooks .* None has come"),
    "WebhooksForged": Way("/workers", r"bad signature 3"),
    "GatewaySlow": Way("/workers", r"accepted|unknown shop"),
}


def shops_of(now_ms: int) -> list[Seeded]:
    """A shop for each alert about shops."""
    return [
        Seeded(0, now_ms, changes_min=91, waiting=22_480, oldest_min=31, drift=14, dead=4),
        Seeded(1, now_ms, status="reauthorization_required"),
        Seeded(2, now_ms, trouble="misconfigured", message="106001: app key"),
        Seeded(3, now_ms, changes_min=80, waiting=31_006, oldest_min=12, level=3),
        Seeded(4, now_ms, consent_days=9),
        Seeded(7, now_ms, name="Juniper Pets 7", trouble="transient", message="HTTP 502"),
    ]


async def plant(redis: Redis) -> list[Seeded]:
    """A system in which each alert but those of missing things has its cause."""
    now_ms = await clock.read_ms(redis)
    shops = shops_of(now_ms)
    await seed_shops(redis, shops)
    await seed_history(redis, now_ms, len(shops), shops)
    await planting.plant_system(redis, shops)
    home = planting.HOME
    ends = str(now_ms // 1000 + 20 * 3_600)
    await redis.hset(home.token_ends, shops[0].entry().authorization, ends)  # type: ignore[misc]
    await redis.hset(home.retention, "stock:lost:warehouse-eu", "17")  # type: ignore[misc]
    await redis.zadd(home.due, {"products:1": now_ms - 90_000})
    fields = planting.entry("shop.synced", shops[0].shop_id, f"shop/{shops[0].shop_id}", {})
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(960):
            pipe.xadd(home.stream("shops"), fields, id=f"{now_ms - 7_200_000 + number}-0")  # type: ignore[arg-type]
        await pipe.execute()
    return shops


def alerts() -> dict[str, str]:
    """The page of each alert by the rules that are shipped."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: rule["annotations"]["page"] for rule in rules}


def test_each_alert_has_its_way() -> None:
    if RULES.exists():  # the rules come with Prometheus's part of the deployment
        pages = {name: re.sub(r"\{\{.*?\}\}", "4", page) for name, page in alerts().items()}
        assert pages == {name: way.page for name, way in WAYS.items()}


async def follow(person: Person, way: Way, shops: list[Seeded]) -> str:
    """Open the page of an alert as its reader does, click once more if the way says so, and give the text."""
    names = {f"/shops/{shop.number}": f"/shops/{shop.shop_id}" for shop in shops}
    first = await person.open(names.get(way.page, way.page))
    assert first.status == 200, way
    if not way.further or re.search(way.words, plain(first.text)):
        return plain(first.text)
    further = names.get(way.further, way.further)
    links = re.findall(r'href="([^"]+)"', first.text)
    assert f".{further}" in links, (way, links)
    return plain((await person.open(further)).text)


@pytest.mark.parametrize("missing", [True, False])
async def test_two_clicks_lead_from_an_alert_to_its_cause(redis: Redis, redis_url: str, *, missing: bool) -> None:
    """`missing`: of the alerts about what isn't there, in a system without workers and webhooks."""
    shops = await plant(redis)
    names = {"NoWorkers", "WebhooksSilent"}
    if missing:
        await redis.delete(planting.HOME.prefix + ":workers")
    async with gateway(redis_url, SHOPSTREAM_STREAM_MAX_ENTRIES=str(CAP)) as running:
        if not missing:
            for signature in ("0" * 64, "1" * 64, "2" * 64, None):
                await running.process.post(push(5, shop_id=SHOP), signature)
        person, missed = await log_in(running), dict[str, str]()
        for name, way in WAYS.items():
            if (name in names) == missing:
                text = await follow(person, way, shops)
                if not re.search(way.words, text):
                    missed[name] = text
        assert missed == {}
