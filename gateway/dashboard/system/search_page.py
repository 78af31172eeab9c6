"""Answer the search box: with a list, or with the only thing that was found."""

from aiohttp import web

from gateway.dashboard.shell.templating import HEADERS
from gateway.dashboard.shell.visits import Shell, Visit, root_of
from gateway.dashboard.system.id_search import SEARCHED, search_all

LONGEST = 200


def search_route(shell: Shell) -> web.RouteDef:
    """Make the route of the search box."""

    async def search(visit: Visit) -> web.StreamResponse:
        word = visit.request.query.get("q", "").strip()[:LONGEST]
        hits = await search_all(visit, word) if word else []
        if len(hits) == 1:
            place = f"{root_of(visit.request)}{hits[0].page}"
            return web.Response(status=303, headers=HEADERS | {"Location": place})
        return await visit.render("system/search.html", "", {"word": word, "hits": hits, "searched": SEARCHED})

    return web.get("/search", shell.admit(search))
