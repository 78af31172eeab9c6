"""Take in notices about a consent: that the seller has taken it back, or that it ends soon."""

from datetime import datetime
from typing import Final

from jobs.notices.notice import WebhookNotice
from jobs.shops.coverage import list_later
from jobs.shops.reports import park
from jobs.shops.shop_access import tell
from shopstream import events
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import ShopOfApps, app_of, list_views
from worker.formats import rfc3339
from worker.runtime import Runtime

DEAUTHORIZED: Final = 6
EXPIRING: Final = 7
CLOCKS_S: Final = 2
"""Seconds by which the clocks of TikTok and Redis may differ."""


async def take_in(runtime: Runtime, entry: Shop, notice: WebhookNotice) -> None:
    """Park a deauthorized shop, or announce the end of its consent. A notice from before the consent is left out.

    It concerns the consent to the app that it came to. Clocks differ, and TikTok repeats its notices for hours: so the
    list of the shops is read a minute later, and a shop that is still on it goes on.
    """
    views = list_views(entry) if isinstance(entry, ShopOfApps) else [entry]
    for view in views:
        if app_of(view) == notice.app:
            await _take_in(runtime, view, notice)


async def _take_in(runtime: Runtime, entry: Shop, notice: WebhookNotice) -> None:
    if entry.status != "active" or notice.sent_s + CLOCKS_S < _consented_s(entry):
        return
    if notice.type == DEAUTHORIZED:
        # The list first: if Redis fails between, the notice comes again, and of a parked shop it would do nothing.
        await list_later(runtime, entry.authorization)
        await park(runtime, entry, "the seller has taken the consent back", "deauthorized")
    elif notice.type == EXPIRING:
        deadline = rfc3339(notice.expires_at or entry.refresh_expires_at, 1)
        if deadline:
            data = {"deadline": deadline}
            await tell(runtime, entry, events.SHOP_AUTHORIZATION_EXPIRING, data, notice.cause)


def _consented_s(entry: Shop) -> float:
    """Give the moment, in Unix seconds, since which the shop is active; 0 if that is unknown."""
    return datetime.fromisoformat(entry.since).timestamp() if entry.since else 0
