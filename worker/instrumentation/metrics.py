"""Count what happens in a worker for Prometheus: each series of `shopstream/metric_names.py` that a worker exports."""

import time
from collections.abc import Iterator, Sequence
from platform import python_version

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from shopstream import metric_names as names
from shopstream.version import VERSION
from worker.health import Health
from worker.instrumentation.instrument import (
    DrainEnd,
    Found,
    Instrument,
    RedisUser,
    RefreshResult,
    Settled,
    Urgency,
)
from worker.instrumentation.tallies import Spread, Tally


class WorkerMetrics(Instrument, Collector):
    """The backend of the metrics. The loop counts, and the thread that answers `/metrics` reads.

    Attributes:
        generation: the generation of TikTok's API that the worker calls.
    """

    def __init__(self, generation: str) -> None:
        self.generation = generation
        self._calls, self._durations = Tally(names.CALLS), Spread(names.CALL_DURATION)
        self._waits, self._dropped = Spread(names.PERMIT_WAIT), Tally(names.PERMITS_DROPPED)
        self._cooldowns, self._capped = Tally(names.COOLDOWNS), Tally(names.CAPPED)
        self._drains, self._drain_durations = Tally(names.DRAINS), Spread(names.DRAIN_DURATION)
        self._ids, self._events = Tally(names.IDS), Tally(names.EVENTS)
        self._latencies, self._mistakes = Spread(names.PUBLISH_LATENCY), Tally(names.PUBLISH_FAILED)
        self._drift, self._fenced = Tally(names.DRIFT), Tally(names.FENCED)
        self._letters, self._refreshes = Tally(names.DEAD_LETTERS), Tally(names.TOKEN_REFRESHES)
        self._redis_failures, self._restarts = Tally(names.REDIS_FAILURES), Tally(names.DOORBELL_RESTARTS)
        self._wake_ups = Tally(names.WAKEUPS)
        self._slots = self._in_use = 0
        self._turned, self._written = time.monotonic(), time.time()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def report_call(self, _shop: str, endpoint: str, result: str, seconds: float) -> None:
        """Count a call, and its time."""
        self._calls.add(endpoint, result)
        self._durations.add(seconds, endpoint)

    def report_wait(self, endpoint: str, seconds: float) -> None:
        """Count a wait."""
        self._waits.add(seconds, endpoint)

    def report_dropped_permit(self, endpoint: str, _seconds: float) -> None:
        """Count a permit."""
        self._dropped.add(endpoint)

    def report_cool_down(self, _shop: str, endpoint: str) -> None:
        """Count a cool-down."""
        self._cooldowns.add(endpoint)

    def report_cap(self, _shop: str, endpoint: str, _seconds: float) -> None:
        """Count a refusal by the hour."""
        self._capped.add(endpoint)

    def report_end(self, kind: str, _name: str, end: DrainEnd, seconds: float) -> None:
        """Count a piece of work, and its time."""
        self._drains.add(kind, end)
        self._drain_durations.add(seconds, kind)

    def report_fenced(self, _kind: str, _shop: str, _fence: int) -> None:
        """Count a takeover."""
        self._fenced.add()

    def report_settled(self, settled: Settled) -> None:
        """Count the ids of a drain."""
        kind = settled.kind
        self._ids.add_number(settled.changed, kind, "changed")
        self._ids.add_number(settled.unchanged, kind, "unchanged")
        self._ids.add_number(settled.stale, kind, "stale")
        self._ids.add_number(settled.dead, kind, "dead")
        self._ids.add_number(settled.back, kind, "back")

    def report_event(self, _shop: str, event_type: str) -> None:
        """Count an event."""
        self._events.add(event_type)

    def report_latencies(self, urgency: Urgency, seconds: Sequence[float]) -> None:
        """Count the time of each id."""
        self._latencies.add_all(seconds, urgency)

    def report_mistake(self, _shop: str, _product: str, _mistake: Exception) -> None:
        """Count a mistake."""
        self._mistakes.add()

    def report_drift(self, _shop: str, number: int) -> None:
        """Count unannounced changes."""
        self._drift.add_number(number)

    def report_letter(self, _shop: str, error_class: str) -> None:
        """Count a dead letter."""
        self._letters.add(error_class)

    def report_refresh(self, result: RefreshResult) -> None:
        """Count a refresh."""
        self._refreshes.add(result)

    def report_redis_failure(self, _where: RedisUser, error: str, *, again: bool, reason: str = "") -> None:  # noqa: ARG002
        """Count a failure, also one that stays the same."""
        self._redis_failures.add(error)

    def report_doorbell_restart(self, _error: str) -> None:
        """Count a restart."""
        self._restarts.add()

    def report_wake_up(self, found: Found) -> None:
        """Count a wake-up."""
        self._wake_ups.add(found)

    def report_turn(self, slots: int, in_use: int) -> None:
        """Keep the moment and the slots."""
        self._turned, self._slots, self._in_use = time.monotonic(), slots, in_use

    def report_write(self) -> None:
        """Keep the moment."""
        self._written = time.time()

    def totals(self) -> dict[str, int]:
        """Sum what the heartbeat tells: calls, throttled ones, published events, drained ids and dead letters."""
        return {
            "calls": self._calls.sum(),
            "throttled": self._calls.sum("throttled", "hourly_cap"),
            "published": self._events.sum(),
            "drained": self._ids.sum("changed", "unchanged", "stale", "dead"),
            "dead": self._letters.sum(),
        }

    def render(self, accept: str) -> tuple[bytes, str]:
        """Write all metrics as a client accepts them (`Accept`). Gives them with their content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Family]:
        """Yield the metrics, for prometheus-client."""
        for counted in vars(self).values():
            if isinstance(counted, Tally | Spread):
                yield counted.collect()
        lag = time.monotonic() - self._turned - Health.TURN_SECONDS
        yield _gauge(names.SLOTS, self._slots)
        yield _gauge(names.SLOTS_IN_USE, self._in_use)
        yield _gauge(names.LOOP_LAG, max(0.0, lag))
        yield _gauge(names.REDIS_WRITE, self._written)
        yield _gauge(names.BUILD_INFO, 1, VERSION, python_version(), self.generation)


def _gauge(metric: names.Metric, value: float, *values: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.text, labels=[label.name for label in metric.labels])
    family.add_metric(values, value)
    return family
