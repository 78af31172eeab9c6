"""Control calls that turn the sandbox's knobs: clock, tokens, switches, quotas, faults."""

import random
from dataclasses import asdict
from typing import Any, Final

from sandbox import endpoints
from sandbox.changes import Action, NoSuch, shop_of
from sandbox.faults import KINDS, Faults
from sandbox.quotas import ALL
from sandbox.search import REPEATS
from sandbox.tokens import Seller
from sandbox.world import Switches, World


def _clock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.offset = float(asked["offset_seconds"])
    return {"now": world.now()}


def _tokens(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    _only(asked, {"expire_access", "revoke", "scopes", "rotation", "refresh_delay_ms", "life_seconds"})
    if asked.get("rotation", "strict") not in {"strict", "lenient"}:
        raise ValueError("rotation is strict or lenient")
    tokens = world.tokens
    if "revoke" in asked:
        tokens.revoke(_seller(world, {"seller": asked["revoke"]}))
    if asked.get("expire_access"):
        tokens.expire()
    if "rotation" in asked:
        tokens.strict = asked["rotation"] == "strict"
    if "refresh_delay_ms" in asked:
        world.token_delay = float(asked["refresh_delay_ms"]) / 1000
    if "life_seconds" in asked:
        tokens.life = float(asked["life_seconds"])
    if "scopes" in asked:
        scopes = tuple(asked["scopes"])
        tokens.rescope(scopes)
        for seller in world.sellers:
            seller.scopes = scopes
    return {}


def _deauthorize(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.tokens.deauthorize(shop_of(world, asked["shop_id"]))
    return {}


def _auth_code(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    scopes = tuple(asked["scopes"]) if "scopes" in asked else None
    return {"auth_code": world.tokens.code_for(_seller(world, asked), scopes)}


def _seller(world: World, asked: dict[str, Any]) -> Seller:
    """The seller of that name, or of that shop."""
    shop = None if "seller" in asked else shop_of(world, asked["shop_id"])
    for seller in world.sellers:
        if (shop in seller.shops) if shop else (seller.name == asked["seller"]):
            return seller
    raise NoSuch(f"no seller {asked['seller']}")


def _switches(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    now = asdict(world.switches)
    search = world.search
    _only(asked, {*now, "page_token_life_seconds", "most_results", "repeat_page"})
    if asked.get("repeat_page", "never") not in REPEATS:
        raise ValueError(f"repeat_page is one of {', '.join(REPEATS)}")
    if asked.get("unknown_ids", "omit") not in {"omit", "refuse"}:
        raise ValueError("unknown_ids is omit or refuse")
    if "page_token_life_seconds" in asked:
        life = asked["page_token_life_seconds"]
        search.token_life = None if life is None else float(life)
    search.most = int(asked.get("most_results", search.most))
    search.repeat = asked.get("repeat_page", search.repeat)
    for name in ("latency_ms", "jitter_ms"):
        now[name] = float(asked.get(name, now[name]))
    for name in ("stock_moves_update_time", "unknown_ids"):
        now[name] = asked.get(name, now[name])
    world.switches = Switches(**now)
    lists = {"page_token_life_seconds": search.token_life, "most_results": search.most, "repeat_page": search.repeat}
    return now | lists


def _quota(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    _only(
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
    _only(asked, {"rate", "kinds", "seed", "paths", "products", "seconds", "redirect_to", "bomb_mib"})
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


def _only(asked: dict[str, Any], known: set[str]) -> None:
    unknown = set(asked) - known
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")


ACTIONS: Final[dict[str, Action]] = {
    "clock": _clock, "tokens": _tokens, "deauthorize": _deauthorize, "auth_code": _auth_code, "switches": _switches,
    "quota": _quota, "platform_throttle": _platform_throttle, "faults": _faults,
}  # fmt: skip
