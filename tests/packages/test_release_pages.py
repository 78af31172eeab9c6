"""The pages of a release and of an upgrade name what is there: commands, services, targets, rights and versions."""

import re
import shlex
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis
from typer.testing import CliRunner

from config.project.changelog import read_parts
from shopstream.cli.app import build
from tests.sources import ROOT

UPGRADE = (ROOT / "docs" / "upgrade.md").read_text()
RELEASING = (ROOT / "RELEASING.md").read_text()
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(page: str) -> list[list[str]]:
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def is_known(command: list[str]) -> bool:
    """Tell whether a command names what is there; those of other programs by what they name of ours."""
    if "shopstream" in command and (
        command[0] == "shopstream" or command[command.index("shopstream") - 1] in {"worker", "--"}
    ):
        given = [*command[command.index("shopstream") + 1 :], "--help"]
        return CliRunner().invoke(build(given), given).exit_code == 0
    match command:
        case ["docker", "compose", "build" | "up" | "restart", *given]:
            services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
            return {word for word in given if re.fullmatch(r"[a-z][\w-]*", word)} <= set(services)
        case ["make", target, *_]:
            return target in TARGETS
        case [".venv/bin/python", "-m", "contract", *given]:
            return given == ["--release", "1.2.3"]
    return command[0] in {"kubectl", "helm", "git"}


@pytest.mark.parametrize("page", ["docs/upgrade.md", "RELEASING.md"])
def test_each_command_is_known(page: str) -> None:
    found = commands((ROOT / page).read_text())
    assert found
    assert [command for command in found if not is_known(command)] == []


def test_each_version_has_its_row() -> None:
    table = UPGRADE.partition("## Order by release")[2].partition("\n- ")[0]
    rows = re.findall(r"^\| (\S+) \|", table, re.MULTILINE)
    assert rows == list(read_parts((ROOT / "CHANGELOG.md").read_text()))


async def test_new_rights_leave_the_password_and_nothing_of_the_old_ones(redis: Redis) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    (line,) = re.findall(r"^user gateway on >PASSWORD (.*)$", page, re.MULTILINE)
    before = "resetkeys -@all ~former:* +get (~formerly:* +set)"
    (change,) = re.findall(r"^(ACL SETUSER gateway .*)$", UPGRADE, re.MULTILINE)
    try:
        for rights in (f"ACL SETUSER gateway on >kept {before}", change.replace("RIGHTS", line)):
            await redis.execute_command(*_words(rights))  # type: ignore[no-untyped-call]
        renewed: dict[str, Any] = await redis.acl_getuser("gateway")
        await redis.execute_command(*_words(f"ACL SETUSER fresh on >kept {line}"))  # type: ignore[no-untyped-call]
        assert renewed == await redis.acl_getuser("fresh")
        assert "former" not in str(renewed)
    finally:
        await redis.acl_deluser("gateway", "fresh")


def _words(line: str) -> list[str]:
    """Split an ACL line; a selector in brackets is one word."""
    return re.findall(r"\([^)]*\)|\S+", line)
