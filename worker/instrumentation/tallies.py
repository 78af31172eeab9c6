"""Count by labels and by buckets, cheaply: an addition takes 0.2 µs, prometheus-client's own 0.6 and 2 µs.

All series are there from the start, so that a rule sees 0 instead of nothing. Their number never changes, so another
thread may read them while the loop counts.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from shopstream.metric_names import OTHER, Label, Metric


class Tally:
    """The counts of one counter.

    Attributes:
        metric: its name and labels.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._counts = dict.fromkeys(_combine(metric), 0)

    def add(self, *values: str) -> None:
        """Count one, by the values of the labels in their order."""
        try:
            self._counts[values] += 1
        except KeyError:
            self._counts[_fold(self.metric, values)] += 1

    def add_number(self, number: int, *values: str) -> None:
        """Count several, by values of the labels that are in their lists."""
        self._counts[values] += number

    def sum(self, *last: str) -> int:
        """Sum the counts whose last label has one of these values; without any, all counts."""
        return sum(number for values, number in self._counts.items() if not last or values[-1] in last)

    def collect(self) -> CounterMetricFamily:
        """Give the counts to prometheus-client."""
        family = CounterMetricFamily(self.metric.name, self.metric.text, labels=_names(self.metric))
        for values, number in self._counts.items():
            family.add_metric(values, number)
        return family


@dataclass(slots=True)
class _Row:
    """The numbers of values up to each bound and above the last, and the sum of all values."""

    counts: list[int]
    total: float = 0.0


class Spread:
    """The values of one histogram, counted by bucket."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = metric.buckets
        self._rows = {values: _Row([0] * (len(metric.buckets) + 1)) for values in _combine(metric)}

    def add(self, seconds: float, *values: str) -> None:
        """Count a value, by the values of the labels in their order."""
        try:
            row = self._rows[values]
        except KeyError:
            row = self._rows[_fold(self.metric, values)]
        row.counts[bisect_left(self._bounds, seconds)] += 1
        row.total += seconds

    def add_all(self, seconds: Sequence[float], *values: str) -> None:
        """Count several values, by the same values of the labels, which must be in their lists."""
        row = self._rows[values]
        for each in seconds:
            row.counts[bisect_left(self._bounds, each)] += 1
        row.total += sum(seconds)

    def collect(self) -> HistogramMetricFamily:
        """Give the counts to prometheus-client."""
        family = HistogramMetricFamily(self.metric.name, self.metric.text, labels=_names(self.metric))
        for values, row in self._rows.items():
            family.add_metric(values, list(self._cumulate(row.counts)), row.total)
        return family

    def _cumulate(self, counts: list[int]) -> Iterator[tuple[str, float]]:
        """Yield the bounds as Prometheus writes them, each with the number of values up to it."""
        number = 0
        for bound, count in zip([*map(str, self._bounds), "+Inf"], counts, strict=True):
            number += count
            yield bound, float(number)


def _combine(metric: Metric) -> list[tuple[str, ...]]:
    """List all combinations of the values of a metric's labels, each of which has a fixed list."""
    return list(product(*(label.values for label in metric.labels)))


def _fold(metric: Metric, values: tuple[str, ...]) -> tuple[str, ...]:
    """Put OTHER for each value that its label's list does not have.

    Raises:
        KeyError: the label has no OTHER.
    """
    return tuple(map(_fold_one, metric.labels, values))


def _fold_one(label: Label, value: str) -> str:
    if value in label.values:
        return value
    if OTHER in label.values:
        return OTHER
    raise KeyError(label.name, value)


def _names(metric: Metric) -> list[str]:
    return [label.name for label in metric.labels]
