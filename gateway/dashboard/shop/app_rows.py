"""Show the apps of a shop that has several: the state of each consent, and the paces that were learnt."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shopstream.glance.shop_glance import ENDPOINTS, ShopGlance
from shopstream.registry.shop_of_apps import list_apps, name_rate, read_app_name


class AppRow(NamedTuple):
    """An app of a shop in words: its name, the state of its consent, and its paces in calls a second."""

    app: str
    state: str
    paces: str


def list_rate_fields(glance: ShopGlance) -> list[str]:
    """List the fields of the shop's hash of paces that the rows need; none for a shop of one app."""
    apps = [read_app_name(one.app) for one in list_apps(glance.entry)]
    return [name_rate(app, endpoint) for app in apps for endpoint in ENDPOINTS]


def list_app_rows(glance: ShopGlance, rates: Mapping[str, float]) -> Sequence[AppRow]:
    """List the apps of a shop, the leading one first; none for a shop of one app. `rates` are by their fields."""
    rows = []
    for one in list_apps(glance.entry):
        known = [(endpoint, rates.get(name_rate(read_app_name(one.app), endpoint))) for endpoint in ENDPOINTS]
        learnt = ", ".join(f"{endpoint} {rate:.3g}/s" for endpoint, rate in known if rate)
        state = one.state.replace("_", " ") + (f": {one.reason}" if one.reason else "")
        rows.append(AppRow(one.app, state, learnt or "no pace learnt yet"))
    return rows
