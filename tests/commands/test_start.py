"""A command starts by importing what it needs alone, and says its version."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shopstream.cli.app import build
from shopstream.cli.quick_start import skip_pydantic
from shopstream.version import VERSION

ROOT = Path(__file__).parents[2]
HEAVY = {"redis", "asyncio", "orjson", "rich", "pydantic", "jwt", "dotenv", "ssl", "importlib.metadata", "email"}


def loaded(*arguments: str) -> tuple[set[str], str]:
    """The modules of a command that has ended, and its output."""
    code = f"""
import atexit, sys
atexit.register(lambda: print(*(name for name in sys.modules if type(sys.modules[name]).__name__ != "_Later")))
sys.argv = ["shopstream", *{list(arguments)!r}]
from shopstream.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    output, _, names = done.stdout.rstrip("\n").rpartition("\n")
    return set(names.split()), output


def test_the_version_is_that_of_the_package_and_costs_no_heavy_import() -> None:
    modules, output = loaded("--version")
    assert output == f"shopstream {VERSION}"
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith("shopstream.")} - {
        "shopstream.cli", "shopstream.cli.app", "shopstream.cli.quick_start", "shopstream.cli.terminal",
        "shopstream.version",
    }  # fmt: skip


async def test_a_command_that_reads_redis_imports_neither_rich_nor_pydantic_nor_another_command(
    redis_url: str,
) -> None:
    import asyncio

    from redis.asyncio import Redis

    from tests.processes import settle

    async with Redis.from_url(redis_url) as client:
        await settle(client)
    modules, _ = await asyncio.to_thread(loaded, "shops", "--redis-url", redis_url)
    assert "redis" in modules
    assert not modules & {"rich", "pydantic", "jwt", "dotenv"}
    others = {"shopstream.cli.sync_commands", "shopstream.cli.dead_commands", "shopstream.consume.consumer"}
    assert not modules & (others | {"shopstream.state.snapshot", "shopstream.doctor.examination"})


def test_help_lists_all_commands() -> None:
    done = CliRunner().invoke(build(["--help"]), ["--help"])
    assert done.exit_code == 0
    for name in ("authorize", "dead", "doctor", "explain", "groups", "shops", "sync", "tail", "workers"):
        assert f"  {name} " in done.output
    whole = CliRunner().invoke(build(), ["--help"])
    assert sorted(done.output.splitlines()) == sorted(whole.output.splitlines()), "summaries are read from the source"
    assert CliRunner().invoke(build(["nothing"]), ["nothing"]).exit_code == 2
    modules, _ = loaded("--help")
    assert not modules & HEAVY


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "1", "2", "-n", "0"], "-n"),
        (["explain", "1", "2", "-n", "1001"], "-n"),
        (["explain", "1", "2", "-n", "x"], "-n"),
        (["explain", "1"], "Missing argument"),
        (["groups", "delete", "stock"], "Missing argument"),
        (["slots", "move", "--to", "a:1", "--partition", "1", "--seconds", "nan"], "--seconds"),
    ],
)
def test_values_are_still_checked(arguments: list[str], said: str) -> None:
    skip_pydantic()
    done = CliRunner().invoke(build(arguments), arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_each_command_that_prints_takes_json() -> None:
    import typer

    group = typer.main.get_command(build())

    def without(command: Any, path: str) -> Iterator[str]:
        below = getattr(command, "commands", {})
        for name, one in below.items():
            yield from without(one, f"{path} {name}")
        if not below and not any("--json" in parameter.opts for parameter in command.params):
            yield path

    assert list(without(group, "shopstream")) == []


def test_a_postponed_module_is_the_real_one_when_it_is_used() -> None:
    code = """
from shopstream.cli.quick_start import postpone_imports
postpone_imports()
import jwt, sys
print("jwt.api_jwt" in sys.modules, jwt.decode.__module__, jwt is sys.modules["jwt"])
import jwt.algorithms
from jwt import encode
print(encode.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.split() == ["False", "jwt.api_jwt", "False", "jwt.api_jwt"]
