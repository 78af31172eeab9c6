"""Decide which consents of a shop stay beside a new one: those to other apps of this deployment."""

from shopstream.registry.shop_of_apps import ShopOfApps, add_consent, list_views
from worker.runtime import Runtime
from worker.tokens.authorizations import Authorization


async def find_rival(runtime: Runtime, entry: ShopOfApps, new: Authorization) -> ShopOfApps | None:
    """Find the consent of a shop that a new one to the same app replaces. Return the shop by that consent.

    A worker with one app replaces the only consent of a shop by any new one, as it may be to an app from before.
    """
    rivals = [view for view in list_views(entry) if view.authorization != new.id]
    if runtime.tokens.apps.several or entry.also:
        app = runtime.tokens.apps.by_name(new.app)
        rivals = [view for view in rivals if await runtime.tokens.owners.find_app(view.authorization) is app]
    # Of the rivals that a worker with one app finds, the one that works decides.
    return next((view for view in rivals if view.status == "active"), rivals[0] if rivals else None)


def join(runtime: Runtime, new: ShopOfApps, present: ShopOfApps | None, rival: ShopOfApps | None) -> ShopOfApps:
    """Give the entry of a shop after a new consent: with those to other apps beside it, and without its rival."""
    if present is None or not (runtime.tokens.apps.several or present.also):
        return new
    return add_consent(present, new, without=rival.authorization if rival else "")
