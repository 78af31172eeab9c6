"""Shops full of products, made up deterministically from a seed, each product only when somebody looks at it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

SEED_SAMPLE: Final = (Path(__file__).parent / "data" / "product-detail-legacy-202306.json").read_bytes()
"""A real answer of TikTok's: the first product of the first shop, byte for byte."""
SEED_PRODUCT: Final[dict[str, Any]] = json.loads(SEED_SAMPLE)["data"]

_BEGIN: Final = 1_700_000_000  # Unix seconds at which the first product was created
_REGIONS: Final = (("VN", "VND"), ("GB", "GBP"), ("US", "USD"), ("TH", "THB"), ("ID", "IDR"), ("MY", "MYR"))
_NOUNS: Final = (
    "Cà phê viên nén", "Áo thun cotton", "ชาไทยเย็น", "เสื้อยืด", "手工皂 薰衣草", "陶瓷杯", "Short Boat Socks",
    "Kopi susu gula aren", "Lip balm 🍓", "حقيبة يد", "Bougie parfumée", "Mềm mịn khăn tắm", "Wireless earbuds",
)  # fmt: skip
_ADJECTIVES: Final = ("mới", "ใหม่", "限定", "✨ deluxe", "XL", "combo 2", "Aluminium", "for kids", "bio", "200 g")
_COLOURS: Final = ("Red", "Xanh", "ดำ", "白", "Nude #3", "Azul")


@dataclass
class Sku:
    """One SKU: `stock` by warehouse id, price as a decimal string."""

    id: str
    seller_sku: str
    price: str
    colour: str
    stock: dict[str, int]
    committed: int


@dataclass
class Product:
    """One product. Times are Unix seconds; `status` is the current generation's word."""

    id: str
    title: str
    status: str
    created: int
    updated: int
    description: str
    skus: list[Sku]
    images: list[str]
    pristine: bool = False
    """It is the seed's product and untouched: the legacy answer is then the sample itself."""
    extra: dict[str, Any] = field(default_factory=dict)


