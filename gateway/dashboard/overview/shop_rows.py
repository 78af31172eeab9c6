"""Filter, sort and page the table of shops. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from gateway.dashboard.drawing.charts import Chart, draw_steps
from gateway.dashboard.overview.squares import GROUP, SINGLE_MOST, stock_share
from shopstream.glance.needs import list_ending_consents
from shopstream.glance.overview import Overview, ShopOverview
from shopstream.glance.rings import CALLS, Slot
from shopstream.glance.shop_glance import EndpointPace
from shopstream.glance.shop_states import STATES, STOCK_GRACE
from shopstream.glance.wording import write_state

PAGE: Final = 50
"""Shops of a page."""
_LOOK: Final = frozenset({"stopped", "throttled", "late", "first_load"})
_FILTERS: Final[Mapping[str, str]] = {
    "look": "Needs a look",
    "all": "All",
    "stopped": "Stopped",
    "late": "Late",
    "throttled": "Throttled",
    "first_load": "First load",
    "paused": "Paused",
    "in_step": "In step",
    "ending": "Consent ends soon",
    "dead": "Dead letters",
    "drift": "Drift",
}
_FAR: Final = float("inf")
_SORTS: Final[Mapping[str, Callable[[ShopOverview], float | str]]] = {
    "state": lambda shop: STATES.index(shop.state),
    "name": lambda shop: shop.glance.name.casefold(),
    "changes": lambda shop: shop.glance.changes_ms or 0,
    "stock": lambda shop: shop.glance.seen_ms or 0,
    "waiting": lambda shop: -shop.glance.waiting,
    "oldest": lambda shop: shop.glance.oldest_ms or _FAR,
    "pace": lambda shop: -(pace.rate or 0 if (pace := main_pace(shop)) else 0),
    "drift": lambda shop: -shop.glance.drift,
    "consent": lambda shop: shop.glance.entry.get("refresh_expires_at", 0),
    "dead": lambda shop: -shop.glance.dead,
}
"""Orders by column, the worst or largest first; a `-` before the name turns it round."""
_RISING: Final = frozenset({"state", "name", "consent"})
"""Columns whose first order is that of the alphabet, or from the first moment on."""


class Chip(NamedTuple):
    """A filter with the number of its shops."""

    name: str
    label: str
    shops: int
    query: str
    chosen: bool


class Column(NamedTuple):
    """A column that can be sorted by. `order` is the present order for `aria-sort`; "" for none."""

    label: str
    query: str
    order: str


class ShopRow(NamedTuple):
    """A shop in the table. Ages are seconds, None where something never happened.

    Attributes:
        shop: the shop.
        words: its state or the reason, in words.
        changes_seconds: the age of its picture of changes.
        stock_seconds: the age of its picture of stock.
        stock_share: this as a share of the time between two polls.
        stock_tone: good, warn or bad.
        oldest_seconds: the time for which its oldest id has waited.
        used: calls a second of its main endpoint in the last minutes.
        rate: the learnt rate of that.
        consent_days: days to the end of its consent; None without one.
        chart: the learnt rate of 24 h with its throttles.
    """

    shop: ShopOverview
    words: str
    changes_seconds: float | None
    stock_seconds: float | None
    stock_share: float
    stock_tone: str
    oldest_seconds: float | None
    used: float | None
    rate: float | None
    consent_days: int | None
    chart: Chart


class ShopTable(NamedTuple):
    """A page of the table.

    Attributes:
        chips: the filters.
        columns: the columns by name.
        rows: the rows of this page.
        found: the shops of all pages.
        first: the number of the first row, from 1.
        previous: the query of the page before; "" for none.
        following: the query of the page after; "" for none.
        choice: the filter in words, if it is no chip.
    """

    chips: list[Chip]
    columns: dict[str, Column]
    rows: list[ShopRow]
    found: int
    first: int
    previous: str
    following: str
    choice: str


class TableQuery(NamedTuple):
    """A choice of shops, an order and a page, as the URL has them. Anything unknown counts as absent."""

    state: str
    sort: str
    page: int
    shop: str
    rank: int | None

    def write(self, **changes: str | int) -> str:
        """Write the query of a link with some changes; the page begins anew with another choice."""
        values: dict[str, str | int] = {"state": self.state}
        if self.sort:
            values["sort"] = self.sort
        return urlencode(values | changes)


def read_query(query: Mapping[str, str], default: str) -> TableQuery:
    """Read the query of a URL."""
    state, sort, page, rank = (query.get(name, "") for name in ("state", "sort", "page", "rank"))
    return TableQuery(
        state=state if state in _FILTERS else default,
        sort=sort if sort.removeprefix("-") in _SORTS else "",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        shop=query.get("shop", "")[:100],
        rank=int(rank) if rank.isascii() and rank.isdigit() and len(rank) < 8 else None,
    )


def default_filter(overview: Overview) -> str:
    """Choose the filter of an overview whose URL has none: what needs a look, if anything does."""
    return "look" if any(overview.states[state] for state in STATES if state in _LOOK) else "all"


def choose_shops(overview: Overview, query: TableQuery) -> Sequence[ShopOverview]:
    """Choose the shops of a query, in its order."""
    shops: Sequence[ShopOverview]
    if query.rank is not None:
        size = GROUP * -(-len(overview.shops) // (SINGLE_MOST * GROUP))
        shops = overview.shops[query.rank : query.rank + size]
    elif query.shop:
        wanted = query.shop.casefold()
        shops = [
            one for one in overview.shops if one.glance.shop_id == query.shop or wanted in one.glance.name.casefold()
        ]
    else:
        shops = _filter(overview, query.state)
    if not query.sort:
        return shops
    return sorted(shops, key=_SORTS[query.sort.removeprefix("-")], reverse=query.sort.startswith("-"))


def list_page(shops: Sequence[ShopOverview], query: TableQuery) -> Sequence[ShopOverview]:
    """List the shops of a query's page."""
    return shops[PAGE * (query.page - 1) : PAGE * query.page]


