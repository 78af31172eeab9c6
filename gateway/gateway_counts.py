"""Count webhooks and requests in memory, and give the counts to Prometheus and to `/health`.

All label values come from fixed lists, so the number of series has a limit.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from platform import python_version
from typing import Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shopstream.enqueue.notifications import TYPES, Verdict

Result: TypeAlias = Verdict | Literal["bad_signature", "malformed", "too_large", "unknown_type", "unavailable"]
OTHER: Final = "other"
_DELAYS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 43_200.0)
"""Seconds: TikTok pushes within about one, and repeats for 15.5 hours."""
_DURATIONS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)


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


class GatewayCounts(Collector):
    """The counts of one gateway since its start."""

    def __init__(self) -> None:
        self._webhooks: Counter[tuple[str, Result]] = Counter()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._durations: dict[str, _Distribution] = {}
        self._delays = _Distribution(_DELAYS)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count_webhook(self, kind: int | None, result: Result) -> None:
        """Count a webhook by its type (None before it is known) and result."""
        self._webhooks[str(kind) if kind in TYPES else OTHER, result] += 1

    def add_delay(self, seconds: float) -> None:
        """Add the time from TikTok's sending to the receipt."""
        self._delays.add(max(0.0, seconds))

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by the template of its route, and its duration."""
        self._requests[route, method if method in {"GET", "POST"} else OTHER, f"{status // 100}xx"] += 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = _Distribution(_DURATIONS)
        durations.add(seconds)

    def webhooks(self) -> dict[str, dict[str, int]]:
        """Give the counts of webhooks: type → result → number."""
        found: dict[str, dict[str, int]] = {}
        for (kind, result), number in sorted(self._webhooks.items()):
            found.setdefault(kind, {})[result] = number
        return found

    def render(self) -> bytes:
        """Write all metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, for prometheus-client."""
        build = GaugeMetricFamily("shopstream_build_info", "The version that runs.", labels=["version", "python"])
        build.add_metric([version("shopstream"), python_version()], 1)
        yield build
        names, text = ["type", "result"], "Webhooks by TikTok's type and by result."
        yield _counter("shopstream_webhooks_total", text, names, self._webhooks.items())
        yield _histogram("shopstream_webhook_delay_seconds", "From TikTok to the receipt.", [], [((), self._delays)])
        text = "Requests by the template of their route, method and class of status."
        yield _counter("shopstream_http_requests_total", text, ["route", "method", "code"], self._requests.items())
        text = "Time from a request's head to its answer."
        routes = [((route,), durations) for route, durations in self._durations.items()]
        yield _histogram("shopstream_http_request_duration_seconds", text, ["route"], routes)


def _counter(
    name: str, text: str, labels: Sequence[str], counts: Iterable[tuple[tuple[str, ...], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in counts:
        family.add_metric(values, number)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[tuple[str, ...], _Distribution]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, distribution in rows:
        buckets, total = distribution.buckets()
        family.add_metric(values, buckets, total)
    return family
