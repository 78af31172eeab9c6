"""What control calls look up, and how they refuse what they don't know."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from shopstream_sandbox.catalogue.products import Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.consent.apps import App
from shopstream_sandbox.consent.tokens import Seller
from shopstream_sandbox.world import World

Action = Callable[[World, dict[str, Any]], dict[str, Any]]


SOURCES: Final = (
    "manual_adjustment", "order_created", "order_canceled", "order_shipped", "api_sync", "campaign_lock",
    "campaign_unlock", "creator_lock", "creator_unlock", "system_auto_replenish",
)  # fmt: skip
"""TikTok's words for what moved a stock."""


class NoSuch(Exception):
    """A shop, product, SKU or call that is not there."""


def shop_of(world: World, shop_id: str) -> Shop:
    """The shop of that id."""
    if shop_id not in world.by_id:
        raise NoSuch(f"no shop {shop_id}")
    return world.by_id[shop_id]


def seller_of(world: World, asked: dict[str, Any]) -> Seller:
    """The seller of that name, or of that shop."""
    shop = None if "seller" in asked else shop_of(world, asked["shop_id"])
    for seller in world.sellers:
        if (shop in seller.shops) if shop else (seller.name == asked["seller"]):
            return seller
    raise NoSuch(f"no seller {asked['seller']}")


def app_of(world: World, asked: dict[str, Any]) -> App:
    """The app of that key; the first one if no key is given."""
    key = asked.get("app_key", world.tokens.apps[0].key)
    found = next((app for app in world.tokens.apps if app.key == key), None)
    if found is None:
        raise NoSuch(f"no app {key}")
    return found


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


def source_of(asked: dict[str, Any]) -> str:
    """Read what moved the stock, a manual adjustment if not said. Raises ValueError."""
    source = str(asked.get("source", SOURCES[0]))
    if source not in SOURCES:
        raise ValueError(f"source is one of {', '.join(SOURCES)}")
    return source


def only(asked: Iterable[str], known: Collection[str]) -> None:
    """Refuse what isn't known, so that no misspelt name goes unnoticed. Raises ValueError."""
    unknown = set(asked) - set(known)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