class Shop:
    """A seller's shop with `size` products, plus what has been changed since."""

    def __init__(self, number: int, size: int, seed: int) -> None:
        self.number = number
        self.size = size
        self._seed = seed
        self.id = str(7_495_000_000_000_000_000 + seed % 1000 * 1_000_000 + number)
        rng = random.Random(f"{seed}:shop:{number}")  # noqa: S311 - repeatable, not secret
        self.cipher = f"ROW_{rng.getrandbits(120):030x}"
        self.code = f"CODE{rng.getrandbits(32):08X}"
        self.region, self.currency = _REGIONS[number % len(_REGIONS)]
        self.name = f"Sandbox shop {number + 1} · {rng.choice(_NOUNS)}"
        self.warehouses = [str(7_319_540_000_000_000_000 + number * 10 + n) for n in range(rng.randint(1, 3))]
        self._made: dict[str, Product] = {}
        self.deleted: set[str] = set()
        self.revision = 0

    @cached_property
    def _base(self) -> int:
        return 1_729_000_000_000_000_000 + self._seed % 1000 * 10**12 + self.number * 10**10

    def ids(self) -> Iterator[str]:
        """Every product's id, oldest first; deleted ones too."""
        return (self._id(index) for index in range(self.size))

    def owns(self, product_id: str) -> bool:
        """Whether the id is one of this shop's, deleted or not."""
        return self._index(product_id) is not None

    def get(self, product_id: str) -> Product | None:
        """The product, None if there is none, or it is deleted."""
        return None if product_id in self.deleted else self.any(product_id)

    def any(self, product_id: str) -> Product | None:
        """The product, deleted or not."""
        made = self._made.get(product_id)
        index = self._index(product_id)
        if made is None and index is not None:
            made = self._seeds(product_id) if self._is_seed(index) else self._make(index, product_id)
            self._made[product_id] = made
        return made

    def created(self, product_id: str) -> int:
        """When it was created, without making it up whole."""
        index = self._index(product_id) or 0
        return SEED_PRODUCT["create_time"] // 1000 if self._is_seed(index) else _BEGIN + index * 37

    def updated(self, product_id: str) -> int:
        """When it was last updated, without making it up whole."""
        made = self._made.get(product_id)
        if made is not None:
            return made.updated
        index = self._index(product_id) or 0
        return (
            SEED_PRODUCT["update_time"] // 1000 if self._is_seed(index) else _BEGIN + index * 37 + index * 7919 % 86400
        )

    def product_of(self, sku_id: str) -> Product | None:
        """The product that has this SKU."""
        if self.number == 0 and any(sku["id"] == sku_id for sku in SEED_PRODUCT["skus"]):
            return self.get(str(SEED_PRODUCT["product_id"]))
        product = self.get(str(int(sku_id) // 100 * 100)) if sku_id.isdigit() else None
        return product if product and any(sku.id == sku_id for sku in product.skus) else None

    def touch(self, product: Product, now: int, *, updated: bool = True) -> None:
        """Note that a product was changed; `updated` moves its update_time."""
        product.pristine = False
        if updated:
            product.updated = now
        self.revision += 1

    def add(self) -> Product:
        """One more product."""
        self.size += 1
        self.revision += 1
        product = self.any(self._id(self.size - 1))
        assert product is not None  # noqa: S101 - it has just been added
        return product

    def _is_seed(self, index: int) -> bool:
        return self.number == 0 and index == 0

    def _id(self, index: int) -> str:
        return str(SEED_PRODUCT["product_id"]) if self._is_seed(index) else str(self._base + index * 100)

    def _index(self, product_id: str) -> int | None:
        if self.number == 0 and product_id == SEED_PRODUCT["product_id"]:
            return 0 if self.size else None
        if not product_id.isdigit():
            return None
        index, rest = divmod(int(product_id) - self._base, 100)
        return index if rest == 0 and 0 <= index < self.size and not self._is_seed(index) else None

    def _make(self, index: int, product_id: str) -> Product:
        rng = random.Random(f"{self._seed}:{self.number}:{index}")  # noqa: S311 - repeatable, not secret
        noun = rng.choice(_NOUNS)
        created = self.created(product_id)
        price = rng.randint(100, 99_999)
        skus = [
            Sku(
                id=str(int(product_id) + 1 + n),
                seller_sku=f"S{index}-{n}" if rng.random() < 0.9 else "",
                price=str(price * 100) if self.currency in {"VND", "IDR"} else f"{price // 100}.{price % 100:02}",
                colour=rng.choice(_COLOURS),
                stock={warehouse: rng.choice((0, 3, rng.randint(1, 500))) for warehouse in self.warehouses},
                committed=rng.randint(0, 20),
            )
            for n in range(rng.randint(1, 12))
        ]
        words = [rng.choice(_NOUNS + _ADJECTIVES) for _ in range(rng.randint(20, 250))]
        return Product(
            id=product_id,
            title=f"{noun} {rng.choice(_ADJECTIVES)} #{index}",
            status=rng.choices(("ACTIVATE", "SELLER_DEACTIVATED", "DRAFT"), (18, 1, 1))[0],
            created=created,
            updated=self.updated(product_id),
            description=f"<p>{' '.join(words)}</p>",
            skus=skus,
            images=[f"tos-maliva-i-o3syd03w52-us/{rng.getrandbits(128):032x}" for _ in range(rng.randint(1, 6))],
            extra={} if rng.random() < 0.1 else {"brand": {"id": str(7_082_427_311_584_347_905), "name": noun}},
        )

    def _seeds(self, product_id: str) -> Product:
        skus = [
            Sku(
                id=sku["id"],
                seller_sku=sku["seller_sku"],
                price=sku["price"]["original_price"],
                colour=sku["sales_attributes"][0]["value_name"],
                stock={row["warehouse_id"]: row["available_stock"] for row in sku["stock_infos"]},
                committed=0,
            )
            for sku in SEED_PRODUCT["skus"]
        ]
        return Product(
            id=product_id,
            title=SEED_PRODUCT["product_name"],
            status="ACTIVATE",
            created=SEED_PRODUCT["create_time"] // 1000,
            updated=SEED_PRODUCT["update_time"] // 1000,
            description=SEED_PRODUCT["description"],
            skus=skus,
            images=[image["id"] for image in SEED_PRODUCT["images"]],
            pristine=True,
            extra={"brand": {"id": SEED_PRODUCT["brand"]["id"], "name": SEED_PRODUCT["brand"]["name"]}},
        )
