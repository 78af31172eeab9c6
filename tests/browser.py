"""Select the tests that drive a browser: they run where Chromium is, and elsewhere a line says how to get it.

A test drives a browser if it takes the fixture `chromium`.
"""

import shutil
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HINT: Final = "no Chromium: {} tests of the dashboard in a browser don't run. Debian: apt-get install chromium"
_COUNT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--browser", action="store_true", help="run the tests alone that drive a browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    driving = [item for item in items if "chromium" in getattr(item, "fixturenames", ())]
    left = [item for item in items if item not in set(driving)]
    if config.getoption("--browser"):
        config.hook.pytest_deselected(items=left)
        items[:] = driving
    elif driving and CHROMIUM is None:
        config.stash[_COUNT] = len(driving)
        config.hook.pytest_deselected(items=driving)
        items[:] = left


def pytest_report_collectionfinish(config: pytest.Config) -> str | list[str]:
    count = config.stash.get(_COUNT, 0)
    return HINT.format(count) if count else []


@pytest.fixture
async def chromium() -> "AsyncIterator[Browser]":
    """The machine's Chromium, without a window."""
    from playwright.async_api import async_playwright

    assert CHROMIUM is not None, "Debian: apt-get install chromium"
    async with async_playwright() as drivers:
        # Tests run in containers too, where Chromium's own sandbox can't begin.
        browser = await drivers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()
