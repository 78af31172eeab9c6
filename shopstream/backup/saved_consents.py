"""Compare the consents of a shop in a backup with those that Redis has: there is one for each app. Pure."""

from collections.abc import Collection

from shopstream.registry.shop_of_apps import ShopOfApps, list_authorizations, list_views


def list_saved(entry: str) -> list[str]:
    """List the ids of the authorizations of a shop, by its entry in a backup."""
    return list_authorizations(ShopOfApps.from_json(entry.encode()))


def is_outdated(present: bytes, saved: Collection[str], renewed: Collection[str]) -> bool:
    """Tell whether Redis's entry of a shop waits for a consent that the backup has just brought.

    Args:
        present: Redis's entry.
        saved: the authorizations of the shop in the backup.
        renewed: the authorizations whose pair was taken from the backup.
    """
    try:
        shop = ShopOfApps.from_json(present)
    except ValueError:
        return True
    known = set(list_authorizations(shop)) & set(saved)
    return shop.status != "active" and not known.isdisjoint(renewed)


def find_missing(present: bytes, entry: str) -> list[str]:
    """Find the authorizations of the backup to apps that Redis's entry has no consent to."""
    shop = ShopOfApps.from_json(present)
    apps = {view.app for view in list_views(shop)}
    return [view.authorization for view in list_views(ShopOfApps.from_json(entry.encode())) if view.app not in apps]
