"""Put the overview and the list of shops together."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.dashboard.facts.stream_forecasts import StreamFill, describe_growth
from gateway.dashboard.overview.shop_rows import (
    ShopTable,
    choose_shops,
    default_filter,
    list_page,
    main_pace,
    make_table,
    read_query,
)
from gateway.dashboard.overview.squares import arrange_squares
from gateway.dashboard.overview.tiles import list_tiles
from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from shopstream.consume.groups.group_list import ConsumerGroup
from shopstream.glance.needs import count_shops_in_need, list_needs
from shopstream.glance.overview import Overview
from shopstream.glance.situation import judge_situation
from shopstream.glance.system_state import SystemState

if TYPE_CHECKING:
    from shopstream.glance.rings import Slot

_NEEDS_MOST: Final = 6
_WORKERS_MOST: Final = 16
_GROUPS_MOST: Final = 12
_BEHIND_GOAL: Final = 60.0
"""Seconds that a group may be behind."""
_BEHIND_BAD: Final = 300.0


class GroupRow(NamedTuple):
    """A group with the time that it is behind, in seconds, and the tone of that."""

    seen: ConsumerGroup
    seconds: float
    tone: str


class StreamRow(NamedTuple):
    """A stream: its name and entries, the share of its cap, the moment of its oldest entry, and its growth in words."""

    stream: str
    entries: int
    share: float
    oldest_seconds: float | None
    growth: str


async def _read_overview(visit: Visit) -> Facts:
    reader = visit.shell.reader
    overview, system = await reader.overview(), await reader.system()
    table = await _read_table(visit, overview, default_filter(overview))
    return await asyncio.to_thread(_collect, visit, overview, system) | {"table": table}


async def _read_shops(visit: Visit) -> Facts:
    overview = await visit.shell.reader.overview()
    return {"table": await _read_table(visit, overview, "all"), "overview": overview}


async def _read_table(visit: Visit, overview: Overview, default: str) -> ShopTable:
    """Read the history of the shops of a page, and make it."""
    query = read_query(visit.request.query, default)
    by_endpoint: defaultdict[str, list[str]] = defaultdict(list)
    for shop in list_page(choose_shops(overview, query), query):
        if pace := main_pace(shop):
            by_endpoint[pace.endpoint].append(shop.glance.shop_id)
    history: dict[str, list[Slot]] = {}
    for endpoint, shops in by_endpoint.items():
        history |= await visit.shell.reader.rings(shops, endpoint)
    return await asyncio.to_thread(make_table, overview, query, history)


def _collect(visit: Visit, overview: Overview, system: SystemState) -> dict[str, object]:
    """Derive all that the overview shows beside the table."""
    share = visit.shell.reader.share
    needs = share("needs", overview, lambda: list_needs(judge_situation(overview, system)))
    return {
        "overview": overview,
        "needs": needs[:_NEEDS_MOST],
        "needs_more": max(0, len(needs) - _NEEDS_MOST),
        "in_need": count_shops_in_need(overview),
        "mending": overview.states["late"] + overview.states["throttled"] + overview.states["first_load"],
        "squares": share("squares", overview, lambda: arrange_squares(overview)),
        "tiles": share("tiles", overview, lambda: list_tiles(overview, system)),
        "groups": _list_groups(system)[:_GROUPS_MOST],
        "groups_more": max(0, len(system.groups) - _GROUPS_MOST),
        "streams": _list_streams(visit, system),
        "kept_seconds": visit.door.retention_seconds,
        "stream_most": visit.door.stream_most,
        "workers": system.workers[:_WORKERS_MOST],
        "workers_all": len(system.workers),
        "dead": system.dead,
    }


def _list_groups(system: SystemState) -> Sequence[GroupRow]:
    rows = []
    for group in system.groups:
        behind = 0.0 if group.oldest_unread_ms is None else max(0, system.now_ms - group.oldest_unread_ms) / 1_000
        tone = "good" if behind <= _BEHIND_GOAL else "warn" if behind <= _BEHIND_BAD else "bad"
        rows.append(GroupRow(group, behind, tone))
    return rows


def _list_streams(visit: Visit, system: SystemState) -> Sequence[StreamRow]:
    rows = []
    for seen in system.streams:
        fill = StreamFill(
            entries=seen.fullest, cap=visit.door.stream_most, oldest_ms=seen.oldest_ms, hourly=seen.hourly,
            age_seconds=visit.door.find_kept_seconds(seen.stream),
        )  # fmt: skip
        oldest = None if seen.oldest_ms is None else max(0, system.now_ms - seen.oldest_ms) / 1_000
        rows.append(
            StreamRow(
                stream=seen.stream, entries=seen.entries, share=fill.share, oldest_seconds=oldest,
                growth=describe_growth(fill, system.now_ms) if seen.entries else "empty",
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: -row.share)


OVERVIEW: Final = LivePage(
    path="/",
    template="overview/overview.html",
    section="overview",
    read=_read_overview,
    fragments=("sentence", "squares", "tiles", "shops", "groups", "workers", "dead"),
)
SHOPS: Final = LivePage(
    path="/shops", template="overview/shops.html", section="shops", read=_read_shops, fragments=("shops",)
)
