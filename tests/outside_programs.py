"""Select the tests that need a program from outside: they run where it is, and elsewhere a line says how to get it.

A test drives a browser if it takes the fixture `chromium`, and asks Prometheus if it takes the fixture `promtool`.
"""

import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.monitoring.promtool import PromtoolMissing, find_promtool, is_there

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM: Final = "no Chromium: the dashboard's tests in a browser don't run. Debian: apt-get install chromium"
NO_PROMTOOL: Final = "no promtool: the tests that ask Prometheus don't run. Debian: apt-get install prometheus"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--browser", action="store_true", help="run the tests alone that drive a browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    driving = _list_users(items, "chromium")
    if config.getoption("--browser"):
        chosen = set(driving)
        _leave_out(config, items, [item for item in items if item not in chosen])
    elif CHROMIUM is None:
        _leave_out(config, items, driving)
    asking = _list_users(items, "promtool")
    if asking and not _has_promtool():
        _leave_out(config, items, asking)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what didn't run. The processes that collect tests side by side print nothing."""
    if CHROMIUM is None:
        terminalreporter.write_line(NO_CHROMIUM)
    if not is_there():
        terminalreporter.write_line(NO_PROMTOOL)


def _list_users(items: list[pytest.Item], fixture: str) -> list[pytest.Item]:
    return [item for item in items if fixture in getattr(item, "fixturenames", ())]


def _leave_out(config: pytest.Config, items: list[pytest.Item], left: list[pytest.Item]) -> None:
    gone = set(left)
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in gone]


def _has_promtool() -> bool:
    try:
        find_promtool()
    except PromtoolMissing:
        return False
    return True


@pytest.fixture
def promtool() -> None:
    """Prometheus's own judge is there."""


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
