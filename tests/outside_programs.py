"""Select the tests that need a program from outside: they run where it is, and elsewhere a line says how to get it.

A test drives a browser if it takes the fixture `chromium`, and asks Prometheus if it takes the fixture `promtool`. It
renders the chart by `helm`, and makes objects of Kubernetes by `kubectl`. It compares with the Compose specification by
the fixture `compose_schema`, asks Compose itself by `docker_compose`, and needs the image, which takes minutes to
build, by `image`.
"""

import shutil
import subprocess
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.programs import HELM, KUBECTL
from tests.containers import compose_schema as schema_package
from tests.monitoring.promtool import PromtoolMissing, find_promtool, is_there

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from tests.containers.compose_file import Json

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM: Final = "no Chromium: the dashboard's tests in a browser don't run. Debian: apt-get install chromium"
NO_HELM: Final = "no Helm: the tests of the chart don't run. Get it from helm.sh; on x86_64 Linux the wheel has it"
NO_KUBECTL: Final = "no kubectl: the tests of its commands don't run. Get it from kubernetes.io"
NO_PROMTOOL: Final = "no promtool: the tests that ask Prometheus don't run. Debian: apt-get install prometheus"
NO_SCHEMA: Final = "no npm, or no registry: docker-compose.yml is not compared with the Compose specification's schema"
NO_COMPOSE: Final = "no docker compose: Compose itself does not read docker-compose.yml. Install its plugin for docker"
NO_IMAGE: Final = "the image is not built: `make image` does it, as root, in a chroot"
HADOLINT: Final = shutil.which("hadolint", path=f"{sys.exec_prefix}/bin") or shutil.which("hadolint")
NO_HADOLINT: Final = "no hadolint: nothing lints the Dockerfile. On x86_64 Linux the wheel has it"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--browser", action="store_true", help="run the tests alone that drive a browser")
    parser.addoption("--image", action="store_true", help="build the image too, as root, in some minutes")


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
    for fixture, program in (("helm", HELM), ("kubectl", KUBECTL)):
        if program is None:
            _leave_out(config, items, _list_users(items, fixture))
    comparing = _list_users(items, "compose_schema")
    if comparing and not _has_schema():
        _leave_out(config, items, comparing)
    if not _has_compose():
        _leave_out(config, items, _list_users(items, "docker_compose"))
    if not config.getoption("--image"):
        _leave_out(config, items, _list_users(items, "image"))
    if HADOLINT is None:
        _leave_out(config, items, _list_users(items, "hadolint"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what didn't run. The processes that collect tests side by side print nothing."""
    if CHROMIUM is None:
        terminalreporter.write_line(NO_CHROMIUM)
    if not is_there():
        terminalreporter.write_line(NO_PROMTOOL)
    if HELM is None:
        terminalreporter.write_line(NO_HELM)
    if KUBECTL is None:
        terminalreporter.write_line(NO_KUBECTL)
    if not schema_package.is_there():
        terminalreporter.write_line(NO_SCHEMA)
    if not _has_compose():
        terminalreporter.write_line(NO_COMPOSE)
    if not terminalreporter.config.getoption("--image"):
        terminalreporter.write_line(NO_IMAGE)
    if HADOLINT is None:
        terminalreporter.write_line(NO_HADOLINT)


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


def _has_schema() -> bool:
    try:
        schema_package.read_schema()
    except schema_package.SchemaMissing:
        return False
    return True


@cache
def _has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "compose", "version"]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0  # noqa: S603


@pytest.fixture
def compose_schema() -> "Json":
    """The schema of the Compose specification."""
    return schema_package.read_schema()


@pytest.fixture
def hadolint() -> str:
    """The linter of Dockerfiles."""
    assert HADOLINT is not None
    return HADOLINT


@pytest.fixture
def docker_compose() -> list[str]:
    """The words that run Docker's own reader of Compose files. No engine is asked."""
    return ["docker", "compose"]


@pytest.fixture
def promtool() -> None:
    """Prometheus's own judge is there."""


@pytest.fixture
def helm() -> None:
    """Helm is there."""


@pytest.fixture
def kubectl() -> None:
    """Kubernetes' command is there."""


@pytest.fixture(scope="session")
def chromium_url(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[str]":
    """The machine's Chromium, without a window, shared by the tests of a process: a start takes a second."""
    assert CHROMIUM is not None, "Debian: apt-get install chromium"
    folder = tmp_path_factory.mktemp("chromium")
    # Tests run in containers too, where Chromium's own sandbox can't begin. The other options are Playwright's own.
    options = (
        "--headless", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run",
        "--hide-scrollbars", "--mute-audio", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-extensions",
        "--disable-renderer-backgrounding", "--disable-component-update", "--force-color-profile=srgb", "about:blank",
    )  # fmt: skip
    listens = folder / "DevToolsActivePort"  # its port and path, a line each
    with subprocess.Popen([CHROMIUM, *options], stderr=subprocess.DEVNULL) as running:  # noqa: S603 - the machine's own
        while not listens.exists() or len(written := listens.read_text().split()) < 2:
            assert running.poll() is None, "Chromium has ended"
            time.sleep(0.05)
        yield f"ws://127.0.0.1:{written[0]}{written[1]}"
        running.terminate()


@pytest.fixture
async def chromium(chromium_url: str) -> "AsyncIterator[Browser]":
    """Chromium, seen by a test of its own: what one leaves in it no other one finds."""
    from playwright.async_api import async_playwright

    async with async_playwright() as drivers:
        browser = await drivers.chromium.connect_over_cdp(chromium_url)
        yield browser
        await browser.close()
