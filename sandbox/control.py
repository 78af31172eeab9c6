"""What only a test or a demo may do: look behind the scenes, change stock, quota, clock, and cause trouble.

Unsigned, and for the loopback alone. Each call is described in sandbox/README.md.
"""

import random
import time
from typing import Any

import orjson
from aiohttp import web

from sandbox.api import WORLD
from sandbox.catalogue import Product, Shop, Sku
from sandbox.faults import Faults
from sandbox.world import Stats, World


async def stats(request: web.Request) -> web.Response:
    """`GET /_sandbox/stats`."""
    return _json(request.app[WORLD].stats.document())


async def products(request: web.Request) -> web.Response:
    """`GET /_sandbox/shops/{shop}/products?offset=&limit=`."""
    shop = _shop(request.app[WORLD], request.match_info["shop"])
    begin, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 1_000_000))
    ids = [one for one in shop.ids() if one not in shop.deleted]
    return _json({"total": len(ids), "products": ids[begin : begin + limit]})


async def state(request: web.Request) -> web.Response:
    """`GET /_sandbox/shops/{shop}/state`: the truth, for whoever checks."""
    shop = _shop(request.app[WORLD], request.match_info["shop"])
    found = (shop.get(one) for one in shop.ids())
    return _json({"products": {product.id: _truth(product) for product in found if product}})


async def act(request: web.Request) -> web.Response:
    """`POST /_sandbox/{action}`."""
    if request.remote not in {"127.0.0.1", "::1"} and not request.app[WORLD].open_control:
        return _json({"error": "the control calls are for the loopback"}, 403)
    action = _ACTIONS.get(request.match_info["action"])
    if action is None:
        return _json({"error": f"no such action; one of {', '.join(sorted(_ACTIONS))}"}, 404)
    try:
        document = orjson.loads(await request.read() or b"{}")
        return _json(action(request.app[WORLD], document))
    except (KeyError, ValueError, TypeError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)


def _stock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = _shop(world, asked["shop_id"])
    changes = asked.get("changes") or _random_changes(shop, asked["random"], asked.get("seed", 0))
    told = []
    for change in changes:
        product = shop.product_of(change["sku_id"])
        if product is None:
            raise ValueError(f"no SKU {change['sku_id']}")
        sku = next(sku for sku in product.skus if sku.id == change["sku_id"])
        warehouse = change.get("warehouse_id") or next(iter(sku.stock))
        before = sum(sku.stock.values())
        sku.stock[warehouse] = change["quantity"]
        shop.touch(product, int(world.now()), updated=world.stock_moves_update_time)
        told.append({"product_id": product.id, "sku_id": sku.id, "before": before, "after": sum(sku.stock.values())})
    return {"changed": told}


def _random_changes(shop: Shop, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` different SKUs, each with a total that differs from before."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    skus: dict[str, Sku] = {}
    ids = [one for one in shop.ids() if one not in shop.deleted]
    while len(skus) < count:
        product = shop.get(rng.choice(ids))
        if product and product.skus:
            sku = rng.choice(product.skus)
            skus[sku.id] = sku
    changes = []
    for sku in skus.values():
        now = next(iter(sku.stock.values()))
        quantity = rng.choice((0, max(0, now - rng.randint(1, 40)), now + rng.randint(1, 40)))
        changes.append({"sku_id": sku.id, "quantity": quantity if quantity != now else now + 1})
    return changes


def _product(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = _shop(world, asked["shop_id"])
    product = shop.any(asked["product_id"])
    if product is None:
        raise ValueError("no such product")
    for name, value in asked.get("set", {}).items():
        if name == "price":
            for sku in product.skus:
                sku.price = value
        elif name in {"title", "status", "description"}:
            setattr(product, name, value)
        else:
            raise ValueError(f"{name} can't be set")
    if "remove_sku" in asked:
        product.skus = [sku for sku in product.skus if sku.id != asked["remove_sku"]]
    if asked.get("no_skus"):
        product.skus = []
    shop.touch(product, int(world.now()))
    return {}


def _delete(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = _shop(world, asked["shop_id"])
    shop.deleted.add(asked["product_id"])
    shop.revision += 1
    return {}


def _restore(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = _shop(world, asked["shop_id"])
    shop.deleted.discard(asked["product_id"])
    shop.revision += 1
    return {}


def _add(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    return {"product_id": _shop(world, asked["shop_id"]).add().id}


def _clock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.offset = float(asked["offset_seconds"])
    return {"now": world.now()}


def _tokens(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("expire_access"):
        world.tokens.expire()
    if "rotation" in asked:
        world.tokens.strict = asked["rotation"] == "strict"
    if "refresh_delay_ms" in asked:
        world.token_delay = asked["refresh_delay_ms"] / 1000
    if "scopes" in asked:
        for seller in world.sellers:
            seller.scopes = tuple(asked["scopes"])
    if "life_seconds" in asked:
        world.tokens.life = asked["life_seconds"]
    return {}


def _deauthorize(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.tokens.revoke(_shop(world, asked["shop_id"]).id)
    return {}


def _auth_code(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = _shop(world, asked["shop_id"])
    seller = next(seller for seller in world.sellers if shop in seller.shops)
    return {"auth_code": world.tokens.code_for(seller)}


def _switches(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    if "stock_moves_update_time" in asked:
        world.stock_moves_update_time = bool(asked["stock_moves_update_time"])
    if "latency_ms" in asked:
        world.latency = asked["latency_ms"] / 1000
    return {}


def _quota(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.quotas.set(asked.get("shop_id", "*"), asked.get("endpoint", "*"), asked)
    return {}


def _platform_throttle(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.quotas.platform_until = time.monotonic() + asked["seconds"]
    world.quotas.platform_retry_after = asked.get("retry_after", "absent")
    return {}


def _faults(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.faults = Faults(
        rate=float(asked.get("rate", 0)),
        kinds=list(asked.get("kinds", ())),
        products=dict(asked.get("products", {})),
        redirect_to=asked.get("redirect_to", "http://127.0.0.1:9/"),
        draw=random.Random(asked.get("seed", 0)),  # noqa: S311 - repeatable
    )
    return {}


def _reset(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.stats = Stats(record={} if asked.get("record") else None)
    return {"monotonic": time.monotonic()}


def _record(world: World, _: dict[str, Any]) -> dict[str, Any]:
    return {"record": world.stats.record or {}}


_ACTIONS = {
    "stock": _stock, "product": _product, "delete": _delete, "restore": _restore, "add": _add, "clock": _clock,
    "tokens": _tokens, "deauthorize": _deauthorize, "auth_code": _auth_code, "switches": _switches, "quota": _quota,
    "platform_throttle": _platform_throttle, "faults": _faults, "reset": _reset, "record": _record,
}  # fmt: skip


def _shop(world: World, shop_id: str) -> Shop:
    if shop_id not in world.by_id:
        raise web.HTTPNotFound(text=f"no shop {shop_id}")
    return world.by_id[shop_id]


def _truth(product: Product) -> dict[str, Any]:
    return {
        "title": product.title,
        "status": product.status,
        "skus": {sku.id: {"price": sku.price, "stock": sku.stock, "committed": sku.committed} for sku in product.skus},
    }


def _json(document: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
