"""Show who changed what, newest first."""

from typing import Final

from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from shopstream.redis.streams.entry_ids import is_entry_id

PAGE: Final = 100


async def _read_audit(visit: Visit) -> Facts:
    before = visit.request.query.get("before", "")
    entries = await visit.shell.audit.list_newest(PAGE + 1, before if is_entry_id(before) else "+")
    return {"entries": entries[:PAGE], "next": entries[PAGE - 1].entry if len(entries) > PAGE else ""}


AUDIT_PAGE: Final = LivePage(path="/audit", template="system/audit.html", section="", read=_read_audit)
