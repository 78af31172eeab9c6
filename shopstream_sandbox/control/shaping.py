"""Control calls that change what a shop is: its cipher, its seller's type, its warehouses, the size of its products."""

from typing import Any, Final

from shopstream_sandbox.control.known import Action, NoSuch, only, shop_of, sku_of
from shopstream_sandbox.webhook.notifications import levels
from shopstream_sandbox.world import World

_WAREHOUSE: Final = frozenset({"name", "type", "sub_type", "effect_status", "is_default", "entity_id", "address"})
_MOST_SKUS: Final = 100
_MOST_WAREHOUSES: Final = 20


def _cipher(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(asked, {"shop_id"})
    return {"cipher": world.new_cipher(shop_of(world, asked["shop_id"]))}


def _seller(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(asked, {"shop_id", "seller_type"})
    if asked["seller_type"] not in {"LOCAL", "CROSS_BORDER"}:
        raise ValueError("seller_type is LOCAL or CROSS_BORDER")
    shop = shop_of(world, asked["shop_id"])
    shop.seller_type = asked["seller_type"]
    shop.looks_changed()
    return {}


def _warehouse(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Set fields of a warehouse."""
    only(asked, {"shop_id", "warehouse_id", "set"})
    shop = shop_of(world, asked["shop_id"])
    if asked["warehouse_id"] not in shop.all_warehouses():
        raise NoSuch(f"no warehouse {asked['warehouse_id']}")
    only(asked["set"], _WAREHOUSE)
    known = shop.warehouse_facts.setdefault(asked["warehouse_id"], {})
    known.update(asked["set"])
    return {}


def _lock(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Set stock aside for campaigns and creators, and let some be sold beyond it."""
    only(asked, {"shop_id", "sku_id", "campaign", "creator", "backorder"})
    shop = shop_of(world, asked["shop_id"])
    product, sku = sku_of(shop, asked["sku_id"])
    units = {name: asked.get(name, getattr(sku, name)) for name in ("campaign", "creator", "backorder")}
    if any(type(number) is not int or number < 0 for number in units.values()):
        raise ValueError("campaign, creator and backorder are numbers of units, 0 or more")
    if units["campaign"] + units["creator"] > sum(sku.stock.values()):
        raise ValueError("no more can be set aside than is available")
    steps = []
    for name, number in units.items():
        before = levels(sku)
        turn = "lock" if number >= getattr(sku, name) else "unlock"
        setattr(sku, name, number)
        steps.append((f"{name}_{turn}", before, levels(sku)))
    shop.touch(product, int(world.now()), updated=world.switches.stock_moves_update_time)
    world.webhooks.stock_stepped(shop, product, sku, steps)
    return {}


def _fat(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    only(asked, {"shop_id", "skus", "warehouses"})
    shop = shop_of(world, asked["shop_id"])
    if asked.get("skus") is None:
        shop.fatten(None)
        return {}
    skus, warehouses = int(asked["skus"]), int(asked.get("warehouses", 1))
    if not (1 <= skus <= _MOST_SKUS and 1 <= warehouses <= _MOST_WAREHOUSES):
        raise ValueError(f"skus is 1 to {_MOST_SKUS} or null, warehouses 1 to {_MOST_WAREHOUSES}")
    shop.fatten((skus, warehouses))
    return {}


ACTIONS: Final[dict[str, Action]] = {
    "cipher": _cipher, "seller": _seller, "warehouse": _warehouse, "lock": _lock, "fat": _fat,
}  # fmt: skip
