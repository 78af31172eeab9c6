"""A browser that looks at the dashboard, and all that it complains about."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from tests.gateway.running import TOKENS, RunningGateway
from tests.processes import ANSWER_SECONDS

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page, ViewportSize
    from playwright.async_api._generated import LocatorAssertions

WIDTHS = {1280: 1400, 390: 844}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
_RULES: Final[dict[Theme, dict[str, Any]]] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}
"""What axe is asked by theme: the dark one differs in nothing but colours."""


def expect(shown: "Locator") -> "LocatorAssertions":
    """Playwright's own, which waits as long as a busy machine needs; its import takes half a second of a core."""
    from playwright.async_api import expect as expect_soon

    expect_soon.set_options(timeout=1_000 * ANSWER_SECONDS)
    return expect_soon(shown)


@dataclass
class Viewer:
    """A browser's page, with the errors of its console and the hosts that it has asked."""

    page: "Page"
    base: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    async def open(self, path: str = "") -> None:
        await self.page.goto(f"{self.base}/{path}")

    async def check(self) -> None:
        """Nothing was complained about, and no other host was asked."""
        assert self.errors == []
        assert self.hosts == {urlsplit(self.base).netloc}

    async def find_faults_anywhere(self) -> list[str]:
        """Faults on a screen of each width in each theme, and what is wider than the screen."""
        found = []
        for width, theme in itertools.product(WIDTHS, THEMES):
            await self.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
            await self.page.emulate_media(color_scheme=theme)
            found += [f"{width} {theme}: {fault}" for fault in await self.find_faults(theme)]
            found += [f"{width}: too wide"] if await self.is_too_wide() else []
        return found

    async def find_faults(self, theme: Theme = "light") -> list[str]:
        """Faults for people who see or point badly, as axe finds them."""
        from axe_playwright_python.async_playwright import Axe

        # The content's policy forbids pages to run another script; a test may put one in all the same.
        found = await Axe().run(self.page, options={"resultTypes": ["violations"], **_RULES[theme]})
        return [f"{one['id']}: {node['html'][:200]}" for one in found.response["violations"] for node in one["nodes"]]

    async def is_too_wide(self) -> bool:
        return bool(await self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@asynccontextmanager
async def viewer(
    browser: "Browser", running: RunningGateway, *, width: int = 1280, theme: Theme = "light", role: str = "operator",
    **more: Any,
) -> AsyncIterator[Viewer]:  # fmt: skip
    """Somebody who has logged in."""
    size: ViewportSize = {"width": width, "height": WIDTHS[width]}
    context = await browser.new_context(
        viewport=size,
        color_scheme=theme,
        reduced_motion="reduce",
        **more,
    )
    page = await context.new_page()
    page.set_default_timeout(1_000 * ANSWER_SECONDS)
    seen = Viewer(page, running.private)
    page.on("console", lambda line: seen.errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.hosts.add(urlsplit(request.url).netloc))
    try:
        await seen.open("login")
        await page.fill("#token", TOKENS[role])
        await page.press("#token", "Enter")
        await page.wait_for_selector("header.top")
        yield seen
    finally:
        await context.close()
