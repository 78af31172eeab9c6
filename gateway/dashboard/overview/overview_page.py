"""Put the overview together."""

from typing import Final

from gateway.dashboard.pages import Page
from gateway.dashboard.shell import Visit
from gateway.dashboard.templating import Facts


async def _read_overview(visit: Visit) -> Facts:
    overview = await visit.shell.reader.overview()
    return {"overview": overview}


OVERVIEW: Final = Page("/", "overview/overview.html", "overview", _read_overview, ("sentence",))
SHOPS: Final = Page("/shops", "overview/shops.html", "shops", _read_overview, ())
