"""Control calls that change the catalogue, and the truth about it for those who check."""

import random
from typing import Any, Final

from shopstream_sandbox.catalogue.products import Fields, Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.control.known import Action, NoSuch, only, product_of, shop_of, sku_of, source_of
from shopstream_sandbox.view import optional
from shopstream_sandbox.webhook.notifications import levels
from shopstream_sandbox.world import World

_TEXTS: Final = frozenset({"title", "status", "description", "price"})
_OF_PRODUCT: Final = optional.LINE - {"status"} | {
    "audit_failed_reasons", "product_types", "minimum_order_quantity", "external_product_id", "is_cod_allowed", "brand",
    "scheduled_sale",
}  # fmt: skip
_OF_PLATFORMS: Final = ("status", "product_status", "integrated_platform_statuses")
_OF_SKU: Final = optional.LINE_SKU | {"identifier_code", "external_sku_id", "sales_attributes", "combined_skus"}
"""Fields that can be put into answers as they are; null leaves one out."""


def truth(product: Product) -> dict[str, Any]:
    """One product as it is now."""
    return {
        "title": product.title,
        "status": product.status,
        "update_time": product.updated,
        "skus": {sku.id: _sku_truth(sku) for sku in product.skus},
    }


def _sku_truth(sku: Sku) -> dict[str, Any]:
    known: dict[str, Any] = {"price": sku.price, "stock": sku.stock, "committed": sku.committed}
    aside = {"campaign": sku.campaign, "creator": sku.creator, "backorder": sku.backorder}
    return known | ({"locked": aside} if any(aside.values()) else {})


def _stock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    wanted = asked.get("changes")
    if wanted is None:
        wanted = _random_changes(shop, int(asked["random"]), asked.get("seed", 0))
    # All are looked up before the first is made: a refused call changes nothing.
    found = [(change, *sku_of(shop, change["sku_id"]), _quantity(change)) for change in wanted]
    source = source_of(asked)
    return {"changed": [_set(world, shop, change, product, sku, new, source) for change, product, sku, new in found]}


def _set(
    world: World, shop: Shop, change: dict[str, Any], product: Product, sku: Sku, new: int, source: str
) -> dict[str, Any]:
    warehouse = change.get("warehouse_id") or next(iter(sku.stock))
    before, here, units = sum(sku.stock.values()), sku.stock.get(warehouse, 0), levels(sku)
    sku.stock[warehouse] = new
    shop.touch(product, int(world.now()), updated=world.switches.stock_moves_update_time)
    world.webhooks.stock_changed(shop, product, sku, units, source)
    return {
        "product_id": product.id,
        "sku_id": sku.id,
        "warehouse_id": warehouse,
        "before": before,
        "after": sum(sku.stock.values()),
        "warehouse_before": here,
        "warehouse_after": new,
    }


def _quantity(change: dict[str, Any]) -> int:
    quantity = change["quantity"]
    if type(quantity) is not int or quantity < 0:
        raise ValueError("quantity is a number of units, 0 or more")
    return quantity


