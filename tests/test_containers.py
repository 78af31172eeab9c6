"""No Docker engine here, so the files' structure is checked, and the worker's and sandbox's commands are run."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.__main__ import GRACE_SECONDS, HARD_STOP_SECONDS

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_services_of_the_design() -> None:
    assert set(SERVICES) == {"valkey", "worker", "sandbox"}
    assert SERVICES["sandbox"]["profiles"] == ["demo"]
    assert all("container_name" not in service for service in SERVICES.values()), "a fixed name cannot be scaled"
    assert "ports" not in SERVICES["worker"], "a fixed port cannot be scaled"


def test_valkey_keeps_what_it_is_given() -> None:
    command = " ".join(SERVICES["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert any(volume.endswith(":/data") for volume in SERVICES["valkey"]["volumes"])


def test_docker_waits_longer_than_a_worker_takes_to_end() -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert GRACE_SECONDS < HARD_STOP_SECONDS < grace


def test_the_image_holds_what_the_commands_need_and_runs_as_nobody_special() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))
    assert {"shopstream", "worker", "jobs", "config", "sandbox"} <= copied
    assert all((ROOT / folder).is_dir() for folder in copied)
    assert "USER shopstream" in DOCKERFILE
    assert "--require-hashes -r requirements/worker.txt" in DOCKERFILE
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert all(f"!{folder}" in ignored for folder in copied)


def test_every_requirement_is_pinned_and_hashed_and_no_index_is_named() -> None:
    for name in ("worker", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        pins = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
        assert pins
        assert all("==" in pin for pin in pins)
        assert text.count("--hash=sha256:") >= len(pins)
        assert not re.search(r"https?://|--index-url|--find-links", text)


@pytest.mark.parametrize("service", ["worker", "sandbox"])
def test_a_service_runs_the_module_of_its_name(service: str) -> None:
    assert SERVICES[service]["command"][:3] == ["python", "-m", service]
