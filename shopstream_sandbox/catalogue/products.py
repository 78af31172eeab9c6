"""Products and SKUs as they are now, and the one that is real: the project's own sample."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

SEED_SAMPLE: Final = (Path(__file__).parent / "data" / "product-detail-legacy-202306.json").read_bytes()
"""A real answer of TikTok's: the first product of the first shop, byte for byte."""
SEED_PRODUCT: Final[dict[str, Any]] = json.loads(SEED_SAMPLE)["data"]
SEED_ID: Final = str(SEED_PRODUCT["product_id"])


Fields = dict[str, Any]
"""Parts of an answer by TikTok's names. None stands for a field that is left out."""


@dataclass(slots=True)
class Sku:
    """One SKU: `stock` by warehouse id, `price` as a decimal string, the one that a buyer sees.

    `campaign` and `creator` are set aside of the stock; `backorder` is sold beyond it.
    """

    id: str
    seller_sku: str
    price: str
    variant: str
    stock: dict[str, int]
    committed: int
    campaign: int = 0
    creator: int = 0
    backorder: int = 0
    extra: Fields = field(default_factory=dict)
    """Fields that were set by hand, over those that are made up. Replaced, never changed in place."""


@dataclass(slots=True)
class Product:
    """One product. Times are Unix seconds; `status` is the current generation's word."""

    id: str
    title: str
    status: str
    created: int
    updated: int
    skus: list[Sku]
    look: int
    """What its images and optional fields are made from."""
    description: str | None = None
    """None: made from `look`."""
    pristine: bool = False
    """It is the seed's product and untouched: the legacy answer is then the sample itself."""
    extra: Fields = field(default_factory=dict)
    """As a SKU's."""
    status_before: str = "ACTIVATE"
    """What a restored product is again."""

    def copy(self) -> "Product":
        """Give a copy that later changes don't reach."""
        return replace(self, skus=[replace(sku, stock=dict(sku.stock)) for sku in self.skus])


def seeds_product() -> Product:
    """The sample's product, as new."""
    skus = [
        Sku(
            id=sku["id"],
            seller_sku=sku["seller_sku"],
            price=sku["price"]["original_price"],
            variant=sku["sales_attributes"][0]["value_name"],
            stock={row["warehouse_id"]: row["available_stock"] for row in sku["stock_infos"]},
            committed=0,
        )
        for sku in SEED_PRODUCT["skus"]
    ]
    return Product(
        id=SEED_ID,
        title=SEED_PRODUCT["product_name"],
        status="ACTIVATE",
        created=SEED_PRODUCT["create_time"] // 1000,
        updated=SEED_PRODUCT["update_time"] // 1000,
        skus=skus,
        look=0,
        description=SEED_PRODUCT["description"],
        pristine=True,
    )
