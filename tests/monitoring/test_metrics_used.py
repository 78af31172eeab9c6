"""Rules and boards use metrics, labels and values that the code has, and leave out no metric."""

import pytest

from shopstream.metric_names import METRICS
from tests.monitoring.expressions import find_metric, find_selectors, list_faults
from tests.monitoring.monitoring_files import BOARDS, read_queries, read_rules

RULES = [rule["expr"] for rule in read_rules()]
QUERIES = [query for path in BOARDS for query in read_queries(path)]


@pytest.mark.parametrize("expression", [*RULES, *QUERIES])
def test_each_metric_label_and_value_exists(expression: str) -> None:
    assert list(list_faults(expression)) == []


def test_each_metric_is_used_in_a_rule_or_a_panel() -> None:
    names = [selector.name for expression in (*RULES, *QUERIES) for selector in find_selectors(expression)]
    used = {metric.name for metric in map(find_metric, names) if metric}
    assert {metric.name for metric in METRICS} - used == set()


def test_each_recorded_value_is_used() -> None:
    used = {selector.name for expression in (*RULES, *QUERIES) for selector in find_selectors(expression)}
    assert {rule["record"] for rule in read_rules() if "record" in rule} - used == set()


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(shopstream_call_total[5m]))", "shopstream_call_total does not exist"),
        ("rate(shopstream_call_duration_seconds[5m])", "shopstream_call_duration_seconds does not exist"),
        ('shopstream_shops{status="late"}', "shopstream_shops has no label status"),
        ('shopstream_shops{state=~"late|slow"}', "shopstream_shops has no state=slow"),
        (
            'shopstream_publish_latency_seconds_bucket{le="3.0"}',
            "shopstream_publish_latency_seconds_bucket has no le=3.0",
        ),
        ("sum by (shop) (shopstream_shops)", "no metric here has shop"),
        ('shopstream:calls:rate5m{result="bad"}', "shopstream:calls:rate5m has no result=bad"),
        ('shopstream:out_of_step:ratio{state="late"}', "shopstream:out_of_step:ratio has no label state"),
        ("up", "no metric of shopstream"),
    ],
)
def test_a_wrong_name_is_found(expression: str, fault: str) -> None:
    assert list(list_faults(expression)) == [fault]