def _random_changes(shop: Shop, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` different SKUs, each with another quantity than it has."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    skus: dict[str, Sku] = {}
    ids = list(shop.ids())
    rng.shuffle(ids)
    # One of each product in a round, so that few changes spread over many products.
    for turn in range(100):
        for product_id in ids:
            product = shop.get(product_id)
            if product is None or turn >= len(product.skus):
                continue
            if len(skus) == count:
                return [_moved(sku, rng) for sku in skus.values()]
            sku = product.skus[turn]
            skus[sku.id] = sku
    if len(skus) < count:
        raise ValueError(f"the shop has {len(skus)} SKUs, {count} are wanted")
    return [_moved(sku, rng) for sku in skus.values()]


def _moved(sku: Sku, rng: random.Random) -> dict[str, Any]:
    now = next(iter(sku.stock.values()))
    quantity = rng.choice((0, max(0, now - rng.randint(1, 40)), now + rng.randint(1, 40)))
    return {"sku_id": sku.id, "quantity": quantity if quantity != now else now + 1}


def _product(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    product = product_of(shop, asked["product_id"])
    status = product.status
    texts, extra = _read(asked.get("set", {}))
    by_sku = {sku_of(shop, sku_id)[1].id: fields for sku_id, fields in asked.get("set_skus", {}).items()}
    for fields in by_sku.values():
        only(fields, _OF_SKU | {"price", "seller_sku"})
    if "price" in texts:
        for sku in product.skus:
            sku.price = texts["price"]
    for name in texts.keys() - {"price"}:
        setattr(product, name, texts[name])
    product.extra = product.extra | extra
    if "platforms" in asked.get("set", {}):
        _list_on(product, asked["set"]["platforms"])
    for sku in product.skus:
        if sku.id in by_sku:
            _set_sku(sku, dict(by_sku[sku.id]))
    if "remove_sku" in asked:
        _remove(product, asked["remove_sku"])
    if asked.get("no_skus"):
        product.skus = []
    shop.touch(product, int(world.now()))
    _tell_edit(world, shop, product, status, asked)
    return {}


def _tell_edit(world: World, shop: Shop, product: Product, status: str, asked: dict[str, Any]) -> None:
    """Notify of a product's new status, its new audit, and of the fields that were edited."""
    named = set(asked.get("set", {}))
    world.webhooks.status_changed(shop, product, status)
    if named & {"audit", "platforms"}:
        world.webhooks.audited(shop, product)
    fields = named - {"status", "audit", "platforms"} | (asked.keys() & {"set_skus", "remove_sku", "no_skus"})
    world.webhooks.edited(shop, product, sorted(fields))


def _read(values: Fields) -> tuple[dict[str, str], Fields]:
    """What `set` changes of a product itself, and the fields that it puts into answers."""
    only(values, _TEXTS | _OF_PRODUCT | {"platforms"})
    texts = {name: value for name, value in values.items() if name in _TEXTS}
    if not all(isinstance(value, str) for value in texts.values()):
        raise ValueError("title, status, description and price are strings")
    extra = {name: value for name, value in values.items() if name in _OF_PRODUCT}
    return texts, extra


def _list_on(product: Product, platforms: dict[str, str] | None) -> None:
    """List a product on other platforms, with its status there; null is as it was made up.

    Unless TIKTOK_SHOP is among them, it isn't listed at TikTok, and the statuses of TikTok's own are left out.
    """
    kept = {name: value for name, value in product.extra.items() if name not in _OF_PLATFORMS}
    if platforms is not None:
        others = [{"platform": name, "status": status} for name, status in platforms.items() if name != "TIKTOK_SHOP"]
        kept["integrated_platform_statuses"] = others
        if "TIKTOK_SHOP" not in platforms:
            kept |= {"status": None, "product_status": None}
    product.extra = kept


def _set_sku(sku: Sku, fields: Fields) -> None:
    sku.price = str(fields.pop("price", sku.price))
    sku.seller_sku = str(fields.pop("seller_sku", sku.seller_sku))
    sku.extra = sku.extra | fields


def _remove(product: Product, sku_id: str) -> None:
    if all(sku.id != sku_id for sku in product.skus):
        raise NoSuch(f"product {product.id} has no SKU {sku_id}")
    product.skus = [sku for sku in product.skus if sku.id != sku_id]


def _delete(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    if "sku_id" in asked:
        product, sku = sku_of(shop, asked["sku_id"])
        _remove(product, sku.id)
        shop.touch(product, int(world.now()))
        world.webhooks.edited(shop, product, ["skus"])
    else:
        product = product_of(shop, asked["product_id"])
        status = product.status
        shop.delete(product, int(world.now()))
        world.webhooks.status_changed(shop, product, status)
    return {}


def _restore(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    product = product_of(shop, asked["product_id"])
    status = product.status
    shop.restore(product, int(world.now()))
    world.webhooks.status_changed(shop, product, status)
    return {}


def _add(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    count = int(asked.get("count", 1))
    if count < 1:
        raise ValueError("count is 1 or more")
    added = [shop.add(int(world.now())) for _ in range(count)]
    for product in added:
        world.webhooks.created(shop, product)
    ids = [product.id for product in added]
    return {"product_id": ids[0], "product_ids": ids}


ACTIONS: Final[dict[str, Action]] = {
    "stock": _stock, "product": _product, "delete": _delete, "restore": _restore, "add": _add,
}  # fmt: skip
