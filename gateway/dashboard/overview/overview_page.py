"""Put the overview together."""

from typing import Final

from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit


async def _read_overview(visit: Visit) -> Facts:
    overview = await visit.shell.reader.overview()
    return {"overview": overview}


OVERVIEW: Final = LivePage(
    path="/", template="overview/overview.html", section="overview", read=_read_overview, fragments=("sentence",)
)
SHOPS: Final = LivePage(path="/shops", template="overview/shops.html", section="shops", read=_read_overview)
