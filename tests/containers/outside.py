"""Select the tests of containers that need more than Python, as tests/outside_programs.py does for other programs.

A test compares with the Compose specification if it takes the fixture `compose_schema`, and asks Compose itself by
`docker_compose`. `hadolint` lints the Dockerfile. `image` is built in some minutes, by `make image` alone.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.containers import compose_schema as schema_package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.containers.compose_file import Json

HADOLINT: Final = shutil.which(
    "hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)
_NO_HADOLINT: Final = "no hadolint: nothing lints the Dockerfile. On x86_64 Linux the wheel has it"
_NO_SCHEMA: Final = "no npm, or no registry: docker-compose.yml is not compared with the Compose specification's schema"
_NO_COMPOSE: Final = "no docker compose: Compose itself does not read docker-compose.yml. Install its plugin for docker"
_NO_IMAGE: Final = "the image is not built: `make image` does it, as root, in a chroot"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image", action="store_true", help="build the image too, as root, in some minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any("compose_schema" in getattr(item, "fixturenames", ()) for item in items):
        _fetch_schema()
    missing = {name for name, _ in _list_missing(config)}
    left = [item for item in items if missing & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what didn't run. The processes that collect tests side by side print nothing."""
    for _, line in _list_missing(terminalreporter.config):
        terminalreporter.write_line(line)


def _list_missing(config: pytest.Config) -> "Iterator[tuple[str, str]]":
    """List the fixtures that can't be had, each with the line that says so."""
    if not schema_package.is_there():
        yield "compose_schema", _NO_SCHEMA
    if not _has_compose():
        yield "docker_compose", _NO_COMPOSE
    if HADOLINT is None:
        yield "hadolint", _NO_HADOLINT
    if not config.getoption("--image"):
        yield "image", _NO_IMAGE


def _fetch_schema() -> None:
    try:
        schema_package.read_schema()
    except schema_package.SchemaMissing:
        return  # is_there() says so


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
def docker_compose() -> list[str]:
    """The words that run Docker's own reader of Compose files. No engine is asked."""
    return ["docker", "compose"]


@pytest.fixture
def hadolint() -> str:
    """The linter of Dockerfiles."""
    assert HADOLINT is not None
    return HADOLINT
