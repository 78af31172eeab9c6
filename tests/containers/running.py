"""Run the services of docker-compose.yml as processes, word for word, in a place."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.containers.compose_file import Service, read_compose
from tests.containers.places import Place
from tests.processes import process, until

APP_KEY: Final = "6a7b8c9d0e"
APP_SECRET: Final = "compose-canary-51d0"
_SECONDS: Final = 60
"""For a command to end, on a busy machine."""


@dataclass(frozen=True)
class Deployment:
    """A place with the files of `shopstream setup`.

    Attributes:
        place: the place.
        folder: has `.env` and `secrets`.
        services: those of docker-compose.yml.
    """

    place: Place
    folder: Path
    services: dict[str, Service]

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    async def run(self, name: str, *words: str, **env: str) -> tuple[int | None, str]:
        """Run a command in a service's container, by default the service's own, until it ends.

        Returns:
            The exit code, and all that it printed.
        """
        service = self.services[name]
        async with process(*self._command(service, list(words) or service["command"], env)) as child:
            out, err = await asyncio.wait_for(child.communicate(), _SECONDS)
        return child.returncode, (out + err).decode()

    @asynccontextmanager
    async def start(self, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start a service, and end it at the end: by SIGTERM, and with 0."""
        service = self.services[name]
        async with process(*self._command(service, service["command"], {})) as child:
            try:
                yield child
            except AssertionError as error:
                child.kill()
                _, err = await child.communicate()
                error.add_note(err.decode()[-2_000:])
                raise
        assert child.returncode == 0, name

    async def is_healthy(self, name: str) -> bool:
        """Ask as Docker does."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return (await self.run(name, *words))[0] == 0

    async def wait_until_healthy(self, name: str) -> None:
        await until(lambda: self.is_healthy(name), every=0.2)

    def _command(self, service: Service, words: list[str], env: dict[str, str]) -> list[str]:
        if words[0].startswith("valkey"):
            return self.place.valkey(words, self.secrets, self.folder)
        given = dict(_read_env(self.folder / ".env")) if "env_file" in service else {}
        given |= service.get("environment", {})
        return self.place.command(words, given | env, self.secrets)


def read_services() -> dict[str, Service]:
    return read_compose({"SHOPSTREAM_APP_KEY": APP_KEY})["services"]


async def set_up(place: Place, folder: Path) -> Deployment:
    """Make a deployment's files as its operator does."""
    command = [sys.executable, "-m", "shopstream.cli", "setup", "--folder", str(folder), "--app-key", APP_KEY]
    async with process(*command, "--redis", place.redis, stdin=asyncio.subprocess.PIPE) as child:
        _, err = await asyncio.wait_for(child.communicate(f"{APP_SECRET}\n".encode()), _SECONDS)
    assert child.returncode == 0, err.decode()
    # Other users than root read secrets because of their own modes: only the folder on the host keeps people out.
    os.chmod(folder / "secrets", 0o755)  # noqa: PTH101, S103
    return Deployment(place, folder, read_services())


async def check_own_shops(deployment: Deployment) -> None:
    """Start what `docker compose up` starts, in the order of its conditions, and use the command in a container."""
    async with deployment.start("valkey"):
        await deployment.wait_until_healthy("valkey")
        code, printed = await deployment.run("check")
        assert code == 0, printed
        async with deployment.start("worker"), deployment.start("gateway"):
            await deployment.wait_until_healthy("worker")
            await deployment.wait_until_healthy("gateway")
            code, printed = await deployment.run("worker", "shopstream", "shops", "--json")
            assert (code, printed) == (0, ""), "no shop yet, and no error"
        assert not await deployment.is_healthy("worker"), "gone is not healthy"


async def check_faults(deployment: Deployment) -> None:
    """Let one setting be wrong. The check ends once, with a line that names it and shows no secret."""
    code, printed = await deployment.run("check", SHOPSTREAM_SLOTS="0", SHOPSTREAM_TOKEN_KEYS_FILE="/missing")
    assert code == 2, printed
    assert "SHOPSTREAM_TOKEN_KEYS_FILE" in printed
    assert APP_SECRET not in printed


async def check_demo(deployment: Deployment) -> None:
    """Start the demo, and authorize a seller with a code of the sandbox's log, as the head of the file says."""
    async with deployment.start("demo-valkey"), deployment.start("sandbox") as sandbox:
        assert sandbox.stdout is not None
        started = json.loads(await asyncio.wait_for(sandbox.stdout.readline(), _SECONDS))
        await deployment.wait_until_healthy("demo-valkey")
        await deployment.wait_until_healthy("sandbox")
        async with deployment.start("demo-worker"):
            await deployment.wait_until_healthy("demo-worker")
            code, printed = await deployment.run(
                "demo-worker", "shopstream", "authorize", started["auth_codes"][0], "--json"
            )
            assert code == 0, printed
            assert json.loads(printed.splitlines()[0])["shop_id"] == started["shops"][0]["shop_id"]


def _read_env(path: Path) -> list[tuple[str, str]]:
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]
