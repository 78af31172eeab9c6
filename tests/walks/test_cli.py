"""Walks by the command line: progress for people and programs, and Ctrl-C."""

import asyncio
import json
import re
import signal
from typing import Any

import pytest

from tests.processes import program, until
from tests.shopstream.test_cli import run
from tests.walks.stage import Stage, Store

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_progress_as_json_and_ctrl_c_ends_the_watching_not_the_walk(stage: Stage, shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.turn("add", count=205)
    await stage.front.control("switches", latency_ms=2500)
    command = ("shopstream.cli", "sync", "shop", shop.id, "--wait", "--json")
    async with program(*command, "--redis-url", stage.url) as watching:
        assert watching.stdout is not None
        while not (progress := json.loads(await asyncio.wait_for(watching.stdout.readline(), 20)))["pages"]:
            pass
        await stage.front.control("switches", latency_ms=10_000)  # a walk that ends before the signal is no test
        watching.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(watching.communicate(), 20)
    await stage.front.control("switches", latency_ms=0)
    assert (watching.returncode, errors) == (130, b"")
    assert (progress["done"], progress["complete"], progress["expected"]) == (False, False, 235)
    assert progress["products"] == 100 * progress["pages"] == 100 * progress["calls"]
    assert progress["rate"] > 0
    assert progress["seconds_left"] > 0
    # The same command watches the same walk to its end.
    done = await run(stage.url, "sync", "shop", shop.id, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["run_id"], last["done"], last["complete"], last["products"]) == (progress["run_id"], True, True, 235)
    assert last["types"] == {"stock.changed": last["events"]}
    assert (await shop.calls())["products_search"] == 3


async def test_figures_for_people_and_an_exit_code_for_what_was_not_complete(stage: Stage, shop: Store) -> None:
    done = await run(stage.url, "sync", "shop", shop.id, "--full", "--dry-run")
    assert done.returncode == 0
    assert re.search(r"30 products in 3[01] calls: .* events would be published", done.stdout)
    done = await run(stage.url, "sync", "shop", shop.id, "--full", "--wait")
    assert done.returncode == 0
    assert re.search(
        r"30 products in 1 calls and 30 details: 30 changed, .* events published, 0 unannounced changes", done.stdout
    )
    assert "30 product.created" in done.stdout
    await stage.front.control("switches", repeat_page="forever")
    await shop.turn("add", count=205)
    await shop.client.settings(shop.id, publish="stock")
    done = await run(stage.url, "sync", "shop", shop.id, "--full", "--wait")
    assert done.returncode == 1
    assert "not complete: TikTok repeats a page" in done.stderr

    async def read_row() -> dict[str, Any]:
        done = await run(stage.url, "shops", "--json")
        return next(row for line in done.stdout.splitlines() if (row := json.loads(line))["shop_id"] == shop.id)

    async def ended() -> bool:  # the glance knows it within a second
        return (await read_row())["walking"] is None

    await until(ended)
    mine = await read_row()
    assert (mine["stock_age"] >= 0, mine["watermark"] > 0) == (True, True)
