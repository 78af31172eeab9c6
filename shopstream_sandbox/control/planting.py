"""Control calls that plant refusals: of an inactive shop, or of whatever calls."""

from typing import Any, Final

from shopstream_sandbox.api import endpoints
from shopstream_sandbox.control.known import Action, only, shop_of
from shopstream_sandbox.refusal.plants import ALL, INACTIVE, planted
from shopstream_sandbox.world import World


def _inactive(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Refuse all calls of a shop, or those of some endpoints, until it is taken back with a code of null."""
    only(asked, {"shop_id", "code", "http", "endpoints"})
    shop = shop_of(world, asked["shop_id"]).id
    if asked["code"] is not None and asked["code"] not in INACTIVE:
        raise ValueError(f"code is null or one of {', '.join(map(str, INACTIVE))}")
    names = [endpoints.named(name) for name in asked.get("endpoints") or ()] or [ALL]
    plants = {} if asked["code"] is None else {name: planted(asked, endpoint=name, shop=shop) for name in names}
    world.plants.clear("inactive", shop)
    for name, plant in plants.items():
        world.plants.put(("inactive", shop, name), plant)
    return {}


def _refuse(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Plant one refusal; with a code of null take it back; with nothing take all back."""
    only(asked, {"endpoint", "code", "message", "http", "times", "shop_id", "products", "content", "retry_after"})
    if not asked:
        world.plants.clear("refuse")
        return {}
    name, shop = str(asked.get("endpoint", "all")), asked.get("shop_id")
    endpoint = name if name in endpoints.TOKEN_NAMES.values() else ALL if name == "all" else endpoints.named(name)
    whose = ALL if shop is None else shop_of(world, shop).id
    gone = "code" in asked and asked["code"] is None and asked.get("content") != "html"
    plant = None if gone else planted(asked, endpoint=endpoint, shop=whose)
    world.plants.put(("refuse", endpoint, whose), plant)
    return {}


ACTIONS: Final[dict[str, Action]] = {"inactive": _inactive, "refuse": _refuse}
