"""Make a product as TikTok may have it, change it step by step, and write it as TikTok's answers do."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

Json = dict[str, Any]
_WORDS: Final = (
    "Socks",
    "Tazza „blu“",
    "Áo thun nữ",
    'A "quoted" \\ title',
    "line\nbreak\ttab\x1f\x7f",
    "👟 Schuh",
    "",
)
_STATUSES: Final = ("ACTIVATE",) * 4 + ("DRAFT", "SELLER_DEACTIVATED", "PLATFORM_DEACTIVATED", "NEW_WORD", "FREEZE")
_BIG: Final = (0, 1, 4, 5, 6, 17, 2**31, 2**53, 2**53 + 1, 2**60)
_AMOUNTS: Final = ("9.90", "9.9", "0", "117.50", 25, 3.5, "no price", None, "1e3")
_WAREHOUSES: Final = ("7", "8", "9")


def make_product(rng: Random, product_id: str, skus: int = 0) -> Json:
    """Make a product of so many SKUs; of 1 to 7 if `skus` is 0."""
    return {
        "id": product_id,
        "title": rng.choice(_WORDS),
        "status": rng.choice(_STATUSES),
        "create_time": 1_690_000_000 + rng.randrange(1_000),
        "update_time": 1_700_000_000,
        "brand": rng.choice(({"id": "5"}, {"id": ""}, None)),
        "category_chains": _make_path(rng),
        "description": rng.choice(("<p>long</p>", "", None)),
        "main_images": _make_images(rng),
        "skus": [make_sku(rng, str(number)) for number in range(1, (skus or rng.randrange(1, 8)) + 1)],
        "external_product_id": rng.choice(("e-1", "", None)),
        "product_types": rng.choice((["COMBINED_PRODUCT"], [], None)),
        "audit": rng.choice(({"status": "APPROVED"}, {"status": "FAILED"}, None)),
        "audit_failed_reasons": rng.choice(([{"reasons": ["Bad image", "é" * 1_200]}], ["plain"], [], None)),
        "is_not_for_sale": rng.choice((True, False, None)),
        "minimum_order_quantity": rng.choice((1, 2, 2**54, None)),
        "integrated_platform_statuses": rng.choice(
            (
                [{"platform": "TOKOPEDIA", "status": "ACTIVATE"}, {"platform": "TIKTOK_SHOP", "status": "DRAFT"}],
                [],
                None,
            )
        ),
    }


def make_sku(rng: Random, sku_id: str) -> Json:
    """Make a SKU with its stock, as a detail has it."""
    return {
        "id": sku_id,
        "seller_sku": rng.choice((f"S{sku_id}", "", None)),
        "price": _make_price(rng),
        "inventory": make_rows(rng),
        "sales_attributes": [
            {"id": "100", "name": rng.choice(_WORDS), "value_id": str(rng.randrange(3)), "value_name": "Red"}
        ],
        "status_info": rng.choice(({"status": "NORMAL"}, {"status": "X", "deactivation_source": "SELLER"}, None)),
        "identifier_code": rng.choice(({"code": "123"}, {"code": ""}, None)),
        "external_sku_id": rng.choice(("x", "", None)),
        "pre_sale": rng.choice(({"type": "PRE_ORDER"}, {"type": "NONE"}, None)),
    }


def make_rows(rng: Random) -> list[Json] | None:
    """Make the stock of a SKU by warehouse."""
    if rng.random() < 0.04:
        return rng.choice((None, []))
    several = rng.random() < 0.4
    chosen = rng.sample(_WAREHOUSES, rng.randrange(1, 4)) if several else ["7"]
    return [
        {
            "warehouse_id": one,
            "quantity": rng.choice(_BIG) if rng.random() < 0.2 else rng.randrange(30) if rng.random() < 0.95 else None,
            "backorder_quantity": rng.choice((None, None, None, 0, 3)),
        }
        for one in chosen
    ]


def _make_price(rng: Random) -> Json | None:
    if rng.random() < 0.05:
        return None
    return {
        "currency": rng.choice(("USD", "VND", "", None)),
        "sale_price": rng.choice(_AMOUNTS),
        "tax_exclusive_price": rng.choice(_AMOUNTS),
    }


def _make_images(rng: Random) -> list[Json]:
    return [
        {"uri": f"tos/{rng.randrange(4)}", "width": rng.choice((600, None)), "height": 2**54}
        for _ in range(rng.randrange(4))
    ]


def _make_path(rng: Random) -> list[Json]:
    names = rng.choice((("Clothes", "Socks"), ("Toys",), ()))
    return [
        {"id": str(n), "local_name": name, "parent_id": str(n - 1) if n else None, "is_leaf": n == len(names) - 1}
        for n, name in enumerate(names)
    ]


def change(rng: Random, product: Json) -> None:
    """Change one thing about a product or a few; its `update_time` moves, stays, goes back or is absent."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        rng.choice(_CHANGES)(rng, product)
    moved = rng.random()
    if moved < 0.75:
        product["update_time"] = (product["update_time"] or 1_700_000_000) + rng.choice((0, 0, 1, 30))
    elif moved < 0.8:
        product["update_time"] = (product["update_time"] or 1_700_000_000) - 5


