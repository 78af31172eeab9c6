"""Read docker-compose.yml as Compose does: with its variables replaced, and the variables themselves."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias, TypedDict, cast

import yaml

from tests.sources import ROOT

COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_VARIABLE: Final = re.compile(
    r"\$(?:\$|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<kind>:?[-?])(?P<text>[^{}]*))?\})"
)


class MissingVariable(Exception):
    """A required variable is not set, or empty. The text is the one that Compose prints."""


class Build(TypedDict):
    context: str
    args: dict[str, str]


class Healthcheck(TypedDict):
    test: list[str]
    interval: str
    timeout: str
    retries: int
    start_period: str


class Logging(TypedDict):
    driver: str
    options: dict[str, str]


class Service(TypedDict, total=False):
    """The part of a service that this project's file uses."""

    build: Build
    cap_drop: list[str]
    command: list[str]
    cpus: str | float
    depends_on: dict[str, dict[str, str]]
    env_file: list[dict[str, str | bool]]
    environment: dict[str, str]
    healthcheck: Healthcheck
    image: str
    init: bool
    logging: Logging
    mem_limit: str
    network_mode: str
    networks: list[str]
    pids_limit: int
    ports: list[str]
    profiles: list[str]
    read_only: bool
    restart: str
    secrets: list[str]
    security_opt: list[str]
    stop_grace_period: str
    tmpfs: list[str]
    user: str
    volumes: list[str]


class Compose(TypedDict):
    name: str
    services: dict[str, Service]
    networks: dict[str, None]
    volumes: dict[str, None]
    secrets: dict[str, dict[str, str]]


def read_compose(variables: Mapping[str, str], path: Path = COMPOSE_FILE) -> Compose:
    """Read the file with the values of variables.

    Raises:
        MissingVariable: a required one is missing.
    """
    return cast("Compose", replace_variables(yaml.safe_load(path.read_text()), variables))


def replace_variables(value: Json, variables: Mapping[str, str]) -> Json:
    """Replace variables in all values, not in keys. Raises as `read_compose`."""
    if isinstance(value, dict):
        return {name: replace_variables(part, variables) for name, part in value.items()}
    if isinstance(value, list):
        return [replace_variables(part, variables) for part in value]
    return _VARIABLE.sub(lambda found: _value_of(found, variables), value) if isinstance(value, str) else value


def list_variables(path: Path = COMPOSE_FILE) -> Iterator[str]:
    """List the variables that the file reads."""
    rows = (line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    names = (found["plain"] or found["name"] for line in rows for found in _VARIABLE.finditer(line))
    return (name for name in names if name)


def _value_of(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    name, kind, text = found["plain"] or found["name"], found["kind"] or "", found["text"] or ""
    value = variables.get(name)
    if value is None or (kind.startswith(":") and not value):
        if kind.endswith("?"):
            raise MissingVariable(f"required variable {name} is missing a value: {text}")
        return text
    return value
