"""A seller's shop: as many products as asked for, each made up when somebody looks, plus what was changed since."""

import random
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from sandbox import making
from sandbox.cache import Bodies
from sandbox.catalogue import SEED_ID, SEED_PRODUCT, Product, seeds_product

_REGIONS: Final = (("VN", "VND"), ("GB", "GBP"), ("US", "USD"), ("TH", "THB"), ("ID", "IDR"), ("MY", "MYR"))
_KEPT: Final = 2_000  # unchanged products kept in memory, about 4 KB each
_STEP: Final = 100  # product ids are so far apart; the SKUs' ids lie between
_LONG: Final = 10 * 10**19  # every 50th id has 21 digits, as TikTok's longest
_LONG_EVERY: Final = 50
_SEED_SKUS: Final = frozenset(sku["id"] for sku in SEED_PRODUCT["skus"])


class Shop:
    """A shop with `size` products, deleted ones included; a product's place (`index`) never changes."""

    def __init__(self, place: int, size: int, seed: int) -> None:
        self.place = place
        self.size = size
        self._seed = seed
        self._base = 1_729_000_000_000_000_000 + seed % 1000 * 10**12 + place * 10**10
        self.id = str(7_495_000_000_000_000_000 + seed % 1000 * 1_000_000 + place)
        rng = random.Random(f"{seed}:shop:{place}")  # noqa: S311 - repeatable, not secret
        self.cipher = f"ROW_{rng.getrandbits(120):030x}"
        self.code = f"CODE{rng.getrandbits(32):08X}"
        self.region, self.currency = _REGIONS[place % len(_REGIONS)]
        self.name = f"Sandbox shop {place + 1} · {self.region}"
        self.warehouses = [str(7_319_540_000_000_000_000 + place * 10 + n) for n in range(rng.randint(1, 3))]
        if place == 0:
            self.warehouses[0] = SEED_PRODUCT["skus"][0]["stock_infos"][0]["warehouse_id"]
        self._changed: dict[str, Product] = {}
        self._made: OrderedDict[str, Product] = OrderedDict()
        self.deleted: set[str] = set()
        self.revision = 0
        """Counts all changes."""
        self.bodies = Bodies()

    def id_at(self, index: int) -> str:
        """The id of the product at that place."""
        if self._is_seed(index):
            return SEED_ID
        return str(self._base + index * _STEP + (_LONG if index % _LONG_EVERY == _LONG_EVERY - 1 else 0))

    def index_of(self, product_id: str) -> int | None:
        """The place of a product, deleted or not; None if it is none of this shop's."""
        if self.place == 0 and product_id == SEED_ID:
            return 0 if self.size else None
        if not product_id.isascii() or not product_id.isdigit():
            return None
        index = (int(product_id) % _LONG - self._base) // _STEP
        return index if 0 <= index < self.size and self.id_at(index) == product_id else None

    def ids(self) -> Iterator[str]:
        """The ids of all products that are not deleted."""
        return (one for one in map(self.id_at, range(self.size)) if one not in self.deleted)

    def get(self, product_id: str) -> Product | None:
        """The product, None if there is none, or it is deleted."""
        return None if product_id in self.deleted else self.any(product_id)

    def any(self, product_id: str) -> Product | None:
        """The product, deleted or not."""
        product = self._changed.get(product_id) or self._made.get(product_id)
        index = None if product else self.index_of(product_id)
        if index is None:
            return product
        if self._is_seed(index):
            product = seeds_product()
        else:
            product = making.product(product_id, index, self._look(index), self.currency, self.warehouses)
        self._made[product_id] = product
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return product

    def owner(self, sku_id: str) -> str | None:
        """The id of the product that this SKU would be of, were there one; None if it is none of this shop's."""
        if self.place == 0 and sku_id in _SEED_SKUS:
            return SEED_ID
        product_id = str(int(sku_id) // _STEP * _STEP) if sku_id.isascii() and sku_id.isdigit() else ""
        return product_id if self.index_of(product_id) is not None else None

    def product_of(self, sku_id: str) -> Product | None:
        """The product that has this SKU now."""
        product = self.get(self.owner(sku_id) or "")
        return product if product and any(sku.id == sku_id for sku in product.skus) else None

    def facts(self, index: int) -> tuple[int, int, str]:
        """Created, updated and status of a product, without making it up whole."""
        product = self._changed.get(self.id_at(index)) if self._changed else None
        if product is None and self._is_seed(index):
            product = self.any(SEED_ID)
        if product is not None:
            return product.created, product.updated, product.status
        look = self._look(index)
        return making.created(index), making.updated(index, look), making.status(look)

    def touch(self, product: Product, now: int, *, updated: bool = True) -> None:
        """Note that a product was changed; `updated` moves its update_time to `now`, Unix seconds."""
        product.pristine = False
        if updated:
            product.updated = now
        self._changed[product.id] = product
        self._made.pop(product.id, None)
        self._moved(product.id)

    def delete(self, product_id: str) -> None:
        """Remove a product, until it is restored."""
        self.deleted.add(product_id)
        self._moved(product_id)

    def restore(self, product_id: str) -> None:
        """Bring a deleted product back as it was."""
        self.deleted.discard(product_id)
        self._moved(product_id)

    def add(self, now: int) -> Product:
        """One more product, live, created at `now`."""
        index = self.size
        self.size += 1
        product_id = self.id_at(index)
        product = making.product(product_id, index, self._look(index), self.currency, self.warehouses)
        product.status, product.created = "ACTIVATE", now
        self.touch(product, now)
        return product

    def _moved(self, product_id: str) -> None:
        self.revision += 1
        self.bodies.drop(product_id)

    def _look(self, index: int) -> int:
        return making.number(self._seed, self.place, index)

    def _is_seed(self, index: int) -> bool:
        return self.place == 0 and index == 0
