"""Name every metric of workers and gateways, with its labels: rules, boards and processes take the names from here.

A metric that is both a worker's and a gateway's has the same labels in both. Label values come from the lists below;
any other value is counted as OTHER, so the number of series has a limit. No label names a product, SKU, worker,
process or host, and no label of a worker names a shop. Times are Unix seconds of an event, never ages.
"""

from dataclasses import dataclass
from math import prod
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Process: TypeAlias = Literal["worker", "gateway"]
WORKER: Final[tuple[Process, ...]] = ("worker",)
GATEWAY: Final[tuple[Process, ...]] = ("gateway",)
OTHER: Final = "other"
"""The value of a label for anything that its list does not have."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a metric.

    Attributes:
        name: as Prometheus shows it.
        values: the fixed list, OTHER included; empty for values that only the running system knows.
        most: the most values at one time, OTHER included.
        meaning: the source of the values that no list has; "" beside a list.
    """

    name: str
    values: tuple[str, ...]
    most: int
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: with prefix and unit, and `_total` at a counter, as rules write it.
        kind: counter, gauge or histogram.
        text: its help text, one sentence.
        processes: the processes that export it.
        labels: in their order.
        buckets: upper bounds of a histogram in its unit, without +Inf.
    """

    name: str
    kind: Kind
    text: str
    processes: tuple[Process, ...]
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> int:
        """Count the most series that one process can export: each combination of its labels' values."""
        each = len(self.buckets) + 3 if self.kind == "histogram" else 1  # +Inf, sum and count beside its buckets
        return each * prod(label.most for label in self.labels)


def _listed(name: str, *values: str) -> Label:
    return Label(name, values, len(values))


def _known(name: str, most: int, meaning: str) -> Label:
    return Label(name, (), most, meaning)


def _counter(name: str, text: str, *labels: Label, processes: tuple[Process, ...] = WORKER) -> Metric:
    return Metric(f"shopstream_{name}_total", "counter", text, processes, labels=labels)


def _gauge(name: str, text: str, *labels: Label, processes: tuple[Process, ...] = GATEWAY) -> Metric:
    return Metric(f"shopstream_{name}", "gauge", text, processes, labels=labels)


def _histogram(
    name: str, text: str, buckets: tuple[float, ...], *labels: Label, processes: tuple[Process, ...] = WORKER
) -> Metric:
    return Metric(f"shopstream_{name}_seconds", "histogram", text, processes, labels=labels, buckets=buckets)


ENDPOINT: Final = _listed(
    "endpoint", "product", "products_search", "inventory_search", "authorized_shops", "warehouses", "webhooks", OTHER
)
PACED: Final = _listed("endpoint", "product", "products_search", "inventory_search", OTHER)
"""The endpoints of nearly all calls. The others are one value, since they are called rarely."""
RESULT: Final = _listed(
    "result", "ok", "throttled", "hourly_cap", "transient", "unreadable", "unknown_code", "token_expired",
    "token_invalid", "cipher_refused", "not_allowed", "inactive", "misconfigured", "bad_parameter", "not_found", OTHER,
)  # fmt: skip
WORK: Final = _listed("kind", "products", "stock", "notices", "delta", "full", "poll", OTHER)
END: Final = _listed("end", "done", "fenced", "failed", "cancelled")
BACKLOG: Final = _listed("kind", "products", "stock")
OUTCOME: Final = _listed("result", "changed", "unchanged", "stale", "dead", "back")
EVENT: Final = _listed(
    "type", "product.created", "product.updated", "product.deleted", "stock.changed", "stock.removed",
    "shop.authorized", "shop.authorization_expiring", "shop.reauthorization_required", "shop.deauthorized",
    "shop.initial_load.started", "shop.synced", "shop.degraded", "shop.recovered", "shop.warehouses", "stream.trimmed",
    "dead.letter", OTHER,
)  # fmt: skip
URGENCY: Final = _listed("kind", "urgent", "turn", "look")
LETTER: Final = _listed(
    "error_class", "not_found", "not_this_shop", "bad_parameter", "product_refused", "transient", "unreadable",
    "too_large", "misconfigured", "invalid_id", "invalid_shop_id", "unknown_shop", "wrong_partition", "crash",
    "unexpected", OTHER,
)  # fmt: skip
REFRESH: Final = _listed("result", "renewed", "refused", "unreached", "unavailable")
REDIS_ERROR: Final = _listed(
    "error", "ConnectionError", "TimeoutError", "BusyLoadingError", "ReadOnlyError", "OutOfMemoryError",
    "NoPermissionError", OTHER,
)  # fmt: skip
FOUND: Final = _listed("found", "work", "nothing", "no_room")
BUILD: Final = (
    _known("version", 1, "the version of shopstream"),
    _known("python", 1, "the version of Python"),
    _known("generation", 1, "the generation of TikTok's API; empty at a gateway, which does not call it"),
)
VERSION: Final = _known("version", 6, "versions of the living workers: the five with most workers, the rest as `other`")
STATE: Final = _listed("state", "in_step", "late", "throttled", "stopped", "first_load", "paused")
SHOP: Final = _known("shop", 1_000, "ids of shops, worst first: `SHOPSTREAM_METRICS_SHOPS` at most, 0 for none")
RATED: Final = _listed("endpoint", "product", "products_search", "inventory_search")
STREAM: Final = _listed("stream", "products", "stock", "shops", "dead")
GROUP: Final = (STREAM, _known("consumer_group", 101, "names of consumer groups: 100 at most, the rest as `other`"))
WEBHOOK: Final = (
    _listed("type", "5", "6", "7", "15", "16", "24", "27", "37", "39", "42", "68", OTHER),
    _listed(
        "result", "accepted", "repeated", "known", "bad_signature", "stale", "malformed", "too_large", "unknown_shop",
        "unknown_type", "unavailable",
    ),
)  # fmt: skip
ROUTE: Final = _known("route", 40, "templates of the gateway's routes, never paths")
METHOD: Final = _listed("method", "GET", "POST", OTHER)
CODE: Final = _listed("code", "1xx", "2xx", "3xx", "4xx", "5xx")
REJECTION: Final = _listed("reason", "unauthorized", "forbidden", "too_many_requests")