def make_table(overview: Overview, query: TableQuery, history: Mapping[str, Sequence[Slot]]) -> ShopTable:
    """Make the page of a query.

    Args:
        overview: the state of all shops.
        query: the choice.
        history: the slots of the main endpoint of the page's shops.
    """
    shops = choose_shops(overview, query)
    page = list_page(shops, query)
    single = query.rank is not None or bool(query.shop)
    return ShopTable(
        chips=_list_chips(overview, "" if single else query.state),
        columns={name: _make_column(name, query) for name in _SORTS},
        rows=[_make_row(shop, overview.now_ms, history.get(shop.glance.shop_id, ())) for shop in page],
        found=len(shops),
        first=PAGE * (query.page - 1) + 1,
        previous=query.write(page=query.page - 1) if query.page > 1 else "",
        following=query.write(page=query.page + 1) if PAGE * query.page < len(shops) else "",
        choice=(query.shop or f"from {query.rank}") if single else "",
    )


def _filter(overview: Overview, name: str) -> Sequence[ShopOverview]:
    shops = overview.shops
    if name == "all":
        return shops
    if name == "look":
        return [shop for shop in shops if shop.state in _LOOK]
    if name == "ending":
        return list_ending_consents(overview)
    if name in {"dead", "drift"}:
        return [shop for shop in shops if getattr(shop.glance, name)]
    return [shop for shop in shops if shop.state == name]


def _count(overview: Overview, name: str) -> int:
    """Count the shops of a filter. Of states the overview knows the numbers."""
    wanted = _LOOK if name == "look" else {name}
    if name in {"look", *STATES}:
        return sum(number for state, number in overview.states.items() if state in wanted)
    return len(_filter(overview, name))


def _list_chips(overview: Overview, chosen: str) -> list[Chip]:
    found = []
    for name, label in _FILTERS.items():
        number = _count(overview, name)
        if number or name in {"all", chosen}:
            found.append(Chip(name=name, label=label, shops=number, query=f"state={name}", chosen=name == chosen))
    return found


def _make_column(name: str, query: TableQuery) -> Column:
    labels = {
        "state": "State", "name": "Shop", "changes": "Changes seen", "stock": "Stock seen", "waiting": "Waiting",
        "oldest": "Oldest", "pace": "Pace, 24 h", "drift": "Drift", "consent": "Consent", "dead": "Dead",
    }  # fmt: skip
    turned = f"-{name}" if query.sort == name else name
    falling, rising = ("ascending", "descending") if name in _RISING else ("descending", "ascending")
    order = {name: falling, f"-{name}": rising}.get(query.sort, "")
    return Column(labels[name], query.write(sort=turned), order)


def main_pace(shop: ShopOverview) -> EndpointPace | None:
    """Find the pace of the endpoint with most calls; None without any."""
    return max(shop.glance.paces, key=lambda pace: pace.calls, default=None)


def _make_row(shop: ShopOverview, now_ms: int, slots: Sequence[Slot]) -> ShopRow:
    glance, pace = shop.glance, main_pace(shop)
    share = stock_share(shop, now_ms)
    seconds = CALLS.seconds + now_ms / 1_000 % CALLS.seconds
    expires = glance.entry.get("refresh_expires_at", 0)
    active = glance.entry["status"] == "active"
    marks = [at for at, slot in enumerate(slots) if slot.third]
    words = write_state(shop.state, shop.reason)
    if shop.state == "first_load" and glance.walk_expected:
        words += f" {100 * (glance.walk_products or 0) // glance.walk_expected} %"
    return ShopRow(
        shop=shop,
        words=words,
        changes_seconds=_age(glance.changes_ms, now_ms),
        stock_seconds=_age(glance.seen_ms, now_ms),
        stock_share=share or 0.0,
        stock_tone="good" if share is None or share <= 1 else "warn" if share <= STOCK_GRACE else "bad",
        oldest_seconds=_age(glance.oldest_ms, now_ms),
        used=pace.calls / seconds if pace is not None else None,
        rate=pace.rate if pace is not None else None,
        consent_days=int((expires - now_ms / 1_000) // 86_400) if active and expires else None,
        chart=draw_steps([slot.value for slot in slots], marks),
    )


def _age(moment_ms: int | None, now_ms: int) -> float | None:
    return None if moment_ms is None else max(0, now_ms - moment_ms) / 1_000
