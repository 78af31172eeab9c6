"""Show the facts of a shop as a row of numbers, each with its goal beside it."""

from typing import NamedTuple

from gateway.dashboard.facts.shop_moments import read_interval
from shopstream.glance.needs import CONSENT_SECONDS
from shopstream.glance.overview import ShopOverview
from shopstream.glance.phrases import write_age, write_length
from shopstream.glance.shop_glance import ShopGlance
from shopstream.glance.shop_states import DELTA_GRACE_SECONDS, STOCK_GRACE, TURN_SECONDS
from shopstream.glance.wording import NONE, write_number, write_plural


class ShopNumber(NamedTuple):
    """One fact of a shop.

    Attributes:
        label: its name.
        value: the number in words.
        note: the goal, or a second number.
        missed: true if the goal is missed.
    """

    label: str
    value: str
    note: str
    missed: bool = False


def list_numbers(shop: ShopOverview, token_end: int | None, now_ms: int) -> list[ShopNumber]:
    """List the facts of a shop.

    Args:
        shop: the shop.
        token_end: Unix seconds of the end of its access token; None if that is not known.
        now_ms: the present, in ms of Redis's clock.
    """
    return [
        _show_changes(shop.glance, now_ms),
        _show_stock(shop.glance, now_ms),
        _show_waiting(shop.glance, now_ms),
        ShopNumber("Drift, 7 days", write_number(shop.glance.drift), "unannounced changes"),
        _show_consent(shop.glance, token_end, now_ms),
        ShopNumber("Dead letters, 7 days", write_number(shop.glance.dead), "ids given up", shop.glance.dead > 0),
    ]


def _show_changes(glance: ShopGlance, now_ms: int) -> ShopNumber:
    every = read_interval(glance, "interval")
    goal = every + DELTA_GRACE_SECONDS if every else 0
    return _show_age("Changes seen", glance.changes_ms, goal, now_ms)


def _show_stock(glance: ShopGlance, now_ms: int) -> ShopNumber:
    every = read_interval(glance, "stock_interval")
    return _show_age("Stock seen", glance.seen_ms, STOCK_GRACE * every, now_ms)


def _show_age(label: str, moment_ms: int | None, goal: float, now_ms: int) -> ShopNumber:
    note = f"goal {write_length(goal)}" if goal else "never synced by itself"
    missed = moment_ms is not None and goal > 0 and now_ms - moment_ms > 1000 * goal
    return ShopNumber(label, NONE if moment_ms is None else f"{write_age(moment_ms, now_ms)} ago", note, missed)


def _show_waiting(glance: ShopGlance, now_ms: int) -> ShopNumber:
    oldest = glance.oldest_ms
    if oldest is None:
        return ShopNumber("Waiting", write_number(glance.waiting), f"goal {write_length(TURN_SECONDS)}")
    note = f"the oldest for {write_age(oldest, now_ms)}"
    return ShopNumber("Waiting", write_number(glance.waiting), note, now_ms - oldest > 1000 * TURN_SECONDS)


def _show_consent(glance: ShopGlance, token_end: int | None, now_ms: int) -> ShopNumber:
    token = f"token {_write_left(token_end, now_ms)}" if token_end else "token unknown"
    if glance.entry["status"] != "active":
        return ShopNumber("Consent", "gone", glance.entry["status"].replace("_", " "), missed=True)
    end = glance.entry.get("refresh_expires_at", 0)
    if not end:
        return ShopNumber("Consent", NONE, token)
    left = end - now_ms / 1000
    token_missed = token_end is not None and token_end - now_ms / 1000 < 0
    value = write_plural(round(left / 86_400), "day") if left > 2 * 86_400 else _write_left(end, now_ms)
    return ShopNumber("Consent", value, token, left < CONSENT_SECONDS or token_missed)


def _write_left(end: int, now_ms: int) -> str:
    left = end - now_ms / 1000
    return write_length(left) if left > 0 else "has ended"
