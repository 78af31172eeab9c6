"""Control calls that turn the sandbox's knobs: clock, tokens, switches, quotas, faults."""

import random
from collections.abc import Callable
from typing import Any, Final

from shopstream_sandbox.api import endpoints
from shopstream_sandbox.control.known import Action, app_of, only, seller_of, shop_of
from shopstream_sandbox.fault.faults import KINDS, Faults
from shopstream_sandbox.quota.quotas import ALL
from shopstream_sandbox.refusal.plants import planted
from shopstream_sandbox.world import World


def _clock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.turn_clock(float(asked["offset_seconds"]))
    return {"now": world.now()}


def _tokens(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(asked, _OF_TOKENS)
    if asked.get("rotation", "strict") not in {"strict", "lenient"}:
        raise ValueError("rotation is strict or lenient")
    for name, turn in _OF_TOKENS.items():
        if name in asked:
            turn(world, asked[name])
    return {}


def _revoke(world: World, seller: str) -> None:
    found = seller_of(world, {"seller": seller})
    for shop in found.shops:
        world.webhooks.deauthorized(shop)
    world.tokens.revoke(found)


def _revoke_app(world: World, asked: dict[str, Any]) -> None:
    only(asked, {"seller", "app_key"})
    found, app = seller_of(world, asked), app_of(world, asked)
    for shop in found.shops:
        world.webhooks.deauthorized(shop, app)
    world.tokens.revoke(found, app)


def _expire(world: World, wanted: object) -> None:
    if wanted:
        world.tokens.expire()


def _expire_refresh(world: World, wanted: object) -> None:
    if wanted:
        world.tokens.expire_refresh()


def _rotate(world: World, how: object) -> None:
    world.tokens.strict = how == "strict"


def _delay(world: World, milliseconds: str) -> None:
    world.token_delay = float(milliseconds) / 1000


def _live(world: World, seconds: str) -> None:
    world.tokens.life = float(seconds)


def _live_refresh(world: World, seconds: str) -> None:
    world.tokens.refresh_life = float(seconds)


def _tell_durations(world: World, wanted: object) -> None:
    world.tokens.relative = bool(wanted)


def _rescope(world: World, names: list[str]) -> None:
    world.tokens.rescope(tuple(names))
    for seller in world.sellers:
        seller.scopes = tuple(names)


def _renew_secret(world: World, secret: str) -> None:
    world.tokens.apps[0].secret = secret


def _refuse_refresh(world: World, wanted: dict[str, Any] | None) -> None:
    _plant(world, endpoints.TOKEN_NAMES["refresh"], wanted)


def _refuse_list(world: World, wanted: dict[str, Any] | None) -> None:
    _plant(world, endpoints.SHOPS.name, wanted)


def _plant(world: World, endpoint: str, wanted: dict[str, Any] | None) -> None:
    only(wanted or (), {"code", "message", "times", "http", "content", "retry_after"})
    world.plants.put(("tokens", endpoint), None if wanted is None else planted(wanted, endpoint=endpoint))


_OF_TOKENS: Final[dict[str, Callable[[World, Any], None]]] = {
    "revoke": _revoke, "revoke_app": _revoke_app, "expire_access": _expire,
    "expire_refresh": _expire_refresh, "rotation": _rotate,
    "refresh_delay_ms": _delay, "life_seconds": _live, "refresh_life_seconds": _live_refresh,
    "relative_expiry": _tell_durations, "scopes": _rescope, "refuse_refresh": _refuse_refresh,
    "refuse_list": _refuse_list, "app_secret": _renew_secret,
}  # fmt: skip


def _deauthorize(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    world.webhooks.deauthorized(shop)
    world.tokens.deauthorize(shop)
    return {}


def _auth_code(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    scopes = tuple(asked["scopes"]) if "scopes" in asked else None
    return {"auth_code": world.tokens.code_for(seller_of(world, asked), scopes, app_of(world, asked))}


def _consent(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Say how the consent page answers."""
    only(asked, {"redirect_url", "seller", "denied", "scopes"})
    consents = world.consents
    if "seller" in asked:
        consents.seller = seller_of(world, asked)
    if "redirect_url" in asked:
        consents.redirect_url = None if asked["redirect_url"] is None else str(asked["redirect_url"])
    if "denied" in asked:
        consents.denied = bool(asked["denied"])
    if "scopes" in asked:
        consents.scopes = None if asked["scopes"] is None else tuple(map(str, asked["scopes"]))
    return {"redirect_url": consents.redirect_url, "seller": consents.seller.name, "denied": consents.denied}


def _switches(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    positions = world.switches.turn(asked)
    world.views.turned()
    for shop in world.shops:
        shop.keep_history(on=bool(world.switches.lag_seconds))
    return positions


def _quota(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(
        asked,
        {
            "shop_id", "endpoint", "per_second", "min_gap_ms", "burst", "schedule", "retry_after", "penalty", "hourly",
        },
    )  # fmt: skip
    shop, endpoint = asked.get("shop_id", "all"), asked.get("endpoint", "all")
    if shop not in {"all", ALL, ""}:  # Authorized Shops is nobody's: its calls count under ""
        shop_of(world, shop)
    world.quotas.set(
        ALL if shop == "all" else shop,
        ALL if endpoint in {"all", ALL} else endpoints.named(endpoint),
        asked,
    )
    return {}


def _platform_throttle(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.quotas.platform.throttle(float(asked["seconds"]), asked.get("retry_after", "absent"))
    return {}


def _faults(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(asked, {"rate", "kinds", "seed", "paths", "products", "seconds", "redirect_to", "bomb_mib"})
    world.faults = Faults(
        rate=float(asked.get("rate", 0)),
        kinds=tuple(asked.get("kinds") or KINDS),
        paths=frozenset(endpoints.named(path) for path in asked.get("paths") or ()),
        products=dict(asked.get("products") or {}),
        seconds=float(asked.get("seconds", 30)),
        redirect_to=str(asked.get("redirect_to", "http://127.0.0.1:9/")),
        bomb_mib=int(asked.get("bomb_mib", 64)),
        draw=random.Random(asked.get("seed", 0)),  # noqa: S311 - repeatable
    )
    return {}


ACTIONS: Final[dict[str, Action]] = {
    "clock": _clock, "tokens": _tokens, "deauthorize": _deauthorize, "auth_code": _auth_code, "switches": _switches,
    "consent": _consent, "quota": _quota, "platform_throttle": _platform_throttle, "faults": _faults,
}  # fmt: skip
