"""Choose shops of an overview, and show them as a table or as documents."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from shopstream.cli.output.documents import AppDocument, FailureDocument, ShopDocument
from shopstream.cli.terminal import print_table, say
from shopstream.durations import parse_duration, write_duration
from shopstream.glance.overview import Overview, ShopOverview
from shopstream.glance.shop_facts import ACTIVE, LOADS, ShopFacts
from shopstream.glance.shop_glance import ShopGlance
from shopstream.glance.shop_states import STATES, judge
from shopstream.ids import InvalidArgument, show
from shopstream.redis.clock import write_rfc3339
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import AppStanding, list_apps


@dataclass(frozen=True, slots=True)
class ShopFilter:
    """The shops that are wanted. Times in seconds; None takes all.

    Attributes:
        states: the states; without any all are taken.
        stale: the least age of the last check of all stock.
        expiring: the most time until the end of the consent.
    """

    states: frozenset[str]
    stale: float | None
    expiring: float | None

    @classmethod
    def read(cls, states: Sequence[str], stale: str | None, expiring: str | None) -> "ShopFilter":
        """Read the options of a command.

        Raises:
            InvalidArgument: a state or a time is not valid.
        """
        for name in states:
            if name not in STATES:
                raise InvalidArgument(f"a state is one of {', '.join(STATES)}, not {show(name)}")
        return cls(frozenset(states), _read_time(stale), _read_time(expiring))

    def takes(self, shop: ShopOverview, now_ms: int) -> bool:
        """Tell whether a shop is wanted."""
        glance = shop.glance
        if self.states and shop.state not in self.states:
            return False
        if self.stale is not None and glance.seen_ms is not None and now_ms - glance.seen_ms < 1000 * self.stale:
            return False
        ends = glance.entry["refresh_expires_at"]
        return self.expiring is None or 0 < ends < now_ms / 1000 + self.expiring


def _read_time(written: str | None) -> float | None:
    if written is None:
        return None
    seconds = parse_duration(written)
    if seconds is None:
        raise InvalidArgument(f"a time is 30m, 12h or 7d, not {show(written)}")
    return seconds


def find_unseen(overview: Overview, shops: Sequence[Shop]) -> list[ShopOverview]:
    """Show the authorized shops that no worker has looked at yet: nothing is known of them but their consent."""
    seen = {shop.glance.shop_id for shop in overview.shops}
    return [_show_unseen(shop, overview) for shop in shops if shop.shop_id not in seen]


def _show_unseen(shop: Shop, overview: Overview) -> ShopOverview:
    facts = ShopFacts(
        flags=LOADS | (ACTIVE if shop.status == "active" else 0), changes_ms=0, seen_ms=0, oldest_ms=0, interval=0,
        stock_interval=0, waiting=0, cool_ms=0, level=0, refused=0, consent_ends=shop.refresh_expires_at, products=0,
        stock_waiting=0, products_oldest_ms=0, stock_oldest_ms=0,
    )  # fmt: skip
    state, reason = judge(facts, overview.now_ms, paused=overview.paused)
    glance = ShopGlance.of_entry(orjson.loads(shop.to_json()), overview.now_ms)
    return ShopOverview(state, reason or (shop.status if state == "stopped" else ""), glance)


def write_document(shop: ShopOverview, now_ms: int) -> ShopDocument:
    """Write the document of a shop. Ages in seconds at `now_ms`."""
    glance = shop.glance
    entry = glance.entry
    document: ShopDocument = {
        "shop_id": glance.shop_id,
        "name": glance.name,
        "region": entry["region"],
        "seller_type": entry["seller_type"],
        "authorization": entry["authorization"],
        "state": shop.state,
        "state_reason": shop.reason,
        "status": entry["status"],
        "reason": entry["reason"],
        "since": entry["since"],
        "refresh_expires_at": entry["refresh_expires_at"],
        "stock_age": _age(glance.seen_ms, now_ms),
        "changes_age": _age(glance.changes_ms, now_ms),
        "watermark": glance.watermark,
        "walking": glance.walking,
        "products": glance.products,
        "waiting": glance.waiting,
        "oldest_seconds": _age(glance.oldest_ms, now_ms),
        "rates": {pace.endpoint: pace.rate for pace in glance.paces},
        "drift": glance.drift,
        "dead": glance.dead,
        "troubles": [
            FailureDocument(
                endpoint=one.endpoint, error_class=one.error_class, message=one.message, since_ms=one.since_ms
            )
            for one in glance.failures
        ],
    }
    if apps := list_apps(entry):
        document["apps"] = [AppDocument(app=one.app, state=one.state, reason=one.reason) for one in apps]
    return document


def show_overview(found: Sequence[ShopOverview], now_ms: int) -> None:
    """Print shops as a table, and below it what fails."""
    head = ("shop", "name", "region", "state", "changes seen", "stock seen", "waiting", "oldest", "consent")
    print_table(head, [_row(shop, now_ms) for shop in found])
    for shop in found:
        if apps := list_apps(shop.glance.entry):
            say(f"{shop.glance.shop_id}: apps: {', '.join(_write_app(one) for one in apps)}")
        for one in shop.glance.failures:
            since = write_rfc3339(one.since_ms, "seconds")
            say(f"{shop.glance.shop_id}: {one.endpoint}: {one.message or one.error_class} (since {since})")


def _write_app(one: AppStanding) -> str:
    state = one.state.replace("_", " ")
    return f"{one.app} {state}" + (f" ({one.reason})" if one.reason else "")


def _row(shop: ShopOverview, now_ms: int) -> tuple[str, ...]:
    glance, ends = shop.glance, shop.glance.entry["refresh_expires_at"]
    state = shop.state.replace("_", " ") + (f", {shop.reason}" if shop.state in {"stopped", "late"} else "")
    consent = "unknown" if not ends else f"{max(0, ends - now_ms // 1000) // 86_400} days"
    seen = [_write_ago(_age(moment, now_ms)) for moment in (glance.changes_ms, glance.seen_ms)]
    oldest = _age(glance.oldest_ms, now_ms)
    waits = "" if oldest is None else write_duration(oldest)
    return glance.shop_id, glance.name, glance.entry["region"], state, *seen, f"{glance.waiting:,}", waits, consent


def _age(moment_ms: int | None, now_ms: int) -> float | None:
    return None if moment_ms is None else max(0, now_ms - moment_ms) / 1000


def _write_ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{write_duration(seconds)} ago"
