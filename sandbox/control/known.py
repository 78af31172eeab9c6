"""What control calls look up, and how they refuse what they don't know."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from sandbox.catalogue.products import Product, Sku
from sandbox.catalogue.shop import Shop
from sandbox.world import World

Action = Callable[[World, dict[str, Any]], dict[str, Any]]


class NoSuch(Exception):
    """A shop, product, SKU or call that is not there."""


def shop_of(world: World, shop_id: str) -> Shop:
    """The shop of that id."""
    if shop_id not in world.by_id:
        raise NoSuch(f"no shop {shop_id}")
    return world.by_id[shop_id]


def product_of(shop: Shop, product_id: str) -> Product:
    """The product of that id, deleted or not."""
    product = shop.any(product_id)
    if product is None:
        raise NoSuch(f"no product {product_id}")
    return product


def sku_of(shop: Shop, sku_id: str) -> tuple[Product, Sku]:
    """The SKU of that id, and its product."""
    product = shop.product_of(sku_id)
    if product is None:
        raise NoSuch(f"no SKU {sku_id}")
    return product, next(sku for sku in product.skus if sku.id == sku_id)


def only(asked: Iterable[str], known: Collection[str]) -> None:
    """Refuse what isn't known, so that no misspelt name goes unnoticed. Raises ValueError."""
    unknown = set(asked) - set(known)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