_CALL_BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_WAIT_BUCKETS: Final = (0.01, 0.1, 0.5, 2.0, 10.0, 60.0)
_DRAIN_BUCKETS: Final = (0.1, 1.0, 10.0, 60.0)
_LATENCY_BUCKETS: Final = (0.05, 0.1, 0.5, 1.0, 2.0, 10.0, 60.0, 300.0, 3_600.0)
"""Two of them are objectives: urgent ids within 2 s, ids in their turn within 5 min."""
_DELAY_BUCKETS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 43_200.0)
_HTTP_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

CALLS: Final = _counter("calls", "Calls to TikTok by endpoint and result.", ENDPOINT, RESULT)
CALL_DURATION: Final = _histogram("call_duration", "Time from a call to its answer or failure.", _CALL_BUCKETS, PACED)
PERMIT_WAIT: Final = _histogram("permit_wait", "Time that a call waited for its permit.", _WAIT_BUCKETS, PACED)
COOLDOWNS: Final = _counter("cooldowns", "Throttles after which an endpoint of a shop cooled down.", PACED)
CAPPED: Final = _counter("capped", "Refusals because the calls of the hour were used up.", PACED)
PERMITS_DROPPED: Final = _counter("permits_dropped", "Permits that came too late to be used.", PACED)
DRAINS: Final = _counter("drains", "Pieces of work by kind and end.", WORK, END)
DRAIN_DURATION: Final = _histogram("drain_duration", "Time that a piece of work took.", _DRAIN_BUCKETS, WORK)
IDS: Final = _counter("ids", "Ids of ended drains by kind and outcome.", BACKLOG, OUTCOME)
EVENTS: Final = _counter("events", "Events published, by type without the namespace.", EVENT)
PUBLISH_LATENCY: Final = _histogram(
    "publish_latency", "Time from the request for an id to the publication of its answer.", _LATENCY_BUCKETS, URGENCY
)
PUBLISH_FAILED: Final = _counter("publish_failed", "Products that a mistake of shopstream kept from being published.")
DRIFT: Final = _counter("drift", "Changes that a sync or recheck found and nothing had announced.")
FENCED: Final = _counter("fenced", "Drains and syncs that another worker took over.")
DEAD_LETTERS: Final = _counter("dead_letters", "Dead letters written, by class of the last error.", LETTER)
TOKEN_REFRESHES: Final = _counter("token_refreshes", "Answers of the token host to refreshes.", REFRESH)
SLOTS: Final = _gauge("slots", "Pieces of work that the worker can do at once.", processes=WORKER)
SLOTS_IN_USE: Final = _gauge("slots_in_use", "Slots that have work.", processes=WORKER)
LOOP_LAG: Final = _gauge(
    "loop_lag_seconds",
    "Time by which the event loop's next turn is late at the moment of the scrape.",
    processes=WORKER,
)
REDIS_WRITE: Final = _gauge(
    "redis_write_timestamp_seconds", "Time of the last completed heartbeat's write to Redis.", processes=WORKER
)
REDIS_FAILURES: Final = _counter("redis_failures", "Failures of Redis by class of the error.", REDIS_ERROR)
DOORBELL_RESTARTS: Final = _counter("doorbell_restarts", "Restarts of arq after an error.")
WAKEUPS: Final = _counter("wakeups", "Wake-ups by what the worker found.", FOUND)
BUILD_INFO: Final = _gauge("build_info", "The version that runs; always 1.", *BUILD, processes=("worker", "gateway"))

