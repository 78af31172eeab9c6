"""The door of what only a test or a demo may do: unsigned, and for the loopback alone. The README has all calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from itertools import islice
from typing import Any, Final

import orjson
from aiohttp import web

from shopstream_sandbox.api import endpoints
from shopstream_sandbox.api.calls import WORLD
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.control import changes, planting, pushing, selling, shaping, turning
from shopstream_sandbox.control.known import NoSuch, shop_of
from shopstream_sandbox.stats import Stats
from shopstream_sandbox.world import World

_AT_ONCE: Final = 500  # products made up before others get a turn


def add_to(app: web.Application) -> None:
    """Put the control calls under /_sandbox."""
    looks = (
        ("stats", _stats), ("shops", _shops), ("record", _record), ("webhooks", _webhooks), ("webhooks/log", _pushes),
        ("sale", _sale),
    )  # fmt: skip
    for path, look in looks:
        app.router.add_get(f"/_sandbox/{path}", _guarded(look))
    app.router.add_get("/_sandbox/shops/{shop}/products", _guarded(_products))
    app.router.add_get("/_sandbox/shops/{shop}/state", _guarded(_state))
    app.router.add_post("/_sandbox/stats/reset", _guarded(_act))
    app.router.add_post("/_sandbox/{action}", _guarded(_act))
    app.router.add_route("*", "/_sandbox/{rest:.*}", _guarded(_nothing))


def _guarded(handler: Callable[[web.Request], Awaitable[object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler's document as JSON; its errors as 400 or 404; 403 for strangers."""

    async def handle(request: web.Request) -> web.Response:
        here = request.remote is not None and ip_address(request.remote).is_loopback
        if not here and not request.app[WORLD].open_control:
            return _json({"error": "the control calls are for the loopback"}, 403)
        try:
            return _json(await handler(request))
        except NoSuch as error:
            return _json({"error": str(error)}, 404)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    return handle


async def _stats(request: web.Request) -> dict[str, Any]:
    world = request.app[WORLD]
    return world.stats.document(endpoints.PATHS) | {"webhooks": world.webhooks.pusher.document()}


async def _shops(request: web.Request) -> dict[str, Any]:
    return {"shops": request.app[WORLD].described()}


async def _record(request: web.Request) -> dict[str, Any]:
    return request.app[WORLD].record.document()


async def _webhooks(request: web.Request) -> dict[str, Any]:
    return pushing.overview(request.app[WORLD])


async def _pushes(request: web.Request) -> dict[str, Any]:
    begin, limit = int(request.query.get("from", 0)), int(request.query.get("limit", 1000))
    return request.app[WORLD].webhooks.pusher.page(begin, limit)


async def _sale(request: web.Request) -> dict[str, Any]:
    return request.app[WORLD].sales.document()


async def _products(request: web.Request) -> dict[str, Any]:
    _, ids, page = _page(request)
    return {"total": len(ids), "products": page}


async def _state(request: web.Request) -> bytes:
    shop, ids, page = _page(request)
    parts = []
    rest = iter(page)
    while some := list(islice(rest, _AT_ONCE)):
        products = {one: changes.truth(product) for one in some if (product := shop.get(one))}
        parts.append(orjson.dumps(products)[1:-1])
        await asyncio.sleep(0)
    return b'{"total":%d,"products":{%b}}' % (len(ids), b",".join(filter(None, parts)))


def _page(request: web.Request) -> tuple[Shop, list[str], list[str]]:
    shop = shop_of(request.app[WORLD], request.match_info["shop"])
    ids = list(shop.ids())
    begin = int(request.query.get("offset", 0))
    return shop, ids, ids[begin : begin + int(request.query.get("limit", len(ids)))]


async def _act(request: web.Request) -> dict[str, Any]:
    name = request.match_info.get("action", "reset")
    action = ACTIONS.get(name)
    if action is None:
        raise NoSuch(f"no such action {name[:40]}; one of {', '.join(sorted(ACTIONS))}")
    document = orjson.loads(await request.read() or b"{}")
    if not isinstance(document, dict):
        raise TypeError("the body is a JSON object")
    return action(request.app[WORLD], document)


async def _nothing(request: web.Request) -> dict[str, Any]:
    raise NoSuch(f"no such call: {request.method} {request.path[:80]}")


def _reset(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    world.stats = Stats()
    world.webhooks.pusher.reset()
    if world.record.on or asked.get("record"):
        world.record.switch(on=True)
    return {"monotonic": time.monotonic()}


def _switch_record(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    if "on" not in asked:
        return world.record.document()
    world.record.switch(on=bool(asked["on"]))
    return {}


ACTIONS: Final = {
    **changes.ACTIONS,
    **shaping.ACTIONS,
    **turning.ACTIONS,
    **planting.ACTIONS,
    **pushing.ACTIONS,
    **selling.ACTIONS,
    "reset": _reset,
    "record": _switch_record,
}


def _json(document: object, status: int = 200) -> web.Response:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return web.Response(body=body, status=status, content_type="application/json")
