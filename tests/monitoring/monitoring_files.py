"""Read the rules, their cases and the boards of `deploy/` with types."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Final, NotRequired, TypedDict, cast

import yaml

from tests.sources import ROOT

PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
GRAFANA: Final = ROOT / "deploy" / "grafana"
RULES: Final = PROMETHEUS / "shopstream.rules.yml"
CASES: Final = PROMETHEUS / "shopstream.rules.test.yml"
BOARDS: Final = tuple(sorted((GRAFANA / "boards").glob("*.json")))

Rule = TypedDict(
    "Rule",
    {
        "alert": NotRequired[str],
        "record": NotRequired[str],
        "expr": str,
        "for": NotRequired[str],
        "labels": NotRequired[dict[str, str]],
        "annotations": NotRequired[dict[str, str]],
    },
)


class Check(TypedDict):
    """The alerts that fire at a moment of a case; none without `exp_alerts`."""

    eval_time: str
    alertname: str
    exp_alerts: NotRequired[list[object]]


class Case(TypedDict):
    """One case of the rules' unit tests."""

    name: str
    alert_rule_test: list[Check]


class Target(TypedDict):
    """A query of a panel."""

    refId: str
    datasource: dict[str, str]
    expr: str


class Panel(TypedDict):
    """A panel of a board; a row has no queries."""

    id: int
    type: str
    title: str
    gridPos: dict[str, int]
    description: NotRequired[str]
    datasource: NotRequired[dict[str, str]]
    targets: NotRequired[list[Target]]


class Variable(TypedDict):
    """A variable of a board."""

    name: str
    type: str
    query: str | dict[str, str]


class Board(TypedDict):
    """A board as Grafana stores it."""

    uid: str
    title: str
    time: dict[str, str]
    templating: dict[str, list[Variable]]
    panels: list[Panel]


@cache
def read_rules() -> tuple[Rule, ...]:
    document = cast("dict[str, list[dict[str, list[Rule]]]]", yaml.safe_load(RULES.read_text()))
    return tuple(rule for group in document["groups"] for rule in group["rules"])


@cache
def read_alerts() -> dict[str, Rule]:
    return {rule["alert"]: rule for rule in read_rules() if "alert" in rule}


@cache
def read_cases() -> tuple[Case, ...]:
    return tuple(cast("list[Case]", yaml.safe_load(CASES.read_text())["tests"]))


@cache
def read_board(path: Path) -> Board:
    return cast("Board", json.loads(path.read_text()))


def read_queries(path: Path) -> list[str]:
    """Read the expressions of a board, with values in place of Grafana's variables."""
    found = [target["expr"] for panel in read_board(path)["panels"] for target in panel.get("targets", [])]
    variables = [variable["query"] for variable in read_board(path)["templating"]["list"]]
    listed = [re.findall(r"label_values\((\w+), (\w+)\)", one["query"]) for one in variables if isinstance(one, dict)]
    found += [f"count by ({label}) ({metric})" for names in listed for metric, label in names]
    return [expr.replace("$__rate_interval", "5m").replace("$shop", "7495000000001000000") for expr in found]
