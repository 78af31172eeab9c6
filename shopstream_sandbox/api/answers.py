"""The bytes of each call's `data`."""

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

from shopstream_sandbox.catalogue.products import Product
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.fault.spoil import BODIES
from shopstream_sandbox.refusal.refusals import invalid, malformed, not_found, not_yours, said
from shopstream_sandbox.view import bodies, legacy
from shopstream_sandbox.world import World

_ID: Final = re.compile(r"[1-9][0-9]{0,20}", re.ASCII)
_EMPTY: Final[dict[str, bytes | None]] = {
    "list": b'{"inventory":[]}', "null": b'{"inventory":null}', "absent": b"{}", "no_data": None,
}  # fmt: skip


def product(world: World, shop: Shop, product_id: str) -> bytes:
    """`data` of one product."""
    moment = world.views.moment("detail")
    found = one_product(world, shop, product_id, moment, frozen=world.switches.frozen_detail == "answer")
    return world.views.body(shop, found, "detail", moment, lambda: bodies.detail(shop, found))


def product_legacy(world: World, shop: Shop, product_id: str) -> tuple[bytes, bool]:
    """`data` of one product in the legacy shape, which frozen ones have too; and whether it is the untouched sample."""
    moment = world.views.moment("detail")
    found = one_product(world, shop, product_id, moment, frozen=True)
    if found.pristine:
        return b"", True
    if moment is None:
        return shop.bodies.get(found.id, "legacy", lambda: orjson.dumps(legacy.detail(shop, found))), False
    return orjson.dumps(legacy.detail(shop, found)), False


def search(world: World, shop: Shop, size: str | None, token: str | None, body: bytes) -> bytes | None:
    """`data` of a page of products."""
    moment = world.views.moment("search")

    def listed(product_id: str) -> bytes:
        found = shop.seen(product_id, moment)
        if found is None:
            return b"null"
        line = world.views.body(shop, found, "listed", moment, lambda: bodies.listed(shop, found))
        return BODIES["null_data"](line) if world.faults.products.get(product_id) == "null_data" else line

    return world.search.page(shop, size, token, document(body), listed, moment)


def inventory(world: World, shop: Shop, body: bytes) -> bytes | None:
    """`data` of stock by product or SKU ids; given both kinds, only `sku_ids` counts."""
    asked = document(body)
    skus, products = asked.get("sku_ids") or [], asked.get("product_ids") or []
    wanted, most = (skus, 600) if skus else (products, 100)
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= most:
        raise invalid("between 1 and 100 product_ids, or between 1 and 600 sku_ids, are needed")
    for one in wanted:
        if not isinstance(one, str) or not _ID.fullmatch(one):
            raise malformed(one)
    rows = list(_by_sku(world, shop, skus) if skus else _by_product(world, shop, products))
    if not rows:
        return _EMPTY[world.switches.empty_lists]
    return b'{"inventory":[' + b",".join(rows) + b"]}"


def asked_ids(body: bytes) -> set[str]:
    """The ids of products and SKUs that a batch asks for."""
    try:
        asked = orjson.loads(body)
        return {one for name in ("product_ids", "sku_ids") for one in asked.get(name) or () if isinstance(one, str)}
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return set()


def one_product(world: World, shop: Shop, product_id: str, moment: float | None, *, frozen: bool) -> Product:
    """The product, or TikTok's refusal: malformed, another shop's, not there; unless `frozen`, a frozen one isn't."""
    if not _ID.fullmatch(product_id):
        raise malformed(product_id)
    found = shop.seen(product_id, moment)
    if found is not None and found.status != "DELETED" and (frozen or found.status != "FREEZE"):
        return found
    if found is None and _is_anothers(world, shop, product_id):
        raise not_yours(product_id)
    raise not_found()


def shops(listed: Iterable[Shop]) -> bytes:
    """`data` of Authorized Shops."""
    rows = [
        {
            "id": shop.id,
            "name": shop.name,
            "region": shop.region,
            "seller_type": shop.seller_type,
            "cipher": shop.cipher,
            "code": shop.code,
        }
        for shop in listed
    ]
    return orjson.dumps({"shops": rows})


def warehouses(shop: Shop) -> bytes:
    """`data` of the shop's warehouses; the first is the default one."""
    rows = [
        {
            "id": warehouse,
            "name": f"Warehouse {number}",
            "type": "SALES_WAREHOUSE",
            "sub_type": "DOMESTIC_WAREHOUSE",
            "effect_status": "ENABLED",
            "is_default": number == 1,
            "address": {
                "region": shop.region,
                "region_code": shop.region,
                "city": "Sandbox",
                "postal_code": f"{number:05}",
                "full_address": f"{number} Sandbox Road, {shop.region}",
            },
        }
        | shop.warehouse_facts.get(warehouse, {})
        for number, warehouse in enumerate(shop.all_warehouses(), 1)
    ]
    return orjson.dumps({"warehouses": rows})


def _by_product(world: World, shop: Shop, product_ids: list[str]) -> Iterable[bytes]:
    moment = world.views.moment("inventory")
    for product_id in dict.fromkeys(product_ids):
        found = shop.seen(product_id, moment)
        if found is None and _is_anothers(world, shop, product_id):
            raise not_yours(product_id)
        if found is not None and found.status != "DELETED":
            if _is_answered(world, found):
                yield _stock(world, shop, found, moment)
        elif world.switches.unknown_ids == "refuse":
            raise not_found()


def _by_sku(world: World, shop: Shop, sku_ids: list[str]) -> Iterable[bytes]:
    moment = world.views.moment("inventory")
    chosen: dict[str, tuple[Product, set[str]]] = {}
    for sku_id in sku_ids:
        found = shop.product_of(sku_id, moment)
        if found is not None:
            chosen.setdefault(found.id, (found, set()))[1].add(sku_id)
        elif any(other.owner(sku_id) for other in world.shops if other is not shop):
            raise not_yours(sku_id)
        elif world.switches.unknown_ids == "refuse":
            raise not_found()
    for found, skus in chosen.values():
        if _is_answered(world, found):
            yield orjson.dumps(world.views.thinned("inventory", bodies.inventory(found, skus)))


def _is_anothers(world: World, shop: Shop, product_id: str) -> bool:
    return any(other.index_of(product_id) is not None for other in world.shops if other is not shop)


def _is_answered(world: World, found: Product) -> bool:
    """Whether inventory search tells of a product. Raises 12052032 if a frozen one is to be refused."""
    if found.status != "FREEZE" or world.switches.frozen_inventory == "answer":
        return True
    if world.switches.frozen_inventory == "refuse":
        raise not_found()
    return False


def _stock(world: World, shop: Shop, found: Product, moment: float | None) -> bytes:
    return world.views.body(shop, found, "inventory", moment, lambda: bodies.inventory(found))


def document(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises 36009022."""
    try:
        found = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise said("format")
    return found
