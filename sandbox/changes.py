"""Control calls that change the catalogue, and the truth about it for those who check."""

import random
from collections.abc import Callable
from typing import Any, Final

from sandbox.catalogue import Product, Sku
from sandbox.shop import Shop
from sandbox.world import World


class NoSuch(Exception):
    """A shop, product, SKU or call that is not there."""


def shop_of(world: World, shop_id: str) -> Shop:
    """The shop of that id."""
    if shop_id not in world.by_id:
        raise NoSuch(f"no shop {shop_id}")
    return world.by_id[shop_id]


def truth(product: Product) -> dict[str, Any]:
    """One product as it is now."""
    return {
        "title": product.title,
        "status": product.status,
        "update_time": product.updated,
        "skus": {sku.id: {"price": sku.price, "stock": sku.stock, "committed": sku.committed} for sku in product.skus},
    }


def _stock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    wanted = asked.get("changes")
    if wanted is None:
        wanted = _random_changes(shop, int(asked["random"]), asked.get("seed", 0))
    # All are looked up before the first is made: a refused call changes nothing.
    found = [(change, *_sku_of(shop, change["sku_id"]), _quantity(change)) for change in wanted]
    return {"changed": [_set(world, shop, change, product, sku, new) for change, product, sku, new in found]}


def _set(world: World, shop: Shop, change: dict[str, Any], product: Product, sku: Sku, new: int) -> dict[str, Any]:
    warehouse = change.get("warehouse_id") or next(iter(sku.stock))
    before, here = sum(sku.stock.values()), sku.stock.get(warehouse, 0)
    sku.stock[warehouse] = new
    shop.touch(product, int(world.now()), updated=world.switches.stock_moves_update_time)
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
    product = _known(shop, asked["product_id"])
    values = asked.get("set", {})
    unknown = set(values) - {"title", "status", "description", "price"}
    if unknown or not all(isinstance(value, str) for value in values.values()):
        raise ValueError("set takes title, status, description and price, as strings")
    for name, value in values.items():
        if name == "price":
            for sku in product.skus:
                sku.price = value
        else:
            setattr(product, name, value)
    if "remove_sku" in asked:
        _remove(product, asked["remove_sku"])
    if asked.get("no_skus"):
        product.skus = []
    shop.touch(product, int(world.now()))
    return {}


def _remove(product: Product, sku_id: str) -> None:
    if all(sku.id != sku_id for sku in product.skus):
        raise NoSuch(f"product {product.id} has no SKU {sku_id}")
    product.skus = [sku for sku in product.skus if sku.id != sku_id]


def _delete(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    if "sku_id" in asked:
        product, sku = _sku_of(shop, asked["sku_id"])
        _remove(product, sku.id)
        shop.touch(product, int(world.now()))
    else:
        shop.delete(_known(shop, asked["product_id"]).id)
    return {}


def _restore(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    shop.restore(_known(shop, asked["product_id"]).id)
    return {}


def _add(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    shop = shop_of(world, asked["shop_id"])
    count = int(asked.get("count", 1))
    if count < 1:
        raise ValueError("count is 1 or more")
    added = [shop.add(int(world.now())).id for _ in range(count)]
    return {"product_id": added[0], "product_ids": added}


def _known(shop: Shop, product_id: str) -> Product:
    product = shop.any(product_id)
    if product is None:
        raise NoSuch(f"no product {product_id}")
    return product


def _sku_of(shop: Shop, sku_id: str) -> tuple[Product, Sku]:
    product = shop.product_of(sku_id)
    if product is None:
        raise NoSuch(f"no SKU {sku_id}")
    return product, next(sku for sku in product.skus if sku.id == sku_id)


Action = Callable[[World, dict[str, Any]], dict[str, Any]]
ACTIONS: Final[dict[str, Action]] = {
    "stock": _stock, "product": _product, "delete": _delete, "restore": _restore, "add": _add,
}  # fmt: skip
