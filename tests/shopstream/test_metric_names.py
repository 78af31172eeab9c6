"""The names of metrics: each once, with few series, and with the words that the code itself uses."""

from typing import get_args

from prometheus_client.parser import text_string_to_metric_families

from gateway.gateway_counts import GatewayCounts, Result
from shopstream import events, metric_names
from shopstream.enqueue.notifications import TYPES, Verdict
from shopstream.metric_names import METRICS, OTHER, Metric
from shopstream.redis.keys import KINDS, STREAMS, WALKS
from worker.instrumentation.instrument import OK, DrainEnd, Found, RefreshResult, Settled, Urgency
from worker.marketplace.call_errors import CallError

NEVER = {"product", "product_id", "sku", "sku_id", "worker", "pid", "host", "instance"}
SHOPS_DEFAULT = 1_000


def classes(kind: type[CallError] = CallError) -> set[str]:
    return {kind.error_class}.union(*map(classes, kind.__subclasses__()))


def of(process: str) -> list[Metric]:
    return [one for one in METRICS if process in one.processes]


def test_each_metric_has_a_name_of_its_own_with_prefix_and_unit() -> None:
    names = [one.name for one in METRICS]
    assert len(names) == len(set(names)) > 50
    for one in METRICS:
        assert one.name.startswith("shopstream_")
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert bool(one.buckets) == (one.kind == "histogram")
        assert one.text[0].isupper() or one.text[0].isdigit()
        assert one.text.endswith(".")
        assert one.processes


def test_no_label_has_a_value_for_each_product_or_process_and_shops_are_the_gateways() -> None:
    for one in METRICS:
        labels = {label.name for label in one.labels}
        assert not labels & NEVER, one.name
        assert "worker" not in one.processes or "shop" not in labels, one.name


def test_a_worker_exports_400_series_at_most_and_a_gateway_8_a_shop() -> None:
    assert sum(one.series for one in of("worker")) <= 400
    of_shops = [one for one in of("gateway") if any(label.name == "shop" for label in one.labels)]
    assert sum(one.series for one in of_shops) <= 8 * SHOPS_DEFAULT


def test_lists_have_the_words_of_the_code() -> None:
    types = {one.removeprefix(events.NAMESPACE) for stream in events.TYPES.values() for one in stream}
    assert set(metric_names.EVENT.values) == types | {OTHER}
    assert set(metric_names.END.values) == set(get_args(DrainEnd))
    assert set(metric_names.URGENCY.values) == set(get_args(Urgency))
    assert set(metric_names.REFRESH.values) == set(get_args(RefreshResult))
    assert set(metric_names.FOUND.values) == set(get_args(Found))
    assert metric_names.BACKLOG.values == KINDS
    assert metric_names.STREAM.values == STREAMS
    assert {*KINDS, *WALKS} < set(metric_names.WORK.values)
    assert set(metric_names.OUTCOME.values) < set(Settled.__struct_fields__)
    assert set(metric_names.RESULT.values) <= classes() | {OK, OTHER}
    kinds, results = metric_names.WEBHOOK
    assert set(kinds.values) == {*map(str, TYPES), OTHER}
    assert set(results.values) == {*get_args(Verdict), *get_args(get_args(Result)[1])}


def test_a_gateways_answer_has_these_names_and_labels() -> None:
    counts = GatewayCounts()
    counts.count_webhook(15, "accepted")
    counts.add_delay(0.1)
    counts.count_request("/v1/shops", "GET", 200, 0.01)
    known = {one.name.removesuffix("_total"): one for one in of("gateway")}
    for family in text_string_to_metric_families(counts.render().decode()):
        metric = known[family.name]
        assert family.type == metric.kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} <= {label.name for label in metric.labels}
