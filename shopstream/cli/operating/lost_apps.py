"""Count the shops that go on without one of their apps: they need no person at once, and one day they do."""

from collections import Counter
from collections.abc import Mapping

from shopstream.glance.overview import Overview
from shopstream.glance.shop_facts import ACTIVE
from shopstream.registry.shop_of_apps import list_apps

_ALSO = b'"also":'
"""Stands in the glance of a shop with several consents alone. Others are not decoded: there may be 100,000."""


def count_lost_apps(overview: Overview) -> Mapping[str, int]:
    """Count the active shops by the app that has lost its consent to them."""
    several = overview.shops.choose(lambda one: bool(one.facts.flags & ACTIVE) and _ALSO in one.stored)
    lost = [one.app for shop in several for one in list_apps(shop.glance.entry) if one.state != "active"]
    return dict(sorted(Counter(lost).items()))
