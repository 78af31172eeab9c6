"""Normalize a shop's warehouses for `shop.warehouses`. Pure."""

from shopstream.payloads.shops import Warehouse
from worker.formats import text_id, word
from worker.tiktok.reading.answers import Warehouses


def warehouses(answer: Warehouses) -> list[Warehouse] | None:
    """List the warehouses by id; None if the answer lacks the list, which is not an empty one."""
    if answer.warehouses is None:
        return None
    found: list[Warehouse] = [
        {
            "warehouse_id": text_id(each.id) or "",
            "name": each.name or None,
            "type": word(each.type),
            "subtype": word(each.sub_type),
            "enabled": None if not each.effect_status else each.effect_status == "ENABLED",
            "default": each.is_default,
            "region": (each.address.region_code or each.address.region or None) if each.address else None,
        }
        for each in answer.warehouses
    ]
    return sorted(found, key=lambda each: each["warehouse_id"])
