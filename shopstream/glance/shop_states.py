"""Judge the state of a shop. Pure: events, metrics, API, commands and pages all take it from here."""

from typing import Final, Literal, NamedTuple, get_args

from shopstream.glance.shop_facts import ACTIVE, LOADS, PAUSED, SEEN, FactRow

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
THROTTLED_PER_MILLE: Final = 20
"""Throttled calls of 1,000 above which TikTok's quota counts as the cause of a delay."""
COOLING_MS: Final = 10_000
"""Milliseconds of a cool-down above which ids that wait make a shop `throttled` at once."""
_CAPPED: Final = "hourly_cap"
_PASSING: Final = frozenset({"transient", "unreadable", "too_large", "throttled", _CAPPED})
"""Classes of troubles that pass by themselves; any other needs a person."""


class Judgement(NamedTuple):
    """The state of a shop and its reason, one of a few words; "" for a shop in step or without consent."""

    state: ShopState
    reason: str = ""


_STOPPED: Final = Judgement("stopped")
_PAUSED: Final = Judgement("paused", "paused")
_FIRST_LOAD: Final = Judgement("first_load", "first_load")
_THROTTLED: Final = Judgement("throttled", "throttled")
_IN_STEP: Final = Judgement("in_step")


def judge(facts: FactRow, now_ms: float, trouble: str = "", *, paused: bool = False) -> Judgement:
    """Judge the state of a shop.

    Args:
        facts: its facts, `ShopFacts` or the same as a plain row.
        now_ms: the present, in ms of Redis's clock.
        trouble: the class of the trouble that the last `shop.degraded` named; "" if the shop has none.
        paused: true if all shops are paused.
    """
    flags = facts[0]
    if not flags & ACTIVE:
        return _STOPPED
    if flags & PAUSED or paused:
        return _PAUSED
    if trouble and trouble not in _PASSING:
        return Judgement("stopped", trouble)
    if flags & (SEEN | LOADS) == LOADS:
        return _FIRST_LOAD
    return _judge_picture(facts, now_ms, trouble)


def _judge_picture(facts: FactRow, now_ms: float, trouble: str) -> Judgement:
    """Judge by the age of the shop's picture, and by TikTok's refusals as the cause of it."""
    _, changes, seen, oldest, interval, stock_interval, waiting, cool, level, refused, _, _, _, _, _ = facts
    if waiting and (level >= 2 or cool - now_ms > COOLING_MS):
        return _THROTTLED
    if changes and interval and now_ms - changes > 1000 * (interval + DELTA_GRACE_SECONDS):
        behind = "changes"
    elif seen and stock_interval and now_ms - seen > 1000 * STOCK_GRACE * stock_interval:
        behind = "stock"
    elif oldest and now_ms - oldest > 1000 * TURN_SECONDS:
        behind = "waiting"
    elif trouble:
        behind = trouble
    else:
        return _IN_STEP
    throttled = trouble == _CAPPED or level > 0 or refused > THROTTLED_PER_MILLE
    return Judgement("throttled" if throttled else "late", behind)
