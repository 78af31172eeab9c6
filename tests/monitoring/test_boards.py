"""The boards as Grafana loads them: core panels of the last day, with objectives as limits and no foreign host."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shopstream.metric_names import METRICS
from tests.monitoring.monitoring_files import BOARDS, GRAFANA, RULES, Panel, read_board, read_queries
from tests.monitoring.promtool import run_promtool

CORE = {"row", "stat", "timeseries", "bargauge", "table", "state-timeline"}
UNLISTED = {
    "shop": "7495000000001000000", "consumer_group": "erp", "route": "/webhooks/tiktok", "version": "0.1.0",
    "python": "3.11.7", "generation": "202309",
}  # fmt: skip
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


@pytest.mark.usefixtures("promtool")
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_each_query_of_a_board_has_an_answer_where_all_metrics_are(path: Path, tmp_path: Path) -> None:
    queries = read_queries(path)
    assert len(queries) >= len([panel for panel in read_board(path)["panels"] if panel["type"] != "row"])
    rules: list[dict[str, str]] = []
    for number, query in enumerate(queries):
        rules.append({"record": f"query:{number}", "expr": query})
        rules.append({"alert": f"NoAnswer{number}", "expr": f"absent(query:{number})"})
    cases = {
        "rule_files": [str(RULES), "queries.yml"],
        "evaluation_interval": "2m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": "0+1x40"} for one in list_series()],
                "alert_rule_test": [
                    {"eval_time": "30m", "alertname": f"NoAnswer{number}"} for number in range(len(queries))
                ],
            }
        ],
    }
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    code, output = run_promtool("test", "rules", "cases.yml", folder=tmp_path)
    assert code == 0, output


def list_series() -> Iterator[str]:
    """List the series of all metrics, as two processes export them."""
    for metric, instance in itertools.product(METRICS, "ab"):
        labels = [[(label.name, value) for value in label.values or (UNLISTED[label.name],)] for label in metric.labels]
        for chosen in itertools.product([("instance", instance)], *labels):
            if metric.kind != "histogram":
                yield write_series(metric.name, chosen)
                continue
            yield from (write_series(f"{metric.name}_{ending}", chosen) for ending in ("sum", "count"))
            for bound in (*(str(float(bound)) for bound in metric.buckets), "+Inf"):
                yield write_series(f"{metric.name}_bucket", (*chosen, ("le", bound)))


def write_series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels) + "}"
