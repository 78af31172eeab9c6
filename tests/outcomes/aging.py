"""Rewrite stored states as older or newer versions may have written them, or as damage may have left them."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import orjson

Json = dict[str, Any]
_NEW_OF_PRODUCT: Final = ("external_product_id", "types", "audit", "for_sale", "minimum_order", "platforms")
_NEW_OF_SKU: Final = ("deactivation_source", "gtin", "external_sku_id", "pre_sale")
_NEW_OF_STOCK: Final = ("in_shop", "locked", "backorder")


def age(rng: Random, text: bytes) -> bytes:
    """Take fields away that older versions did not know."""
    state: Json = orjson.loads(text)
    _forget(rng, state, ("updated_at", "deleted_at"))
    for product in filter(None, (state["product"], state.get("told"))):
        _forget(rng, product, _NEW_OF_PRODUCT)
        for sku in product["skus"]:
            _forget(rng, sku, _NEW_OF_SKU)
    for row in state["stock"].values():
        if rng.random() < 0.7:
            _forget(rng, row, _NEW_OF_STOCK, share=1)
    return orjson.dumps(state)


def _forget(rng: Random, fields: Json, names: Sequence[str], share: float = 0.7) -> None:
    for name in names:
        if rng.random() < share:
            fields.pop(name, None)


def extend(rng: Random, text: bytes) -> bytes:
    """Add fields that only a newer version knows, somewhere."""
    state: Json = orjson.loads(text)
    places: list[Json] = [state, *state["stock"].values()]
    for row in state["stock"].values():
        places += row.get("warehouses", [])
    for product in (state["product"], state.get("told")):
        if product:
            places += [product, *product["skus"], *product["images"], *(product.get("platforms") or ())]
            places += [one for one in (product.get("audit"), *(sku["price"] for sku in product["skus"])) if one]
            places += [one for sku in product["skus"] for one in sku["attributes"]]
    for place in rng.sample(places, min(len(places), 3)):
        place["of_a_newer_version"] = rng.choice(({"a": [1, 2.5, None]}, "text é", 7, False))
    return orjson.dumps(state)


def damage(rng: Random, text: bytes) -> bytes:
    """Damage a value, so that it is no state."""
    state: Json = orjson.loads(text)
    state.pop(rng.choice(("seq", "deleted", "product", "stock")))
    return rng.choice((text[: len(text) // 2], text[1:], b"[]", b"null", b"{}", b"\xff" + text, orjson.dumps(state)))


def keep_whole(text: bytes) -> bytes:
    """Write a tombstone as the first versions did: all that was known, marked as deleted."""
    state: Json = orjson.loads(text)
    state["deleted"] = True
    for row in state["stock"].values():
        row["removed"] = True
    return orjson.dumps(state)
