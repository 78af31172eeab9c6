"""TikTok's side: the signed calls, the token host, and the one place where answers are wrapped."""

import asyncio
import itertools
import time
from typing import Any, Final

import orjson
from aiohttp import web

from sandbox import bodies, search, signature
from sandbox.catalogue import SEED_SAMPLE, Shop
from sandbox.refusals import Refusal, invalid
from sandbox.world import World

WORLD: Final = web.AppKey("world", World)
_PRODUCT: Final = "/product/202309/products/"
_LEGACY: Final = "/api/products/details"
_ENDPOINTS: Final = {
    "/authorization/202309/shops": ("GET", "shops"),
    _LEGACY: ("GET", "product_legacy"),
    "/product/202502/products/search": ("POST", "products_search"),
    "/product/202309/inventory/search": ("POST", "inventory_search"),
}
_SCOPES: Final = {"shops": "seller.authorization.info"}
_numbers: Final = itertools.count(1)


async def token(request: web.Request) -> web.Response:
    """`GET /api/v2/token/get` and `…/refresh`: unsigned, secrets in the query, as TikTok has it."""
    world = request.app[WORLD]
    kind = request.match_info["kind"]
    world.stats.tokens[kind] += 1
    if world.token_delay:
        await asyncio.sleep(world.token_delay)
    if kind not in {"get", "refresh"}:
        return _refused(Refusal(36009009, "Invalid path", 404))
    try:
        tokens = world.tokens
        return _success(orjson.dumps((tokens.get if kind == "get" else tokens.refresh)(request.query)))
    except Refusal as refusal:
        return _refused(refusal)


async def call(request: web.Request) -> web.StreamResponse:
    """Every signed call."""
    world = request.app[WORLD]
    path = request.path
    method, endpoint = _ENDPOINTS.get(path, ("GET", "product" if path.startswith(_PRODUCT) else ""))
    shop_id = ""
    try:
        body = await request.read()
        _routed(request, method, endpoint)
        shop = _checked(world, request, endpoint, body)
        shop_id = shop.id if shop else ""
        now = time.monotonic()
        world.stats.arrived(shop_id, endpoint, now)
        world.stats.in_cooldown += world.quotas.of(shop_id, endpoint, now).cooling(now)
        world.quotas.admit(shop_id, endpoint, now)
        if world.latency:
            await asyncio.sleep(world.latency)
        fault = world.faults.choose(path)
        if fault:
            world.stats.answered(shop_id, endpoint, 429 if fault == "http_429" else -1, now)
            return await world.faults.answer(fault, request)
        answer = _answer(world, request, endpoint, shop, body)
    except Refusal as refusal:
        code = 429 if refusal.status == 429 else refusal.code
        world.stats.answered(shop_id, endpoint or path, code, time.monotonic())
        return _refused(refusal)
    world.stats.answered(shop_id, endpoint, 0, now)
    return answer


def _routed(request: web.Request, method: str, endpoint: str) -> None:
    if not endpoint:
        raise Refusal(36009009, "Invalid path", 404)
    if request.method != method:
        raise Refusal(36009010, "Invalid method", 405)


def _checked(world: World, request: web.Request, endpoint: str, body: bytes) -> Shop | None:
    """Whose shop the call is for, after everything that TikTok checks first."""
    query = dict(request.query)
    if query.get("app_key") != world.tokens.app_key:
        raise invalid("The app_key is invalid")
    signature.check(world.tokens.app_secret, request.path, query, body, world.now())
    access = request.headers.get("x-tts-access-token")
    if endpoint == "product_legacy":
        if query.get("version") != "202306":
            raise Refusal(36009014, "Invalid version")
        access = access or query.get("access_token")
    seller = world.tokens.seller_of(access, _SCOPES.get(endpoint, "seller.product.basic"))
    cipher = query.get("shop_cipher")
    if endpoint == "shops":
        if cipher is not None:
            raise invalid("shop_cipher is not a parameter of this call")
        return None
    if cipher is None:
        raise Refusal(106013, "The shop_cipher is missing")
    shop = world.by_cipher.get(cipher)
    if shop is None or shop not in seller.shops or (endpoint == "product_legacy" and query.get("shop_id") != shop.id):
        raise Refusal(105005, "Access denied: this shop has not authorized the app")
    return shop


def _answer(world: World, request: web.Request, endpoint: str, shop: Shop | None, body: bytes) -> web.Response:
    if shop is None:
        sellers = world.tokens.seller_of(request.headers.get("x-tts-access-token"), "seller.authorization.info")
        return _success(orjson.dumps({"shops": [_listed(one) for one in sellers.shops]}))
    if endpoint == "product":
        product = search.one_product(shop, world.shops, request.path.removeprefix(_PRODUCT))
        return _success(_signed_anew(orjson.dumps(bodies.detail(shop, product))))
    if endpoint == "product_legacy":
        product = search.one_product(shop, world.shops, request.query.get("product_id", ""))
        if product.pristine:
            return web.Response(body=SEED_SAMPLE, content_type="application/json")
        return _success(_signed_anew(orjson.dumps(bodies.legacy(shop, product))))
    document = _document(body)
    if endpoint == "inventory_search":
        return _success(orjson.dumps(search.inventory(shop, world.shops, document)))
    query = request.query
    page = world.search.page(shop, query.get("page_size"), query.get("page_token"), document)
    return _success(orjson.dumps(page))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise invalid("The body is not a JSON object")
    return document


def _listed(shop: Shop) -> dict[str, str]:
    return {
        "id": shop.id, "name": shop.name, "region": shop.region, "seller_type": "CROSS_BORDER",
        "cipher": shop.cipher, "code": shop.code,
    }  # fmt: skip


def _signed_anew(body: bytes) -> bytes:
    return body.replace(bodies.NONCE.encode(), f"nonce-{next(_numbers):010}".encode())


def _request_id() -> bytes:
    return time.strftime("%Y%m%d%H%M%S").encode() + b"%018X" % next(_numbers)


def _success(data: bytes) -> web.Response:
    body = b'{"code":0,"data":' + data + b',"message":"Success","request_id":"' + _request_id() + b'"}'
    return web.Response(body=body, content_type="application/json")


def _refused(refusal: Refusal) -> web.Response:
    document = {"code": refusal.code, "message": refusal.message, "request_id": _request_id().decode()}
    headers = {"Retry-After": refusal.retry_after} if refusal.retry_after is not None else {}
    return web.Response(
        body=orjson.dumps(document), status=refusal.status, headers=headers, content_type="application/json"
    )
