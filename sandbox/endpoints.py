"""The five calls: what each needs, and the bytes of its `data`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sandbox import bodies, legacy
from sandbox.catalogue import Product
from sandbox.refusals import Refusal, invalid, malformed, not_found, not_yours
from sandbox.shop import Shop
from sandbox.spoil import BODIES
from sandbox.world import World

_ID: Final = re.compile(r"[1-9][0-9]{0,20}", re.ASCII)
_VERSIONED: Final = re.compile(r"/([a-z]+)/(\d{6})(/.+)")


@dataclass(frozen=True)
class Endpoint:
    """One call: its short name, method, path (as a template) and the scope that it needs."""

    name: str
    method: str
    path: str
    scope: str = "seller.product.basic"


SHOPS: Final = Endpoint("shops", "GET", "/authorization/202309/shops", "seller.authorization.info")
LEGACY: Final = Endpoint("product_legacy", "GET", "/api/products/details")
PRODUCT: Final = Endpoint("product", "GET", "/product/202309/products/{product_id}")
SEARCH: Final = Endpoint("products_search", "POST", "/product/202502/products/search")
INVENTORY: Final = Endpoint("inventory_search", "POST", "/product/202309/inventory/search")
ALL: Final = (SHOPS, LEGACY, PRODUCT, SEARCH, INVENTORY)
PATHS: Final = {endpoint.name: endpoint.path for endpoint in ALL}
_FIXED: Final = {endpoint.path: endpoint for endpoint in ALL if endpoint is not PRODUCT}
_PRODUCT_PREFIX: Final = PRODUCT.path.removesuffix("{product_id}")


def named(name: str) -> str:
    """The short name for a short name or a path. Raises ValueError if there is none."""
    for endpoint in ALL:
        if name in {endpoint.name, endpoint.path}:
            return endpoint.name
    raise ValueError(f"the endpoints are {', '.join(PATHS)}")


def routed(path: str) -> Endpoint:
    """The endpoint of a path. Raises 36009009 or, if only the version is another, 36009014."""
    found = _FIXED.get(path)
    if found:
        return found
    if path.startswith(_PRODUCT_PREFIX) and "/" not in path[len(_PRODUCT_PREFIX) :]:
        return PRODUCT
    other = _VERSIONED.fullmatch(path)
    if other and any(_is_of_version(other[1], other[3], version) for version in ("202309", "202502")):
        raise Refusal(36009014, f"Invalid version {other[2]} for this path")
    raise Refusal(36009009, "Invalid path", 404)


def _is_of_version(group: str, rest: str, version: str) -> bool:
    path = f"/{group}/{version}{rest}"
    return path in _FIXED or (path.startswith(_PRODUCT_PREFIX) and rest.count("/") == 2)


def product(world: World, shop: Shop, product_id: str) -> bytes:
    """`data` of one product."""
    found = one_product(world, shop, product_id)
    return shop.bodies.get(found.id, "detail", lambda: orjson.dumps(bodies.detail(shop, found)))


def product_legacy(shop: Shop, found: Product) -> bytes:
    """`data` of one product in the legacy shape."""
    return shop.bodies.get(found.id, "legacy", lambda: orjson.dumps(legacy.detail(shop, found)))


def search(world: World, shop: Shop, size: str | None, token: str | None, body: bytes) -> bytes:
    """`data` of a page of products."""

    def listed(product_id: str) -> bytes:
        def make() -> bytes:
            found = shop.get(product_id)
            return orjson.dumps(bodies.listed(shop, found)) if found else b"null"

        line = shop.bodies.get(product_id, "listed", make)
        return BODIES["null_data"](line) if world.faults.products.get(product_id) == "null_data" else line

    return world.search.page(shop, size, token, _document(body), listed)


def inventory(world: World, shop: Shop, body: bytes) -> bytes:
    """`data` of stock by product or SKU ids; given both kinds, only `sku_ids` counts."""
    document = _document(body)
    skus, products = document.get("sku_ids") or [], document.get("product_ids") or []
    wanted, most = (skus, 600) if skus else (products, 100)
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= most:
        raise invalid("between 1 and 100 product_ids, or between 1 and 600 sku_ids, are needed")
    for one in wanted:
        if not isinstance(one, str) or not _ID.fullmatch(one):
            raise malformed(one)
    rows = _by_sku(world, shop, skus) if skus else _by_product(world, shop, products)
    return b'{"inventory":[' + b",".join(rows) + b"]}"


def one_product(world: World, shop: Shop, product_id: str) -> Product:
    """The product, or TikTok's refusal: malformed, another shop's, not there."""
    if not _ID.fullmatch(product_id):
        raise malformed(product_id)
    found = shop.get(product_id)
    if found is not None:
        return found
    if any(other.index_of(product_id) is not None for other in world.shops if other is not shop):
        raise not_yours(product_id)
    raise not_found(product_id)


def shops(listed: Iterable[Shop]) -> bytes:
    """`data` of Authorized Shops."""
    rows = [
        {
            "id": shop.id,
            "name": shop.name,
            "region": shop.region,
            "seller_type": "CROSS_BORDER",
            "cipher": shop.cipher,
            "code": shop.code,
        }
        for shop in listed
    ]
    return orjson.dumps({"shops": rows})


def _by_product(world: World, shop: Shop, product_ids: list[str]) -> Iterable[bytes]:
    for product_id in dict.fromkeys(product_ids):
        try:
            found = one_product(world, shop, product_id)
        except Refusal as refusal:
            if refusal.code == 12052032 and world.switches.unknown_ids == "omit":
                continue
            raise
        yield _stock(shop, found)


def _stock(shop: Shop, found: Product) -> bytes:
    return shop.bodies.get(found.id, "inventory", lambda: orjson.dumps(bodies.inventory(found)))


def _by_sku(world: World, shop: Shop, sku_ids: list[str]) -> Iterable[bytes]:
    chosen: dict[str, tuple[Product, set[str]]] = {}
    for sku_id in sku_ids:
        found = shop.product_of(sku_id)
        if found is not None:
            chosen.setdefault(found.id, (found, set()))[1].add(sku_id)
        elif any(other.owner(sku_id) for other in world.shops if other is not shop):
            raise not_yours(sku_id)
        elif world.switches.unknown_ids == "refuse":
            raise not_found(sku_id)
    return [orjson.dumps(bodies.inventory(found, skus)) for found, skus in chosen.values()]


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise invalid("The body is not a JSON object")
    return document
