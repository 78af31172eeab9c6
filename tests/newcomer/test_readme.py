"""The README as a newcomer copies it: its code runs as it stands, its commands do what it says."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis

from tests.processes import patient, sandbox, worker
from tests.sources import ROOT

README = (ROOT / "README.md").read_text()
SHOP = "7495000000001000000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


async def run(env: dict[str, str], *command: str, stdin: str = "") -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=os.environ | env, input=stdin, capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stdout, done.stderr


async def test_the_three_uses_and_the_commands_as_they_stand(redis: Redis, redis_url: str) -> None:
    enqueue, consume = blocks("python")
    commands = next(block for block in blocks("console") if "authorize-url" in block).split("\n")
    async with sandbox("--products", "5") as front, worker(front.env(redis_url)):
        assert front.shops[0]["shop_id"] == SHOP
        env = {"SHOPSTREAM_REDIS_URL": redis_url, "SHOPSTREAM_SERVICE_ID": "42"}
        outputs: dict[str, str] = {}
        for command in filter(None, commands[:3]):
            name, *arguments = command.replace("CODE", front.auth_codes[0]).split()
            assert name == "shopstream"
            code, out, err = await run(env, sys.executable, "-m", "shopstream.cli", *arguments)
            assert code == 0, err
            outputs[arguments[0]] = out
        assert outputs["authorize-url"].startswith(
            "https://services.tiktokshop.com/open/authorize?service_id=42&state="
        )
        assert SHOP in outputs["shops"]
        code, out, err = await run(env, sys.executable, "-", stdin=enqueue)
        assert (code, out) == (0, "1 done, 0 given up\n"), err
        code, out, err = await run(env, sys.executable, "-", stdin=consume)
        assert code == 0, err
        assert "1731159324007369298 None → 17 None" in out
        # The other languages' way, word for word, then what the last two commands show.
        await front.control("stock", shop_id=SHOP, changes=[{"sku_id": "1731159324007369298", "quantity": 0}])
        for line in blocks("redis")[0].splitlines():
            await redis.execute_command(*line.split())  # type: ignore[no-untyped-call]
        for command in filter(None, commands[3:]):
            arguments = command.replace("SHOP", SHOP).split()[1:]
            code, out, err = await run(env, sys.executable, "-m", "shopstream.cli", *arguments)
            assert code == 0, err
            outputs[arguments[0]] = out
        assert "1 of 1 products done" in outputs["sync"]
        assert "None → 17" in outputs["tail"]


async def test_the_commands_for_whole_shops_as_they_stand(redis_url: str) -> None:
    commands = next(block for block in blocks("console") if "sync shop" in block)
    async with sandbox("--products", "30") as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await front.authorize(client)
        outputs: list[str] = []
        for command in filter(None, commands.split("\n")):
            name, *arguments = command.replace("SHOP", SHOP).split()
            assert name == "shopstream"
            code, out, err = await run(
                {"SHOPSTREAM_REDIS_URL": redis_url}, sys.executable, "-m", "shopstream.cli", *arguments
            )
            assert code == 0, err
            outputs.append(out)
    dry, full, stock, settings, shops = outputs
    assert "30 product.created" in dry
    assert dry.splitlines()[1:] == full.splitlines()[1:], "the real run does what the dry one said"
    assert "30 products" in stock
    assert "5 min" in settings
    assert "ago" in shops


def test_the_two_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("make "):
                assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_way_to_scale_names_a_service_that_can_be_scaled() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    (scaled,) = {m for block in blocks("console") for m in re.findall(r"--scale (\w+)=", block)}
    assert scaled in services


def links() -> Iterator[tuple[str, str]]:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "shopstream_sandbox" / "README.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            yield str(page.relative_to(ROOT)), target


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_every_link_leads_somewhere(page: str, target: str) -> None:
    assert ((ROOT / page).parent / target).exists()
