"""Judge the state of a shop. Pure: events, metrics, API, commands and pages all take it from here."""

from typing import Final, Literal, NamedTuple, get_args

from shopstream.glance.shop_glance import EndpointPace, ShopGlance
from shopstream.registry.settings import DEFAULT

ShopState = Literal["stopped", "throttled", "late", "first_load", "paused", "in_step"]
"""`stopped` needs a person. `throttled` and `late` mend themselves. `paused` is a person's wish."""
STATES: Final[tuple[ShopState, ...]] = get_args(ShopState)
"""All states, those that need a look first."""
DELTA_GRACE_SECONDS: Final = 900
"""Seconds after an incremental walk was due at which the picture of a shop's products counts as late."""
STOCK_GRACE: Final = 1.25
"""Multiple of the time between two polls at which the picture of its stock counts as late."""
TURN_SECONDS: Final = 300
"""Seconds for which an id may wait in its turn."""
IN_TURN: Final[frozenset[ShopState]] = frozenset({"late", "first_load", "in_step"})
"""States in which this promise holds: no person and no quota holds the ids."""
THROTTLED_SHARE: Final = 0.02
"""Share of throttled calls above which TikTok's quota counts as the cause of a delay."""
COOLING_MS: Final = 10_000
"""Milliseconds of a cool-down above which ids that wait make a shop `throttled` at once."""
_CAPPED: Final = "hourly_cap"
_PASSING: Final = frozenset({"transient", "unreadable", "too_large", "throttled", _CAPPED})
"""Classes of troubles that pass by themselves; any other needs a person."""


class Judgement(NamedTuple):
    """The state of a shop and its reason, one of a few words; "" for a shop in step."""

    state: ShopState
    reason: str = ""


def judge(glance: ShopGlance, now_ms: int, *, paused: bool = False) -> Judgement:
    """Judge the state of a shop.

    Args:
        glance: its facts.
        now_ms: the present, in ms of Redis's clock.
        paused: true if all shops are paused.
    """
    if (need := _find_need(glance)) and need.state == "stopped":
        return need
    if paused or (glance.settings is not None and glance.settings.get("paused")):
        return Judgement("paused", "paused")
    return need or _judge_picture(glance, now_ms)


def _find_need(glance: ShopGlance) -> Judgement | None:
    """Find the reason for which no picture of the shop can be in step; None without one."""
    if (status := glance.entry["status"]) != "active":
        return Judgement("stopped", status)
    if glance.reported and glance.reported not in _PASSING:
        return Judgement("stopped", glance.reported)
    if glance.watermark is None and (glance.settings or {}).get("full_interval", DEFAULT.full_interval):
        return Judgement("first_load", "first_load")
    return None


def _judge_picture(glance: ShopGlance, now_ms: int) -> Judgement:
    """Judge by the age of the shop's picture, and by TikTok's refusals as the cause of it."""
    if glance.waiting and _is_held(glance, now_ms):
        return Judgement("throttled", "throttled")
    behind = _find_delay(glance, now_ms) or glance.reported
    if not behind:
        return Judgement("in_step")
    throttled = glance.reported == _CAPPED or any(map(_is_throttled, glance.paces))
    return Judgement("throttled" if throttled else "late", behind)


def _find_delay(glance: ShopGlance, now_ms: int) -> str:
    """Name the part of a shop's picture that is older than promised; "" if none is."""
    settings = glance.settings or {}
    every: int = settings.get("interval", DEFAULT.interval)
    limit_ms = 1000 * (every + DELTA_GRACE_SECONDS)
    if every and glance.changes_ms is not None and now_ms - glance.changes_ms > limit_ms:
        return "changes"
    every = settings.get("stock_interval", DEFAULT.stock_interval)
    if every and glance.seen_ms is not None and now_ms - glance.seen_ms > 1000 * STOCK_GRACE * every:
        return "stock"
    if (oldest := glance.oldest_ms) is not None and now_ms - oldest > 1000 * TURN_SECONDS:
        return "waiting"
    return ""


def _is_held(glance: ShopGlance, now_ms: int) -> bool:
    """Tell whether TikTok's refusals hold the shop's ids just now."""
    return any(row[3] - now_ms > COOLING_MS or row[4] >= 2 for row in glance.raw_paces)


def _is_throttled(pace: EndpointPace) -> bool:
    return pace.level > 0 or pace.throttled > THROTTLED_SHARE * pace.calls
