"""Control calls that sell: one order, or a flash sale."""

import random
from typing import Any, Final

from shopstream_sandbox.catalogue.products import Product, Sku
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.control.known import SOURCES, Action, only, shop_of, sku_of
from shopstream_sandbox.webhook.notifications import levels
from shopstream_sandbox.webhook.sale import Sale, take
from shopstream_sandbox.world import World


def _order(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Move units of a SKU as an order does that is created, canceled or shipped."""
    only(asked, {"shop_id", "sku_id", "units", "event"})
    shop = shop_of(world, asked["shop_id"])
    product, sku = sku_of(shop, asked["sku_id"])
    units, source = asked.get("units", 1), f"order_{asked['event']}"
    if type(units) is not int or units < 1:
        raise ValueError("units is a number of units, 1 or more")
    if source not in SOURCES:
        raise ValueError("event is created, canceled or shipped")
    before = levels(sku)
    if units > (before.in_shop if source == "order_created" else before.committed):
        raise ValueError("there are not so many units")
    if source == "order_created":
        take(sku.stock, units)
    elif source == "order_canceled":
        sku.stock[next(iter(sku.stock))] += units
    sku.committed += units if source == "order_created" else -units
    shop.touch(product, int(world.now()), updated=world.switches.stock_moves_update_time)
    world.webhooks.stock_changed(shop, product, sku, before, source)
    return {"before": before._asdict(), "after": levels(sku)._asdict()}


def _sale(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Begin a flash sale, or stop the one that runs."""
    only(asked, {"shop_id", "skus", "sku_ids", "per_second", "sales", "seconds", "units", "stock", "seed", "stop"})
    if asked.get("stop"):
        world.sales.stop()
        return world.sales.document()
    shop, rate = shop_of(world, asked["shop_id"]), float(asked["per_second"])
    sales = int(asked["sales"] if "sales" in asked else rate * float(asked["seconds"]))
    units = int(asked.get("units", 1))
    if rate <= 0 or sales < 1 or units < 1:
        raise ValueError("per_second is above 0; sales and units are 1 or more")
    chosen = asked.get("sku_ids") or _chosen(shop, int(asked.get("skus", 1)), asked.get("seed", 0))
    found = [sku_of(shop, sku_id) for sku_id in chosen]
    if "stock" in asked:
        _fill(world, shop, found, int(asked["stock"]))
    world.sales.start(Sale(shop, chosen, rate, sales, units, lambda: world.switches.stock_moves_update_time, world.now))
    return world.sales.document()


def _fill(world: World, shop: Shop, found: list[tuple[Product, Sku]], stock: int) -> None:
    """Set the stock of SKUs in their first warehouses, and nothing elsewhere."""
    for product, sku in found:
        before = levels(sku)
        sku.stock = {warehouse: 0 if place else stock for place, warehouse in enumerate(sku.stock)}
        shop.touch(product, int(world.now()), updated=world.switches.stock_moves_update_time)
        world.webhooks.stock_changed(shop, product, sku, before, "manual_adjustment")


def _chosen(shop: Shop, count: int, seed: int) -> list[str]:
    """Choose so many SKUs of live products."""
    ids = list(shop.ids())
    random.Random(seed).shuffle(ids)  # noqa: S311 - repeatable
    live = (product for one in ids if (product := shop.get(one)) and product.status == "ACTIVATE")
    chosen: list[str] = []
    for product in live:
        chosen += [sku.id for sku in product.skus]
        if len(chosen) >= count:
            return chosen[:count]
    raise ValueError(f"the shop has {len(chosen)} SKUs of live products, {count} are wanted")


ACTIONS: Final[dict[str, Action]] = {"order": _order, "sale": _sale}
