"""The designs that are measured against each other do the same work, each of them all of it. In short."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import pytest

from benchmarks.reporting.bars import Bars
from benchmarks.reporting.report import Report
from benchmarks.wire import body, cores, designs
from benchmarks.wire.baselines.__main__ import BASELINES
from benchmarks.wire.baselines.product import PRODUCTS, STOCK, address, entries
from benchmarks.wire.body import SIZE, SKUS
from benchmarks.wire.monitor import monitor
from benchmarks.wire.rig import Rig, rig
from benchmarks.wire.rows import memory, scale, start, walk
from tests import processes
from worker.tiktok.signing import sign

EVENTS = 1 + SKUS


@pytest.fixture
async def stage() -> AsyncIterator[Rig]:
    async with rig(shops=2, delay=0.005) as running:
        yield running


async def test_every_baseline_fetches_each_product_and_publishes_all_of_its_events(stage: Rig) -> None:
    products = dict.fromkeys(BASELINES, 40) | {"seed": 5, "arq_hundred": 250}
    assert set(designs.FULL.products) == set(BASELINES) - {"taskiq_one"}
    sent = {}
    async with AsyncExitStack() as stack:
        begun = [asyncio.create_task(stack.enter_async_context(stage.prepared(*each))) for each in products.items()]
        for (name, count), child in zip(products.items(), [await one for one in begun], strict=True):
            await stage.begin()
            async with monitor(stage.redis) as commands:
                spent = await stage.carried_out(child, count)
            sent[name] = commands.by_name()
            assert (await stage.stats())["calls"] == count, name
            assert spent.events == EVENTS * count, name
            assert spent.seconds > 0, name
            assert spent.cpu_us > 0, name
    assert {name: counts["xadd"] for name, counts in sent.items()} == {
        n: EVENTS * count for n, count in products.items()
    }
    assert "evalsha" not in sent["bare"]
    assert sum(sent["bare"].values()) < 1.2 * EVENTS * products["bare"]
    assert sum(sent["arq_one"].values()) > 15 * products["arq_one"]


async def test_the_real_system_makes_three_events_of_a_changed_product_and_none_of_an_unchanged_one(
    stage: Rig, tmp_path: Path
) -> None:
    spent = await designs.ours(stage, 30)
    assert {sight: one.events for sight, one in spent.items()} == {"first": 180, "unchanged": 0, "changed": 180}
    assert spent["changed"].kinds["changed"] == spent["unchanged"].kinds["unchanged"] == 60
    assert min(one.cpu_us for one in spent.values()) > 0
    async with stage.running(1) as client, monitor(stage.redis) as sent:
        again = await stage.sync(client, 30)
    assert 0 < sent.total < 5 * again.products
    assert "xadd" not in sent.by_name()  # inside of a script, it is no command that was sent
    report = Report("wire", tmp_path)
    await designs.upstream(report, stage, 200, {"ours": list(spent.values())})
    report.bars(Bars("a", [(sight, median([one.cpu_us])) for sight, one in spent.items()], ours="first"))
    (row,) = json.loads((tmp_path / "wire.json").read_text())["rows"]
    assert row["calls_a_second"] > 0
    assert (tmp_path / "wire.svg").read_text().count("<path") == 4


async def test_memory_and_start_are_measured_on_real_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "at_once", False)
    report = Report("wire", None)
    await asyncio.gather(memory.run(report, 48, ahead=False), start.run(report, 1, ahead=False))
    rows = {row["scenario"].split(" of ")[0]: row for row in report.rows}
    assert {row["what"] for row in report.rows if row["scenario"] == "to reach"} == {
        "memory of a worker at full rate, MB", "worker start to first call, s",
    }  # fmt: skip
    assert 20 < rows["memory"]["mb_after_0"] <= rows["memory"]["most_mb"] < 2 * memory.BAR_MB
    assert 0 < rows["start"]["median_s"] < 60


def test_baselines_sign_as_the_worker_does_and_read_answers_of_12_kb() -> None:
    path, _, query = address("http://x", "1729").removeprefix("http://x").partition("?")
    parameters = dict(pair.split("=") for pair in query.split("&"))
    assert parameters.pop("sign") == sign("lean-secret-of-the-app", path, parameters)
    values = {b"id": b"1729123456789012345", b"rest": b"123456789012345", b"v": 1, b"price": 9, b"cents": 1, b"n": 7}
    answer = body.detail() % values
    assert SIZE * 0.95 < len(answer) < SIZE * 1.05
    found = entries(json.loads(answer))
    assert [stream for stream, _ in found] == [PRODUCTS, STOCK, STOCK]
    assert json.loads(found[1][1]["data"])["available"] == 7


def test_who_measures_is_afterwards_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    with cores.measuring():
        assert os.sched_getaffinity(0) <= before
    assert os.sched_getaffinity(0) == before


async def test_a_walk_finds_nothing_where_nothing_moved_and_every_sku_where_all_did() -> None:
    report = Report("wire", None)
    await walk.run(report, walk.SHORT, ahead=False)
    rows = {row["stock"]: row for row in report.rows if row["scenario"].startswith("stock walk")}
    assert set(rows) == {"unchanged", "all moved"}  # it counts the events itself
    assert {row["skus_a_call"] for row in rows.values()} == {2 * 120 * 3 / 4}
    assert [row["what"] for row in report.rows if row["scenario"] == "to reach"] == [
        "stock walk, SKUs a second on one core (3 a product, unchanged)"
    ]


async def test_two_workers_share_the_work_and_what_is_sent_by_time_is_told_apart() -> None:
    report = Report("wire", None)
    await scale.run(report, scale.SHORT)
    one, two, _, alone, many, _ = report.rows
    assert (one["workers"], two["workers"], alone["workers"], many["workers"]) == (1, 2, 1, 2)
    assert 1 <= float(two["work_of_the_lesser_worker"].removesuffix(" %")) <= 50
    assert many["idle_commands_a_second_and_worker"] > 0
