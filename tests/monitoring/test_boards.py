"""The boards as Grafana loads them: core panels of the last day, with objectives as limits and no foreign host."""

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

from tests.monitoring.monitoring_files import BOARDS, GRAFANA, Panel, read_board

CORE = {"row", "stat", "timeseries", "bargauge", "table", "state-timeline"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def cells(panel: Panel) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return set(itertools.product(columns, lines))


def test_there_are_two_and_one_is_of_a_shop() -> None:
    boards = {path.stem: read_board(path) for path in BOARDS}
    assert {name: board["uid"] for name, board in boards.items()} == {
        "overview": "shopstream-overview",
        "shop": "shopstream-shop",
    }
    variables = {name: [one["name"] for one in board["templating"]["list"]] for name, board in boards.items()}
    assert variables == {"overview": ["datasource"], "shop": ["datasource", "shop"]}
    of_a_shop = [panel for panel in boards["shop"]["panels"] if panel["type"] != "row"]
    assert all('shop="$shop"' in target["expr"] for panel in of_a_shop for target in panel.get("targets", []))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_are_core_ones_that_explain_themselves(path: Path) -> None:
    board = read_board(path)
    assert board["time"] == {"from": "now-24h", "to": "now"}
    panels = board["panels"]
    assert {panel["type"] for panel in panels} <= CORE
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert panel.get("description", "").endswith("."), panel["title"]
        assert panel.get("datasource") == SOURCE
        assert panel.get("targets"), panel["title"]
        assert all(target["datasource"] == SOURCE for target in panel.get("targets", []))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another_or_leaves_the_board(path: Path) -> None:
    panels = read_board(path)["panels"]
    assert all(column < 24 for panel in panels for column, _ in cells(panel))
    assert sum(len(cells(panel)) for panel in panels) == len(set().union(*map(cells, panels)))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_no_board_asks_a_foreign_host(path: Path) -> None:
    assert re.findall(r"https?:|//", path.read_text()) == []


def test_each_objective_has_a_panel_with_its_limit() -> None:
    (overview,) = (path for path in BOARDS if path.stem == "overview")
    for name in ("S1", "S2", "S3", "S4", "S5"):
        (panel,) = (one for one in read_board(overview)["panels"] if one["title"].startswith(f"{name}: "))
        assert '"value": 0.99' in json.dumps(panel)
        assert all("[28d" in target["expr"] for target in panel.get("targets", []))


def test_grafana_finds_the_boards_and_their_prometheus() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/shopstream.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/boards"
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
