"""Serve a page by its URL in three forms: HTML, a stream of what changes, and the same for polling.

A page is a template and a function that reads its facts. Blocks of the template that are named as fragments are live:
`gateway/dashboard/shell/live_rooms.py` renders them once for all who look at the same URL.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.dashboard.shell.live_rooms import LiveRooms
from gateway.dashboard.shell.templating import HEADERS, Facts
from gateway.dashboard.shell.visits import Shell, Visit

ReadFacts = Callable[[Visit], Awaitable[Facts]]
_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class LivePage:
    """One page.

    Attributes:
        path: its route, as `/shops/{shop}`.
        template: the file of its template, below `templates`.
        section: its entry in the navigation: overview, shops, streams, dead or workers; "" for none.
        read: reads its facts. It runs every 2 s for all viewers of a URL together while somebody looks.
        fragments: the template's blocks that are live. Each holds one element with the block's name as its id.
    """

    path: str
    template: str
    section: str
    read: ReadFacts
    fragments: tuple[str, ...] = ()


def page_route(shell: Shell, rooms: LiveRooms, page: LivePage) -> web.RouteDef:
    """Make the route of a page."""

    async def read(visit: Visit) -> Facts:
        live = {"live": bool(page.fragments)}
        return await visit.collect_facts(page.section) | live | dict(await page.read(visit))

    async def show(visit: Visit) -> web.StreamResponse:
        accept = visit.request.headers.get("Accept", "")
        if page.fragments and _STREAM in accept:
            return await rooms.stream(visit, page.template, page.fragments, read)
        if page.fragments and accept.startswith(_JSON):
            return await rooms.poll(visit, page.template, page.fragments, read)
        text = await shell.templates.render_aside(page.template, await read(visit))
        response = web.Response(text=text, content_type="text/html", headers=HEADERS)
        response.enable_compression()
        return response

    return web.get(page.path, shell.admit(show))
