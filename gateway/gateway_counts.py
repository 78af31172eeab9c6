"""Count webhooks and requests in memory, and give the counts to Prometheus and to `/health`.

All label values come from fixed lists, so the number of series has a limit.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from platform import python_version
from typing import Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shopstream import metric_names as names
from shopstream.enqueue.notifications import TYPES, Verdict
from shopstream.metric_names import OTHER
from shopstream.version import VERSION

Result: TypeAlias = Verdict | Literal["bad_signature", "malformed", "too_large", "unknown_type", "unavailable"]
PUBLIC: Final = frozenset({"/webhooks/tiktok", "/connect/{token}", "/oauth/callback"})
"""Routes of the public port, whose refusals are no matter of tokens."""
_REJECTIONS: Final = {401: "unauthorized", 403: "forbidden", 429: "too_many_requests"}


class _Distribution:
    """Seconds, counted by upper bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Give the cumulated counts by bound as Prometheus writes them, and the sum of all values."""
        total, listed = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            listed.append((bound, float(total)))
        return listed, self._sum


class _Listed(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield them, for prometheus-client."""
        yield from self._metrics


class GatewayCounts:
    """The counts of one gateway since its start."""

    def __init__(self) -> None:
        self._webhooks: Counter[tuple[str, Result]] = Counter()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._durations: dict[str, _Distribution] = {}
        self._delays = _Distribution(names.WEBHOOK_DELAY.buckets)
        self._rejected = dict.fromkeys(_REJECTIONS.values(), 0)
        self._count_viewers: Callable[[], int] = lambda: 0

    def count_webhook(self, kind: int | None, result: Result) -> None:
        """Count a webhook by its type (None before it is known) and result."""
        self._webhooks[str(kind) if kind in TYPES else OTHER, result] += 1

    def add_delay(self, seconds: float) -> None:
        """Add the time from TikTok's sending to the receipt."""
        self._delays.add(max(0.0, seconds))

    def count_request(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count a request by the template of its route, and its duration; None for a stream without an end."""
        self._requests[route, method if method in {"GET", "POST"} else OTHER, f"{status // 100}xx"] += 1
        if status in _REJECTIONS and route not in PUBLIC:
            self._rejected[_REJECTIONS[status]] += 1
        if seconds is None:
            return
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = _Distribution(names.HTTP_DURATION.buckets)
        durations.add(seconds)

    def webhooks(self) -> dict[str, dict[str, int]]:
        """Give the counts of webhooks: type → result → number."""
        found: dict[str, dict[str, int]] = {}
        for (kind, result), number in sorted(self._webhooks.items()):
            found.setdefault(kind, {})[result] = number
        return found

    def watch_viewers(self, count_viewers: Callable[[], int]) -> None:
        """Take the function that counts the open streams of the dashboard."""
        self._count_viewers = count_viewers

    def render(self, more: Sequence[Metric] = ()) -> bytes:
        """Write all metrics in Prometheus's text format, and `more` behind them."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Listed([*self.collect(), *more]))
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        build = GaugeMetricFamily(names.BUILD_INFO.name, names.BUILD_INFO.text, labels=["version", "python"])
        build.add_metric([VERSION, python_version()], 1)
        yield build
        yield _counter(names.WEBHOOKS, self._webhooks.items())
        yield _histogram(names.WEBHOOK_DELAY, [((), self._delays)])
        yield _counter(names.HTTP_REQUESTS, self._requests.items())
        yield _histogram(names.HTTP_DURATION, [((route,), durations) for route, durations in self._durations.items()])
        yield _counter(names.HTTP_REJECTED, [((reason,), number) for reason, number in self._rejected.items()])
        viewers = GaugeMetricFamily(names.SSE_VIEWERS.name, names.SSE_VIEWERS.text)
        viewers.add_metric([], self._count_viewers())
        yield viewers


def _counter(metric: names.Metric, counts: Iterable[tuple[tuple[str, ...], int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.name, metric.text, labels=[label.name for label in metric.labels])
    for values, number in counts:
        family.add_metric(values, number)
    return family


def _histogram(metric: names.Metric, rows: Iterable[tuple[tuple[str, ...], _Distribution]]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.text, labels=[label.name for label in metric.labels])
    for values, distribution in rows:
        buckets, total = distribution.buckets()
        family.add_metric(values, buckets, total)
    return family
