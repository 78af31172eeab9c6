"""Make states by the worker's own code: of the sandbox's products, and of products like TikTok's samples.

A state is JSON, as the codec gets it. Each kind is made from numbers, so that the same numbers give the same state.
"""

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson

from benchmarks.states import texts
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.view import bodies
from worker.changes import product_changes as changes
from worker.changes.product_records import State, View
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309, ProductInventory
from worker.tiktok.reading.read_answers import ReadProduct, ReadStock

_AT_MS: Final = 1_764_372_118_424
_DETAIL: Final = Decoder(Product202309)
_INVENTORY: Final = Decoder(ProductInventory)
_STATUSES: Final = ("ACTIVATE",) * 9 + ("SELLER_DEACTIVATED", "DRAFT", "PENDING")


def read_detail(detail: dict[str, Any]) -> ReadProduct:
    """Read a detail as a worker reads TikTok's answer."""
    return ReadProduct(_DETAIL(orjson.dumps({"code": 0, "data": detail}))[0])


def make_state(detail: dict[str, Any], inventory: dict[str, Any] | None, seller_type: str = "LOCAL") -> bytes:
    """Make the state after a detail, and after a stock sync if `inventory` is given."""
    view = View(None, {"key": "state", "field": f"p:{detail['id']}"}, seen_ms=_AT_MS, sent_ms=_AT_MS - 300)
    state: State
    state, _ = changes.of_snapshot(None, read_detail(detail).normalize("d", seller_type), view)
    if inventory is not None:
        stock = ReadStock(_INVENTORY(orjson.dumps({"code": 0, "data": inventory}))[0]).normalize()
        state, _ = changes.of_stock(state, detail["id"], stock, view, whole=True)
    return orjson.dumps(state)


def list_sandbox_states(place: int, products: int) -> Iterator[bytes]:
    """Make the states of a sandbox's shop; those of every other product after a stock sync too."""
    shop = Shop(place, products, seed=1)
    for number, product_id in enumerate(shop.ids()):
        product = shop.get(product_id)
        assert product is not None
        inventory = bodies.inventory(product) if number % 2 else None
        yield make_state(bodies.detail(shop, product), inventory, shop.seller_type)


def list_varied_states(seed: int, products: int, half: int, *, skus: int = 1) -> Iterator[bytes]:
    """Make the states of products like TikTok's samples, each with texts of its own."""
    for number in range(products):
        detail = make_detail(random.Random(f"{seed}/{number}"), half, skus)
        inventory = _make_inventory(detail) if number % 2 else None
        yield make_state(detail, inventory)


def make_detail(rng: random.Random, half: int, skus: int = 1) -> dict[str, Any]:
    """Make the detail of a product like the sample of the answer `GET /product/202309/products/{id}`."""
    language = texts.choose_language(rng)
    product_id = rng.randrange(1_729_000_000_000_000_000, 1_732_000_000_000_000_000)
    created = rng.randrange(1_690_000_000, 1_760_000_000)
    path = texts.write_category(rng, language, half)
    detail: dict[str, Any] = {
        "id": str(product_id),
        "title": texts.write_title(rng, language, half),
        "status": rng.choice(_STATUSES),
        "create_time": created,
        "update_time": created + rng.randrange(90 * 86_400),
        "category_chains": [
            {"id": one, "is_leaf": at == len(path) - 1, "local_name": name, "parent_id": path[at - 1][0] if at else "0"}
            for at, (one, name) in enumerate(path)
        ],
        "description": f"<p>{texts.write_title(rng, language, half)}</p>",
        "main_images": [_make_image(rng) for _ in range(rng.choice((1, 1, 2)))],
        "skus": [_make_sku(rng, language, half, product_id + 4 + n) for n in range(skus)],
        "is_not_for_sale": False,
    }
    if rng.random() < 0.7:
        detail["brand"] = {"id": str(rng.randrange(7_000_000_000_000_000_000, 7_400_000_000_000_000_000)), "name": "b"}
    if rng.random() < 0.5:
        detail["audit"] = {"status": "APPROVED", "pre_approved_reasons": []}
    return detail


def _make_image(rng: random.Random) -> dict[str, Any]:
    side = rng.choice((600, 800, 1000, 1080, 2000))
    uri = f"tos-{rng.choice(('maliva', 'alisg', 'useast2a'))}-i-o3syd03w52-us/{rng.getrandbits(128):032x}"
    return {"height": side, "width": side, "uri": uri, "urls": []}


def _make_sku(rng: random.Random, language: texts.Language, half: int, sku_id: int) -> dict[str, Any]:
    warehouse = rng.randrange(7_319_000_000_000_000_000, 7_320_000_000_000_000_000)
    amount = f"{rng.randrange(10, 900) * 100}" if language.currency in ("VND", "IDR") else f"{rng.uniform(1, 200):.2f}"
    sku: dict[str, Any] = {
        "id": str(sku_id),
        "seller_sku": "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", k=rng.randint(4, 12))),
        "inventory": [{"quantity": int(rng.expovariate(1 / 60)), "warehouse_id": str(warehouse)}],
        "price": {"currency": language.currency, "sale_price": amount},
        "sales_attributes": [
            {
                "id": "100000", "name": rng.choice(("Color", "Size", "Specification")),
                "value_id": str(rng.randrange(7_000_000_000_000_000_000, 7_400_000_000_000_000_000)),
                "value_name": texts.write_variant(rng, language, half),
            }
        ],
        "status_info": {"status": "NORMAL"},
    }  # fmt: skip
    if rng.random() < 0.3:
        sku["identifier_code"] = {"code": f"{rng.randrange(10**12, 10**13)}", "type": "EAN"}
    return sku


def _make_inventory(detail: dict[str, Any]) -> dict[str, Any]:
    """Make the part of an inventory search about a product."""
    return {"product_id": detail["id"], "skus": [_make_stock(sku) for sku in detail["skus"]]}


def _make_stock(sku: dict[str, Any]) -> dict[str, Any]:
    (row,) = sku["inventory"]
    return {
        "id": sku["id"],
        "seller_sku": sku["seller_sku"],
        "total_available_quantity": row["quantity"],
        "total_committed_quantity": 0,
        "warehouse_inventory": [
            {"warehouse_id": row["warehouse_id"], "available_quantity": row["quantity"], "committed_quantity": 0}
        ],
        "total_available_inventory_distribution": {"in_shop_inventory": {"quantity": row["quantity"]}},
    }
