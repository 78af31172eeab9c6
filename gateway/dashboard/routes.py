"""List the routes of the dashboard, for the private port."""

from aiohttp import web

from gateway.api.access.bearer import Gate
from gateway.dashboard.access.audit_trail import AuditTrail
from gateway.dashboard.access.sessions import Sessions
from gateway.dashboard.overview.overview_page import OVERVIEW, SHOPS
from gateway.dashboard.overview.pausing_all import PATHS, pause_all, plan_pause, plan_resume, resume_all
from gateway.dashboard.shell.change_forms import change_route
from gateway.dashboard.shell.live_pages import page_route
from gateway.dashboard.shell.live_rooms import LiveRooms
from gateway.dashboard.shell.login_pages import login_routes
from gateway.dashboard.shell.static_files import serve_file
from gateway.dashboard.shell.templating import load_templates
from gateway.dashboard.shell.visits import Shell
from gateway.dashboard.shop.shop_changes import SHOP_CHANGES
from gateway.dashboard.shop.shop_page import SHOP
from gateway.dashboard.system.audit_page import AUDIT_PAGE
from gateway.dashboard.system.authorization_page import AUTHORIZATION_CHANGES, AUTHORIZATION_PAGE, invite_route
from gateway.dashboard.system.letter_changes import LETTER_CHANGES
from gateway.dashboard.system.letter_pages import LETTER_PAGES
from gateway.dashboard.system.search_page import search_route
from gateway.dashboard.system.stream_pages import STREAM_CHANGES, STREAM_PAGES
from gateway.dashboard.system.worker_page import WORKER_PAGE
from gateway.door import Door
from gateway.gateway_counts import GatewayCounts

PAGES = (OVERVIEW, SHOPS, SHOP, *STREAM_PAGES, *LETTER_PAGES, WORKER_PAGE, AUTHORIZATION_PAGE, AUDIT_PAGE)
CHANGES = (
    (PATHS.pause, plan_pause, pause_all),
    (PATHS.resume, plan_resume, resume_all),
    *SHOP_CHANGES,
    *STREAM_CHANGES,
    *LETTER_CHANGES,
    *AUTHORIZATION_CHANGES,
)


def dashboard_routes(door: Door, counts: GatewayCounts) -> list[web.RouteDef]:
    """List the routes."""
    shell = Shell(
        door=door,
        reader=door.reader,
        counts=counts,
        gate=Gate(door.tokens),
        sessions=Sessions(door.redis, door.tokens),
        audit=AuditTrail(door.redis),
        templates=load_templates(),
    )
    rooms = LiveRooms(shell)
    counts.watch_viewers(lambda: rooms.viewers)
    return [
        web.get("/static/{name}", serve_file),
        *login_routes(shell),
        search_route(shell),
        invite_route(shell),
        *(page_route(shell, rooms, page) for page in PAGES),
        *(change_route(shell, path, plan, act) for path, plan, act in CHANGES),
    ]
