"""Find the metrics of a PromQL expression, with the labels that it uses of each, and judge them by the code's names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shopstream.metric_names import METRICS, Metric
from tests.monitoring.monitoring_files import read_rules

_SELECTOR: Final = re.compile(r"\b(shopstream[_:][\w:]+)(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_OF_A_SCRAPE: Final = {"job", "instance"}
"""Labels that Prometheus adds to each series."""
_NAMES: Final = {one.name: one for one in METRICS}


@dataclass(frozen=True)
class Selector:
    """A metric or recorded value in an expression, with its matchers: label, and the values that it names."""

    name: str
    matchers: tuple[tuple[str, tuple[str, ...]], ...]


def find_selectors(expression: str) -> list[Selector]:
    return [
        Selector(name, tuple((label, tuple(value.split("|"))) for label, _, value in _MATCHER.findall(braces or "")))
        for name, braces in _SELECTOR.findall(expression)
    ]


def find_metric(name: str) -> Metric | None:
    """Give the metric of a series' name: a histogram's three kinds of series have endings."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    found = _NAMES.get(name) or _NAMES.get(base)
    if found is None or (found.kind == "histogram") != (found.name != name):
        return None
    return found


def list_faults(expression: str) -> Iterator[str]:
    """Say each metric, label or value of an expression that the code does not have."""
    selectors = find_selectors(expression)
    if not selectors:
        yield "no metric of shopstream"
    labels = set(_OF_A_SCRAPE)
    for selector in selectors:
        known = _labels_of(selector.name)
        if known is None:
            yield f"{selector.name} does not exist"
            continue
        labels |= known.keys()
        for label, values in selector.matchers:
            yield from (f"{selector.name} {fault}" for fault in _faults_of_matcher(known, label, values))
    yield from (f"no metric here has {label}" for label in _grouped(expression) if label not in labels)


def _faults_of_matcher(known: dict[str, tuple[str, ...]], label: str, values: tuple[str, ...]) -> Iterator[str]:
    if label not in known:
        yield f"has no label {label}"
    elif known[label]:
        yield from (f"has no {label}={value}" for value in values if value not in known[label])


def _labels_of(name: str) -> dict[str, tuple[str, ...]] | None:
    """Give the labels of a metric or recorded value with their fixed values; () where anything may stand."""
    for rule in read_rules():
        if rule.get("record") == name:
            return _labels_recorded(rule["expr"])
    metric = find_metric(name)
    if metric is None:
        return None
    labels = {label.name: label.values for label in metric.labels}
    if name.endswith("_bucket"):
        labels["le"] = (*(str(float(bound)) for bound in metric.buckets), "+Inf")
    return labels


def _labels_recorded(expression: str) -> dict[str, tuple[str, ...]]:
    """Give the labels that a recorded value keeps: those that its expression groups by, except a histogram's bounds."""
    sources = [_labels_of(selector.name) or {} for selector in find_selectors(expression)]
    kept = set(_grouped(expression)) - ({"le"} if "histogram_quantile" in expression else set())
    return {label: values for source in sources for label, values in source.items() if label in kept}


def _grouped(expression: str) -> list[str]:
    return [label.strip() for found in _GROUPING.findall(expression) for label in found.split(",") if label.strip()]
