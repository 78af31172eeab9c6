"""Control calls of the webhooks: their options, and single notifications."""

from typing import TYPE_CHECKING, Any, Final

from shopstream_sandbox.catalogue.products import Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.control.known import Action, only, product_of, shop_of, sku_of
from shopstream_sandbox.webhook import notifications
from shopstream_sandbox.webhook.notifications import Data, levels
from shopstream_sandbox.webhook.subscriptions import TYPES
from shopstream_sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY: Final = 86_400
_COMBINED: Final = 3  # products of a combined listing


def overview(world: World) -> dict[str, Any]:
    """Give options, counts and subscriptions."""
    known = world.webhooks.subscriptions(world.tokens.apps[0].key)
    return {
        "options": world.webhooks.options.turn({}),
        "counts": world.webhooks.pusher.document(),
        "subscriptions": {
            shop.id: {one.event: one.address for one in found} for shop in world.shops if (found := known.of(shop.id))
        },
    }


def _webhooks(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Turn options, or put everything back first."""
    options = {name: value for name, value in asked.items() if name != "reset"}
    if asked.get("reset"):
        world.webhooks.reset()
    positions = world.webhooks.options.turn(options)
    world.webhooks.pusher.begin()
    return positions


def _push(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Push one notification; nothing changes in the catalogue."""
    only(asked, {"shop_id", "type", "product_id", "sku_id", "days", "data"})
    shop, kind = shop_of(world, asked["shop_id"]), asked["type"]
    if kind not in TYPES:
        raise ValueError(f"type is one of {', '.join(map(str, TYPES))}")
    product, sku = _subject(shop, asked)
    data = _made(world, shop, kind, product, sku, float(asked.get("days", 30))) | asked.get("data", {})
    return {"id": world.webhooks.notify(shop, kind, {name: one for name, one in data.items() if one is not None})}


def _subject(shop: Shop, asked: dict[str, Any]) -> tuple[Product, Sku]:
    """Find the SKU or product that is asked for; the shop's first one if none is."""
    if "sku_id" in asked:
        return sku_of(shop, asked["sku_id"])
    product = product_of(shop, asked.get("product_id") or next(shop.ids()))
    return product, product.skus[0]


def _made(world: World, shop: Shop, kind: int, product: Product, sku: Sku, days: float) -> Data:
    now, units = int(world.now()), levels(sku)
    low = world.webhooks.options.low_stock
    make: dict[int, Callable[[], Data]] = {
        5: lambda: notifications.status(product, product.status, now),
        6: lambda: notifications.deauthorized(shop),
        7: lambda: notifications.expiring(shop, now + days * _DAY, now),
        15: lambda: notifications.edited(product, ["title"], now),
        16: lambda: notifications.created(product, now),
        24: lambda: notifications.fulfilled(product, sku, now),
        27: lambda: notifications.low_stock(product, sku, low, now),
        37: lambda: notifications.audit(product, now),
        39: lambda: notifications.activity(shop, now),
        42: lambda: notifications.combined([one for _, one in zip(range(_COMBINED), shop.ids(), strict=False)]),
        68: lambda: notifications.stock(shop, product, sku, [("api_sync", units, units)], world.webhooks.moment()),
    }
    return make[kind]()


ACTIONS: Final[dict[str, Action]] = {"webhooks": _webhooks, "push": _push}
