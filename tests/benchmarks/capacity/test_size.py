"""The benchmark of sizes in short, and what is made of its figures."""

import json
from dataclasses import replace
from pathlib import Path

from benchmarks import measured, sizing
from benchmarks.capacity import size
from benchmarks.reporting.report import Report
from tests.sources import ROOT

GIVEN = sizing.Deployment(shops=100, skus=1_000, changes=1)


async def test_it_measures_all_that_the_page_is_made_of(tmp_path: Path) -> None:
    await size.run(Report("size", tmp_path), size.SHORT)
    load, *_, changed, waiting = json.loads((tmp_path / "size.json").read_text())["rows"]
    assert load["products"] == 10
    assert load["skus"] > 10
    weight = 10 * load["state_of_a_product"] + load["skus"] * load["state_of_a_sku"]
    assert abs(weight / load["skus"] - load["state_a_sku_with_its_share"]) < 1
    assert changed["events"] == 10
    assert 40 < waiting["bytes"] < waiting["with_a_reason"]
    (tmp_path / "state.json").write_bytes((ROOT / "docs" / "performance" / "state.json").read_bytes())
    constants = measured.read_constants(tmp_path)
    assert constants.first_event == load["stock_event"]
    assert constants.stock_event == changed["stock_event"]


def test_more_of_anything_takes_more_of_what_it_needs() -> None:
    constants = measured.read_constants(ROOT / measured.FOLDER)
    base = sizing.estimate(constants, GIVEN)
    twice = sizing.estimate(constants, replace(GIVEN, shops=200))
    assert twice.state == 2 * base.state
    assert twice.events == 2 * base.events
    busy = sizing.estimate(constants, replace(GIVEN, changes=2))
    assert busy.entries == 2 * base.entries
    assert busy.worker > base.worker
    week = sizing.estimate(constants, replace(GIVEN, hours=168))
    assert week.entries == 7 * base.entries
    assert week.maxmemory > base.maxmemory
    assert base.machine > base.maxmemory > base.state + base.events
