"""Say in one sentence why a shop is not in step, and when it will be again."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from shopstream.glance.overview import ShopOverview
from shopstream.glance.phrases import write_length, write_rate, write_when
from shopstream.glance.rings import Slot
from shopstream.glance.shop_glance import EndpointPace, ShopGlance
from shopstream.glance.wording import write_number, write_plural
from shopstream.registry.settings import DEFAULT

_CUT_SHARE: Final = 0.7
"""Share of the former rate below which a lower rate counts as a cut of the quota."""
STOPPED: Final[Mapping[str, str]] = {
    "reauthorization_required": "the seller must authorize again",
    "deauthorized": "the seller withdrew the consent",
    "not_allowed": "TikTok doesn't allow the call: look at the app's scopes and its list of allowed addresses",
    "inactive": "TikTok says that the seller or the shop is inactive",
    "misconfigured": "TikTok refuses the app itself: look at its key, its secret and the clock",
    "token_refused": "TikTok refuses the shop's access token, a fresh one too",  # nosec B105 - a sentence
}
"""The meaning of each reason for which a shop is stopped. Other classes stand for themselves."""


class Forecast(NamedTuple):
    """The end of a backlog at the present pace.

    Attributes:
        waiting: ids that wait for the endpoint.
        rate: calls a second.
        seconds: until all of them are fetched.
    """

    waiting: int
    rate: float
    seconds: float


class QuotaCut(NamedTuple):
    """The moment at which a learnt rate fell and stayed low. Rates are calls a second."""

    moment_ms: int
    before: float
    after: float


def forecast_backlog(glance: ShopGlance, now_ms: int) -> Forecast | None:
    """Forecast the end of the backlog of products: one call each, after the cool-down. None without a rate."""
    pace = find_pace(glance, "product")
    if pace is None or not pace.rate or not glance.products_waiting:
        return None
    cooling = max(0, pace.cool_ms - now_ms) / 1000
    return Forecast(glance.products_waiting, pace.rate, cooling + glance.products_waiting / pace.rate)


def find_pace(glance: ShopGlance, endpoint: str) -> EndpointPace | None:
    """Find the pace of an endpoint; None if nothing is known of it."""
    return next((pace for pace in glance.paces if pace.endpoint == endpoint), None)


def find_cut(slots: Sequence[Slot], period_seconds: int) -> QuotaCut | None:
    """Find the newest moment at which the rate fell below 70 % and never rose to that again.

    Args:
        slots: the history of an endpoint, oldest first; the value is tenths of a call a second.
        period_seconds: seconds of a slot.
    """
    rates = [(slot.period, slot.value / 10) for slot in slots if slot.value]
    highest_after = 0.0
    for (_, before), (period, after) in zip(reversed(rates[:-1]), reversed(rates[1:]), strict=True):
        highest_after = max(highest_after, after)
        if highest_after < _CUT_SHARE * before:
            return QuotaCut(period * period_seconds * 1000, before, rates[-1][1])
    return None


def describe_delay(shop: ShopOverview, now_ms: int, cut: QuotaCut | None = None) -> str:
    """Describe in a sentence why the shop is not in step; "" for one that is."""
    if shop.state == "stopped":
        return _describe_stop(shop, now_ms)
    if shop.state == "paused":
        waiting = write_plural(shop.glance.waiting, "id")
        return f"An operator has paused it. {waiting} {_verb(shop.glance.waiting)} until somebody resumes it."
    if shop.state == "first_load":
        return _describe_first_load(shop.glance, now_ms)
    if shop.state == "throttled":
        return _describe_throttle(shop.glance, now_ms, cut)
    return _describe_lateness(shop, now_ms, cut) if shop.state == "late" else ""


def name_stop(shop: ShopOverview) -> str:
    """Name the reason for which a shop is stopped: the status of its consent, else the class of its trouble."""
    status = shop.glance.entry["status"]
    return shop.reason if status == "active" else status


def _describe_stop(shop: ShopOverview, now_ms: int) -> str:
    name = name_stop(shop)
    reason = STOPPED.get(name, f"TikTok's calls fail with {name}")
    failures = [one for one in shop.glance.failures if one.error_class == name]
    since = f" since {write_when(min(one.since_ms for one in failures), now_ms)}" if failures else ""
    message = f" TikTok says: {failures[0].message}" if failures and failures[0].message else ""
    waiting = f" {write_plural(shop.glance.waiting, 'id')} {_verb(shop.glance.waiting)}." if shop.glance.waiting else ""
    return f"Nothing is fetched{since}: {reason}.{waiting}{message}"


def _describe_first_load(glance: ShopGlance, now_ms: int) -> str:
    if glance.walking is None:
        return "Its first load has not begun."
    listed = write_number(glance.walk_products or 0)
    of = f" of {write_number(glance.walk_expected)}" if glance.walk_expected else ""
    return f"The first load has listed {listed}{of} products{_write_forecast(glance, now_ms, '; ')}."


def _describe_throttle(glance: ShopGlance, now_ms: int, cut: QuotaCut | None) -> str:
    pace = max(glance.paces, key=lambda one: (one.cool_ms > now_ms, one.level, one.throttled), default=None)
    if pace is None:
        return f"TikTok's hourly limit is used up; {write_plural(glance.waiting, 'id')} {_verb(glance.waiting)}."
    cooling = pace.cool_ms - now_ms
    held = f"TikTok throttles {_name(pace.endpoint)}"
    if cooling > 0:
        held += f", the next call goes in {write_length(cooling / 1000)}"
    elif pace.throttled:
        held += f": {write_number(pace.throttled)} of its last {write_plural(pace.calls, 'call')}"
    return f"{_write_cut(cut) or held}{_write_forecast(glance, now_ms, '; ')}."


def _describe_lateness(shop: ShopOverview, now_ms: int, cut: QuotaCut | None) -> str:
    glance, settings = shop.glance, shop.glance.settings or {}
    if shop.reason == "changes":
        every: int = settings.get("interval", DEFAULT.interval)
        head = f"The last complete sync of changes began {_ago(glance.changes_ms, now_ms)}, and one is due every "
        return f"{_write_cut(cut, '. ')}{head}{write_length(every)}{_write_walk(glance)}{_forecast(glance, now_ms)}"
    if shop.reason == "stock":
        every = settings.get("stock_interval", DEFAULT.stock_interval)
        head = f"All stock was last seen {_ago(glance.seen_ms, now_ms)}, and that is due every {write_length(every)}"
        return f"{_write_cut(cut, '. ')}{head}{_write_walk(glance)}{_forecast(glance, now_ms)}"
    if shop.reason == "waiting":
        oldest = _ago(glance.oldest_ms, now_ms).removesuffix(" ago")
        head = f"The oldest of {write_plural(glance.waiting, 'id')} has waited for {oldest}"
        return f"{_write_cut(cut, '. ')}{head}{_forecast(glance, now_ms)}"
    failures = [one for one in glance.failures if one.error_class == shop.reason]
    message = f": {failures[0].endpoint} since {write_when(failures[0].since_ms, now_ms)}" if failures else ""
    return f"TikTok's calls fail for now with {shop.reason}{message}{_forecast(glance, now_ms)}"


def _forecast(glance: ShopGlance, now_ms: int) -> str:
    return f"{_write_forecast(glance, now_ms, '; ')}."


def _write_forecast(glance: ShopGlance, now_ms: int, before: str) -> str:
    forecast = forecast_backlog(glance, now_ms)
    if forecast is None:
        return f"{before}{write_plural(glance.waiting, 'id')} {_verb(glance.waiting)}" if glance.waiting else ""
    length = write_length(forecast.seconds)
    waiting = write_plural(forecast.waiting, "product")
    return f"{before}{waiting} {_verb(forecast.waiting)}, at {write_rate(forecast.rate)} calls a second for {length}"


def _write_cut(cut: QuotaCut | None, after: str = "") -> str:
    if cut is None:
        return ""
    moment = write_when(cut.moment_ms, cut.moment_ms)
    rates = f"from {write_rate(cut.before)} to {write_rate(cut.after)} calls a second"
    return f"At {moment} TikTok cut the shop's quota {rates}{after}"


def _write_walk(glance: ShopGlance) -> str:
    if glance.walking is None:
        return ""
    of = f" of {write_number(glance.walk_expected)}" if glance.walk_expected else ""
    kind = {"delta": "a sync of changes", "full": "a full sync", "poll": "a sync of stock"}.get(
        glance.walking, "a sync"
    )
    return f". Now {kind} runs: {write_number(glance.walk_products or 0)}{of} products"


def _ago(moment_ms: int | None, now_ms: int) -> str:
    return "at an unknown time" if moment_ms is None else f"{write_length((now_ms - moment_ms) / 1000)} ago"


def _name(endpoint: str) -> str:
    return endpoint.replace("_", " ")


def _verb(number: int) -> str:
    return "waits" if number == 1 else "wait"
