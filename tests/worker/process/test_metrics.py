"""The metrics of a worker: every series from the start, none more whatever comes, and each hook in its metric."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from msgspec import structs
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from shopstream import metric_names as names
from shopstream.metric_names import METRICS, OTHER, Metric
from shopstream.version import VERSION
from tests.worker.process.test_instrumentation import SETTLED
from worker.instrumentation.dispatcher import HOOKS
from worker.instrumentation.metrics import WorkerMetrics

SERIES_MOST = 400
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def read(metrics: WorkerMetrics) -> Samples:
    body, _ = metrics.render("")
    families = read_text(body.decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(metrics: WorkerMetrics, metric: Metric, *values: str, part: str = "") -> float:
    labels = zip([label.name for label in metric.labels], values, strict=True)
    return read(metrics)[metric.name + part, frozenset(labels)]


STRANGE = "unheard of"


def calls() -> Iterator[tuple[Any, ...]]:
    """Each hook with each word that a label may have, and with a word that no list has."""
    for endpoint, result in product([*names.ENDPOINT.values, STRANGE], [*names.RESULT.values, STRANGE]):
        yield "report_call", "1", endpoint, result, 0.5
        yield "report_wait", endpoint, 0.5
        yield "report_dropped_permit", endpoint, 0.5
        yield "report_cool_down", "1", endpoint
        yield "report_cap", "1", endpoint, 0.5
    for kind, end in product([*names.WORK.values, STRANGE], names.END.values):
        yield "report_end", kind, "1", end, 0.5
    yield from (("report_settled", structs.replace(SETTLED, kind=kind)) for kind in names.BACKLOG.values)
    yield from (("report_event", "1", word) for word in [*names.EVENT.values, STRANGE])
    yield from (("report_letter", "1", word) for word in [*names.LETTER.values, STRANGE])
    yield from (("report_refresh", word) for word in names.REFRESH.values)
    yield from (("report_wake_up", word) for word in names.FOUND.values)
    yield from (("report_latencies", word, [0.5]) for word in names.URGENCY.values)
    yield "report_doorbell_restart", "ResponseError"
    yield "report_fenced", "delta", "1", 7
    yield "report_mistake", "1", "10", ValueError()
    yield "report_comparison", "1", "10", "stale", 0
    yield "report_drift", "1", 3
    yield "report_turn", 64, 7
    yield ("report_write",)


def provoke(metrics: WorkerMetrics) -> set[str]:
    """Call all hooks, and give their names."""
    made = list(calls())
    for hook, *given in made:
        getattr(metrics, hook)(*given)
    for word in [*names.REDIS_ERROR.values, STRANGE]:
        metrics.report_redis_failure("sweep", word, again=True)
    return {hook for hook, *_ in made} | {"report_redis_failure"}


def test_whatever_is_reported_the_series_stay_those_of_the_start_and_few() -> None:
    metrics = WorkerMetrics("202309")
    before = read(metrics)
    assert provoke(metrics) == set(HOOKS)
    after = read(metrics)
    assert before.keys() == after.keys()
    assert len(after) <= SERIES_MOST
    labels = {name for _, pairs in after for name, _ in pairs}
    assert not labels & {"product", "product_id", "sku", "sku_id", "worker", "pid", "host", "shop"}
    moved = {name for name, _ in after if any(after[key] != before[key] for key in after if key[0] == name)}
    for metric in METRICS:
        if "worker" in metric.processes and metric.kind != "gauge":
            assert metric.name + ("_count" if metric.kind == "histogram" else "") in moved


def test_each_metric_of_a_worker_is_there_from_the_start_with_zero_for_each_label() -> None:
    metrics = WorkerMetrics("202309")
    found = read(metrics)
    for metric in METRICS:
        if "worker" in metric.processes:
            part = {"histogram": "_count"}.get(metric.kind, "")
            assert len([name for name, _ in found if name == metric.name + part]) == metric.series // (
                len(metric.buckets) + 3 if metric.buckets else 1
            ), metric.name
    assert value(metrics, names.CALLS, "product", "throttled") == 0
    known = {metric.name for metric in METRICS if "worker" in metric.processes}
    assert {name for name, _ in found} == known - {one.name for one in METRICS if one.buckets} | {
        one.name + part
        for one in METRICS
        if one.buckets and "worker" in one.processes
        for part in ("_bucket", "_sum", "_count")
    }


def test_words_that_no_list_has_are_counted_as_other() -> None:
    metrics = WorkerMetrics("202309")
    metrics.report_call("1", "product_legacy", "brand_new", 0.3)
    assert value(metrics, names.CALLS, OTHER, OTHER) == 1
    assert value(metrics, names.CALL_DURATION, OTHER, part="_sum") == 0.3
    metrics.report_redis_failure("sweep", "SlotNotCoveredError", again=True)
    assert value(metrics, names.REDIS_FAILURES, OTHER) == 1
    metrics.report_end("trim", "0", "done", 2.0)
    assert value(metrics, names.DRAINS, OTHER, "done") == 1
    with pytest.raises(KeyError):
        metrics.report_settled(structs.replace(SETTLED, kind="unheard of"))


def test_a_value_lies_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    metrics = WorkerMetrics("202309")
    metrics.report_latencies("urgent", [0.05, 2.0, 2.1])
    metrics.report_latencies("urgent", [9_999.0])
    found = read(metrics)

    def below(bound: str) -> float:
        return found["shopstream_publish_latency_seconds_bucket", frozenset({("kind", "urgent"), ("le", bound)})]

    assert [below(bound) for bound in ("0.05", "1.0", "2.0", "10.0", "3600.0", "+Inf")] == [1, 1, 2, 3, 3, 4]
    assert value(metrics, names.PUBLISH_LATENCY, "urgent", part="_count") == 4


def test_gauges_are_those_of_the_last_turn_and_write() -> None:
    metrics = WorkerMetrics("legacy")
    metrics.report_turn(64, 7)
    metrics.report_write()
    assert (value(metrics, names.SLOTS), value(metrics, names.SLOTS_IN_USE)) == (64, 7)
    assert value(metrics, names.LOOP_LAG) >= 0
    (build,) = [pairs for name, pairs in read(metrics) if name == names.BUILD_INFO.name]
    assert {("version", VERSION), ("generation", "legacy")} < build


def test_openmetrics_is_given_to_who_accepts_it() -> None:
    body, content_type = WorkerMetrics("202309").render("application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    families = list(read_openmetrics(body.decode()))  # type: ignore[no-untyped-call]
    assert len(families) == len([one for one in METRICS if "worker" in one.processes])


def test_the_heartbeats_totals_are_sums_of_the_counts() -> None:
    metrics = WorkerMetrics("202309")
    for endpoint, result in (("product", "ok"), ("product", "throttled"), ("warehouses", "hourly_cap")):
        metrics.report_call("1", endpoint, result, 0.1)
    metrics.report_event("1", "stock.changed")
    metrics.report_letter("1", "not_found")
    metrics.report_settled(SETTLED)
    assert metrics.totals() == {"calls": 3, "throttled": 2, "published": 1, "drained": 9, "dead": 1}