WORKERS: Final = _gauge("workers", "Workers whose last heartbeat is younger than 15 s.")
WORKERS_BY_VERSION: Final = _gauge("workers_by_version", "Living workers by version.", VERSION)
DUE_OVERDUE: Final = _gauge("due_overdue_seconds", "Longest time for which due work has waited for a slot.")
BACKLOG_IDS: Final = _gauge("backlog_ids", "Ids that wait to be fetched.", BACKLOG)
BACKLOG_OLDEST: Final = _gauge("backlog_oldest_timestamp_seconds", "Time of the oldest waiting request.", BACKLOG)
SHOPS: Final = _gauge("shops", "Authorized shops by state.", STATE)
SHOP_WATERMARK: Final = _gauge(
    "shop_watermark_timestamp_seconds", "Time up to which a sync has read all changes of a shop.", SHOP
)
SHOP_STOCK_SEEN: Final = _gauge("shop_stock_seen_timestamp_seconds", "Time of a shop's last whole stock sync.", SHOP)
SHOP_RATE: Final = _gauge("shop_rate", "Learnt rate of a shop's endpoint in calls a second.", SHOP, RATED)
SHOP_BACKLOG_IDS: Final = _gauge("shop_backlog_ids", "Ids of a shop that wait to be fetched.", SHOP)
SHOP_THROTTLED: Final = _gauge("shop_throttled", "1 while an endpoint of a shop cools down, else 0.", SHOP)
SHOP_CONSENT_EXPIRY: Final = _gauge(
    "shop_consent_expiry_timestamp_seconds", "Time at which the consent for a shop ends.", SHOP
)
TOKENS_EXPIRY_MIN: Final = _gauge("tokens_expiry_min_timestamp_seconds", "Time at which the next access token ends.")
STREAM_ENTRIES: Final = _gauge("stream_entries", "Entries of a stream.", STREAM)
STREAM_CAP: Final = _gauge("stream_cap_entries", "Entries that a stream may have before it is trimmed.", STREAM)
STREAM_OLDEST: Final = _gauge("stream_oldest_timestamp_seconds", "Time of a stream's oldest entry.", STREAM)
GROUP_UNREAD: Final = _gauge("group_unread_entries", "Entries not delivered to a group yet.", *GROUP)
GROUP_PENDING: Final = _gauge("group_pending_entries", "Entries delivered to a group and not acknowledged.", *GROUP)
GROUP_MEMBERS: Final = _gauge("group_members", "Living consumers of a group.", *GROUP)
GROUP_OLDEST_UNREAD: Final = _gauge(
    "group_oldest_unread_timestamp_seconds", "Time of the oldest entry not delivered to a group yet.", *GROUP
)
GROUP_LOST: Final = _counter(
    "group_lost_entries", "Entries trimmed before a group read them.", *GROUP, processes=GATEWAY
)
REDIS_MEMORY_USED: Final = _gauge("redis_memory_used_bytes", "Memory that Redis uses.")
REDIS_MEMORY_MAX: Final = _gauge("redis_memory_max_bytes", "Memory that Redis may use; 0 for no limit.")
REDIS_AOF_OK: Final = _gauge("redis_aof_last_write_ok", "1 if Redis's last write of its append-only file succeeded.")
WEBHOOKS: Final = _counter("webhooks", "Webhooks by TikTok's type and by result.", *WEBHOOK, processes=GATEWAY)
WEBHOOK_DELAY: Final = _histogram(
    "webhook_delay", "Time from TikTok's sending of a webhook to its receipt.", _DELAY_BUCKETS, processes=GATEWAY
)
HTTP_REQUESTS: Final = _counter(
    "http_requests", "Requests by the template of their route, method and class of status.", ROUTE, METHOD, CODE,
    processes=GATEWAY,
)  # fmt: skip
HTTP_DURATION: Final = _histogram(
    "http_request_duration", "Time from a request's head to its answer.", _HTTP_BUCKETS, ROUTE, processes=GATEWAY
)
HTTP_REJECTED: Final = _counter(
    "http_rejected", "Requests of the private port that were refused for their token, role or number.", REJECTION,
    processes=GATEWAY,
)  # fmt: skip
SSE_VIEWERS: Final = _gauge("sse_viewers", "Open streams of the dashboard.")

METRICS: Final = tuple(one for one in tuple(globals().values()) if isinstance(one, Metric))
"""All metrics, in the order above."""
