"""Show all shops as squares, worst first. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from shopstream.glance.overview import Overview, ShopOverview
from shopstream.glance.shop_states import STATES, ShopState
from shopstream.glance.wording import write_plural, write_state
from shopstream.registry.settings import DEFAULT

SINGLE_MOST: Final = 2_000
"""Shops up to which each has a square of its own."""
GROUP: Final = 10
"""Shops of a square beyond. It shows the worst one."""
_SHADES: Final = 6
"""Shades of a square: the fainter, the fresher is the shop's stock."""


class Square(NamedTuple):
    """A square: its state, its shade (0 is the faintest), its link and its title."""

    state: ShopState
    shade: int
    query: str
    title: str


class LegendRow(NamedTuple):
    """A state with the number of its shops."""

    state: ShopState
    shops: int


class Squares(NamedTuple):
    """All squares.

    Attributes:
        squares: worst first.
        size: shops of a square.
        legend: the states that shops are in, but `in_step`.
        in_step: shops that are in step.
        median_seconds: the median age of their stock; None without one.
        oldest_seconds: the age that 99 of 100 are below.
    """

    squares: list[Square]
    size: int
    legend: list[LegendRow]
    in_step: int
    median_seconds: float | None
    oldest_seconds: float | None


def arrange_squares(overview: Overview) -> Squares:
    """Arrange the squares of all shops."""
    shops, now_ms = overview.shops, overview.now_ms
    size = 1 if len(shops) <= SINGLE_MOST else GROUP * -(-len(shops) // (SINGLE_MOST * GROUP))
    squares = [_make_square(shops[at : at + size], at, now_ms) for at in range(0, len(shops), size)]
    in_step = [shop for shop in shops if shop.state == "in_step" and shop.glance.seen_ms is not None]
    ages = sorted((now_ms - (shop.glance.seen_ms or now_ms)) / 1_000 for shop in in_step)
    return Squares(
        squares=squares,
        size=size,
        legend=[LegendRow(one, overview.states[one]) for one in STATES if one != "in_step" and overview.states[one]],
        in_step=overview.states["in_step"],
        median_seconds=ages[len(ages) // 2] if ages else None,
        oldest_seconds=ages[len(ages) * 99 // 100] if ages else None,
    )


def stock_share(shop: ShopOverview, now_ms: int) -> float | None:
    """Compute the age of a shop's stock as a share of the time between two polls; None if either isn't there."""
    every = (shop.glance.settings or {}).get("stock_interval", DEFAULT.stock_interval)
    if shop.glance.seen_ms is None or not every:
        return None
    return float(max(0.0, (now_ms - shop.glance.seen_ms) / 1_000 / every))


def _make_square(shops: Sequence[ShopOverview], rank: int, now_ms: int) -> Square:
    worst = shops[0]
    words = write_state(worst.state, worst.reason)
    share = stock_share(worst, now_ms)
    shade = _SHADES - 1 if share is None else min(_SHADES - 1, int(share * _SHADES))
    if len(shops) == 1:
        query, title = urlencode({"shop": worst.glance.shop_id}), f"{worst.glance.title}: {words}"
    else:
        query, title = urlencode({"rank": rank}), f"{write_plural(len(shops), 'shop')}, the worst: {words}"
    return Square(worst.state, shade, query, title)