def _change_texts(rng: Random, product: Json) -> None:
    product["title"] = rng.choice((*_WORDS, "é" * 1_001, "é" * 1_002, None))


def _change_a_field(rng: Random, product: Json) -> None:
    other = make_product(rng, product["id"])
    name = rng.choice([name for name in other if name not in ("id", "skus", "update_time", "create_time")])
    product[name] = other[name] if rng.random() < 0.8 else None


def _change_a_sku(rng: Random, product: Json) -> None:
    for sku in rng.sample(product["skus"], min(len(product["skus"]), rng.choice((1, 1, 2)))):
        other = make_sku(rng, sku["id"])
        name = rng.choice([name for name in other if name != "id"])
        sku[name] = other[name] if rng.random() < 0.85 else None


def _change_stock(rng: Random, product: Json) -> None:
    for sku in product["skus"]:
        if rng.random() < 0.5:
            sku["inventory"] = make_rows(rng)


def _add_or_remove_skus(rng: Random, product: Json) -> None:
    skus = product["skus"]
    free = [str(number) for number in range(1, 8) if all(sku["id"] != str(number) for sku in skus)]
    if skus and (not free or rng.random() < 0.5):
        skus.remove(rng.choice(skus))
    elif free:
        skus.insert(rng.randrange(len(skus) + 1), make_sku(rng, rng.choice(free)))
    if rng.random() < 0.2:
        rng.shuffle(skus)


_CHANGES: Final[tuple[Callable[[Random, Json], None], ...]] = (
    _change_texts, _change_a_field, _change_a_field, _change_a_sku, _change_a_sku, _change_stock, _change_stock,
    _add_or_remove_skus,
)  # fmt: skip


def write_line(rng: Random, product: Json) -> Json:
    """Write the product as a page of a search has it: less of it, and now and then nothing of its SKUs."""
    names = ("id", "title", "status", "create_time", "update_time", "audit", "product_types", "is_not_for_sale")
    line = {name: product[name] for name in names}
    if rng.random() < 0.95:
        kept = ("id", "seller_sku", "price", "inventory", "status_info")
        line["skus"] = [{name: sku[name] for name in kept} for sku in product["skus"] if rng.random() < 0.97]
    return line


def write_legacy(product: Json) -> Json:
    """Write the product as the legacy generation has it."""
    return {
        "product_id": int(product["id"]), "product_name": product["title"],
        "product_status": {"ACTIVATE": 4, "DRAFT": 1, "FREEZE": 7}.get(product["status"] or ""),
        "create_time": product["create_time"] * 1000 if product["create_time"] else None,
        "update_time": product["update_time"] * 1000 if product["update_time"] else None,
        "brand": product["brand"], "description": product["description"], "images": product["main_images"],
        "skus": [
            {
                "id": int(sku["id"]), "seller_sku": sku["seller_sku"], "price": {"original_price": "12.0"},
                "stock_infos": [
                    {"warehouse_id": row["warehouse_id"], "available_stock": row["quantity"]}
                    for row in sku["inventory"] or ()
                ],
            }
            for sku in product["skus"]
        ],
    }  # fmt: skip


def write_inventory(rng: Random, product: Json, *, whole: bool) -> Json:
    """Write its stock as an inventory search has it, of all its SKUs or of some."""
    skus = product["skus"] if whole else rng.sample(product["skus"], rng.randrange(len(product["skus"]) + 1))
    return {"product_id": product["id"], "skus": [_write_stock(rng, sku) for sku in skus if rng.random() < 0.97]}


def _write_stock(rng: Random, sku: Json) -> Json:
    rows = sku["inventory"] or []
    known = [row["quantity"] for row in rows if row["quantity"] is not None]
    available = sum(known) if known else None
    aside = rng.choice((0, 0, 1, 3, None))
    stock: Json = {
        "id": sku["id"], "seller_sku": sku["seller_sku"],
        "total_available_quantity": available if rng.random() < 0.8 else None,
        "total_committed_quantity": rng.choice((None, 0, 2, 2**60)),
        "total_backorder_quantity": rng.choice((None, None, 0, 4)),
        "warehouse_inventory": [
            {"warehouse_id": row["warehouse_id"], "available_quantity": row["quantity"],
             "committed_quantity": rng.choice((None, 0, 2))}
            for row in rows
        ],
    }  # fmt: skip
    if rng.random() < 0.6 and available is not None and aside is not None:
        stock["total_available_inventory_distribution"] = {
            "in_shop_inventory": {"quantity": available - aside},
            "campaign_inventory": rng.choice(([{"quantity": aside}], None)), "creator_inventory": [],
        }  # fmt: skip
    return stock
