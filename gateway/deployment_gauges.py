"""Give Prometheus the state of the deployment, as one reader has it: shops, backlogs, streams, groups, memory.

All gateways read the same Redis and export the same values, so that rules take the highest of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from shopstream import metric_names as names
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.glance.overview import Overview, ShopOverview
from shopstream.glance.shop_glance import ENDPOINTS
from shopstream.glance.system_state import SystemState
from shopstream.metric_names import OTHER

GROUPS_MOST: Final = 100
"""Groups that have series of their own. The rest is one group, OTHER."""
VERSIONS_MOST: Final = 5
_Row = tuple[tuple[str, ...], float]


def collect_deployment(overview: Overview, system: SystemState, *, shops: int, stream_cap: int) -> Iterator[Metric]:
    """Yield the metrics of a deployment.

    Args:
        overview: the state of all shops.
        system: the state of the rest.
        shops: the number of shops that have series of their own, worst first; 0 for none.
        stream_cap: the entries that a stream may have.
    """
    yield _gauge(names.SHOPS, [((state,), number) for state, number in overview.states.items()])
    yield from _collect_backlogs(overview)
    yield from _collect_shops(overview, overview.shops[:shops])
    yield from _collect_system(system)
    yield from _collect_streams(system, stream_cap)
    yield from _collect_groups(system.groups)


def _collect_backlogs(overview: Overview) -> Iterator[Metric]:
    """Yield what waits, by kind."""
    facts = [one.facts for one in overview.shops.judged if one.waiting]
    stock = sum(one.stock_waiting for one in facts)
    products = sum(one.waiting for one in facts) - stock
    yield _gauge(names.BACKLOG_IDS, [(("products",), products), (("stock",), stock)])
    moments = {
        "products": min((one.products_oldest_ms for one in facts if one.products_oldest_ms), default=0),
        "stock": min((one.stock_oldest_ms for one in facts if one.stock_oldest_ms), default=0),
    }
    yield _gauge(names.BACKLOG_OLDEST, [((kind,), moment / 1000) for kind, moment in moments.items() if moment])


def _collect_shops(overview: Overview, shops: Iterable[ShopOverview]) -> Iterator[Metric]:
    seen, stock, rates, ids, throttled, ends = (list[_Row]() for _ in range(6))
    for shop in shops:
        glance = shop.glance
        name = (glance.shop_id,)
        seen += [(name, glance.changes_ms / 1000)] if glance.changes_ms else []
        stock += [(name, glance.seen_ms / 1000)] if glance.seen_ms else []
        for pace in glance.paces:
            if pace.rate is not None and pace.endpoint in ENDPOINTS:
                rates.append(((glance.shop_id, pace.endpoint), pace.rate))
        ids.append((name, glance.waiting))
        throttled.append((name, float(any(pace.cool_ms > overview.now_ms for pace in glance.paces))))
        end = glance.entry["refresh_expires_at"]
        ends += [(name, end)] if end else []
    yield _gauge(names.SHOP_WATERMARK, seen)
    yield _gauge(names.SHOP_STOCK_SEEN, stock)
    yield _gauge(names.SHOP_RATE, rates)
    yield _gauge(names.SHOP_BACKLOG_IDS, ids)
    yield _gauge(names.SHOP_THROTTLED, throttled)
    yield _gauge(names.SHOP_CONSENT_EXPIRY, ends)


def _collect_system(system: SystemState) -> Iterator[Metric]:
    yield _gauge(names.WORKERS, [((), len(system.workers))])
    versions: dict[str, int] = {}
    for worker in system.workers:
        versions[worker.version or "unknown"] = versions.get(worker.version or "unknown", 0) + 1
    ranked = sorted(versions.items(), key=lambda one: -one[1])
    rest = sum(number for _, number in ranked[VERSIONS_MOST:])
    shown = [*ranked[:VERSIONS_MOST], *([(OTHER, rest)] if rest else [])]
    yield _gauge(names.WORKERS_BY_VERSION, [((version,), number) for version, number in shown])
    yield _gauge(names.DUE_OVERDUE, [((), system.overdue_seconds)])
    end = system.next_token_end
    yield _gauge(names.TOKENS_EXPIRY_MIN, [] if end is None else [((), end)])
    used = system.memory_used
    yield _gauge(names.REDIS_MEMORY_USED, [] if used is None else [((), used)])
    yield _gauge(names.REDIS_MEMORY_MAX, [] if used is None else [((), system.memory_most or 0)])
    yield _gauge(names.REDIS_AOF_OK, [] if system.aof_ok is None else [((), float(system.aof_ok))])


def _collect_streams(system: SystemState, cap: int) -> Iterator[Metric]:
    yield _gauge(names.STREAM_ENTRIES, [((seen.stream,), seen.fullest) for seen in system.streams])
    yield _gauge(names.STREAM_CAP, [((seen.stream,), cap) for seen in system.streams])
    oldest: list[_Row] = [((seen.stream,), seen.oldest_ms / 1000) for seen in system.streams if seen.oldest_ms]
    yield _gauge(names.STREAM_OLDEST, oldest)


def _collect_groups(groups: Sequence[ConsumerGroup]) -> Iterator[Metric]:
    """Yield the groups. Beyond GROUPS_MOST they are summed up by stream, and their oldest entry counts."""
    unread, pending, members, lost = (dict[tuple[str, ...], float]() for _ in range(4))
    oldest = dict[tuple[str, ...], float]()
    for at, group in enumerate(groups):
        key = (group.stream, group.group if at < GROUPS_MOST else OTHER)
        unread[key] = unread.get(key, 0) + group.unread
        pending[key] = pending.get(key, 0) + group.pending
        members[key] = members.get(key, 0) + group.members
        lost[key] = lost.get(key, 0) + group.lost
        if group.oldest_unread_ms is not None:
            oldest[key] = min(oldest.get(key, float("inf")), group.oldest_unread_ms / 1000)
    yield _gauge(names.GROUP_UNREAD, unread.items())
    yield _gauge(names.GROUP_PENDING, pending.items())
    yield _gauge(names.GROUP_MEMBERS, members.items())
    yield _gauge(names.GROUP_OLDEST_UNREAD, oldest.items())
    metric = names.GROUP_LOST
    family = CounterMetricFamily(metric.name, metric.text, labels=[label.name for label in metric.labels])
    for names_of, number in lost.items():
        family.add_metric(names_of, number)
    yield family


def _gauge(metric: names.Metric, rows: Iterable[_Row]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.text, labels=[label.name for label in metric.labels])
    for values, number in rows:
        family.add_metric(values, number)
    return family
