"""A seller's shop: as many products as asked for, each made up when somebody looks, plus what was changed since."""

import random
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from shopstream_sandbox.catalogue import fattening, making
from shopstream_sandbox.catalogue.cache import Bodies
from shopstream_sandbox.catalogue.history import History
from shopstream_sandbox.catalogue.products import SEED_ID, SEED_PRODUCT, Fields, Product, seeds_product

_REGIONS: Final = (("VN", "VND"), ("GB", "GBP"), ("US", "USD"), ("TH", "THB"), ("ID", "IDR"), ("MY", "MYR"))
_KEPT: Final = 2_000  # unchanged products kept in memory, about 4 KB each
_KEPT_FAT: Final = 200  # of those that were fattened, about 100 KB each
_STEP: Final = 100  # product ids are so far apart; the SKUs' ids lie between
_LONG: Final = 10 * 10**19  # every 50th id has 21 digits, as TikTok's longest
_LONG_EVERY: Final = 50
_SEED_SKUS: Final = frozenset(sku["id"] for sku in SEED_PRODUCT["skus"])


class Shop:
    """A shop with `size` products, deleted ones included; a product's place (`index`) never changes."""

    def __init__(self, place: int, size: int, seed: int, *, frozen: bool = False) -> None:
        self.place = place
        self.size = size
        self._added_from = size  # the place of the first product that was added later
        self._seed = seed
        self._frozen = frozen
        self._base = 1_729_000_000_000_000_000 + seed % 1000 * 10**12 + place * 10**10
        self.id = str(7_495_000_000_000_000_000 + seed % 1000 * 1_000_000 + place)
        rng = random.Random(f"{seed}:shop:{place}")  # noqa: S311 - repeatable, not secret
        self.cipher = f"ROW_{rng.getrandbits(120):030x}"
        self.seller_type = "LOCAL" if place % 2 else "CROSS_BORDER"
        self.code = f"CODE{rng.getrandbits(32):08X}"
        self.region, self.currency = _REGIONS[place % len(_REGIONS)]
        self.name = f"Sandbox shop {place + 1} · {self.region}"
        self.warehouses = [str(7_319_540_000_000_000_000 + place * 10 + n) for n in range(rng.randint(1, 3))]
        if place == 0:
            self.warehouses[0] = SEED_PRODUCT["skus"][0]["stock_infos"][0]["warehouse_id"]
        self.warehouse_facts: dict[str, Fields] = {}
        """Fields of warehouses that were set by hand."""
        self.fat: tuple[int, int] | None = None
        """SKUs of every product and warehouses of every SKU; None for as many as are made up."""
        self._changed: dict[str, Product] = {}
        self._made: OrderedDict[str, Product] = OrderedDict()
        self.deleted: set[str] = set()
        self.revision = 0
        """Counts all changes."""
        self.bodies = Bodies()
        self._history: History | None = None

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

    def seen(self, product_id: str, moment: float | None) -> Product | None:
        """The product as it was at a moment (monotonic seconds; None is now), deleted or not."""
        if moment is None or self._history is None or not self._history.knows(product_id):
            return self.any(product_id)
        return self._history.at(product_id, moment)

    def any(self, product_id: str) -> Product | None:
        """The product, deleted or not."""
        product = self._changed.get(product_id) or self._made.get(product_id)
        index = None if product else self.index_of(product_id)
        if index is None:
            return product
        product = self._made[product_id] = self._make(product_id, index)
        if len(self._made) > (_KEPT if self.fat is None else _KEPT_FAT):
            self._made.popitem(last=False)
        return product

    def owner(self, sku_id: str) -> str | None:
        """The id of the product that this SKU would be of, were there one; None if it is none of this shop's."""
        if self.place == 0 and sku_id in _SEED_SKUS:
            return SEED_ID
        if not sku_id.isascii() or not sku_id.isdigit():
            return None
        own = int(sku_id) % fattening.FAR
        if self.place == 0 and int(SEED_ID) < own < int(SEED_ID) + _STEP:
            return SEED_ID
        product_id = str(own // _STEP * _STEP)
        return product_id if self.index_of(product_id) is not None else None

    def product_of(self, sku_id: str, moment: float | None = None) -> Product | None:
        """The product that has this SKU; None if it has been deleted."""
        product = self.seen(self.owner(sku_id) or "", moment)
        if product is None or product.status == "DELETED":
            return None
        return product if any(sku.id == sku_id for sku in product.skus) else None

    def facts(self, index: int, moment: float | None = None) -> tuple[int, int, str] | None:
        """Created, updated and status of a product, without making it up whole; None if it wasn't there yet."""
        if moment is not None and self._history is not None and self._history.knows(self.id_at(index)):
            past = self._history.at(self.id_at(index), moment)
            return None if past is None else (past.created, past.updated, past.status)
        product = self._changed.get(self.id_at(index)) if self._changed else None
        if product is None and self._is_seed(index):
            product = self.any(SEED_ID)
        if product is not None:
            return product.created, product.updated, product.status
        look = self._look(index)
        return making.created(index), making.updated(index, look), making.status(look, frozen=self._frozen)

    def touch(self, product: Product, now: int, *, updated: bool = True) -> None:
        """Note that a product was changed; `updated` moves its update_time to `now`, Unix seconds."""
        product.pristine = False
        if updated:
            product.updated = now
        if product.status == "DELETED":
            self.deleted.add(product.id)
        else:
            self.deleted.discard(product.id)
        self._changed[product.id] = product
        self._made.pop(product.id, None)
        self._moved(product.id)
        if self._history is not None:
            self._history.note(product)

    def delete(self, product: Product, now: int) -> None:
        """Remove a product at `now`, until it is restored."""
        if product.status != "DELETED":
            product.status_before, product.status = product.status, "DELETED"
        self.touch(product, now)

    def restore(self, product: Product, now: int) -> None:
        """Bring a deleted product back at `now`, as it was."""
        if product.status == "DELETED":
            product.status = product.status_before
        self.touch(product, now)

    def add(self, now: int) -> Product:
        """One more product, live, created at `now`."""
        index = self.size
        self.size += 1
        self._added_from = min(self._added_from, index)
        product = self._make(self.id_at(index), index)
        product.status, product.created = "ACTIVATE", now
        self.touch(product, now)
        return product

    def keep_history(self, *, on: bool) -> None:
        """Keep what products were from now on, or forget it."""
        if not on:
            self._history = None
        elif self._history is None:
            self._history = History(self._original)
            for product in self._changed.values():
                self._history.begin(product)

    def fatten(self, size: tuple[int, int] | None) -> None:
        """Give every product that many SKUs in that many warehouses, or stop doing so with those that are made up."""
        self.fat = size
        if size is not None:
            for product in self._changed.values():
                fattening.fatten(product, size[0], self.all_warehouses())
        self._made.clear()
        self.looks_changed()

    def all_warehouses(self) -> list[str]:
        """The ids of the shop's warehouses."""
        return self.warehouses if self.fat is None else fattening.warehouses(self.warehouses, self.fat[1])

    def looks_changed(self) -> None:
        """Forget all answers that were made."""
        self.revision += 1
        self.bodies = Bodies()

    def _make(self, product_id: str, index: int) -> Product:
        if self._is_seed(index):
            product = seeds_product()
        else:
            product = making.product(
                product_id, index, self._look(index), self.currency, self.warehouses, frozen=self._frozen
            )
        if self.fat is not None:
            fattening.fatten(product, self.fat[0], self.all_warehouses())
        return product

    def _original(self, product_id: str) -> Product | None:
        """A product before all changes, None if it was added by one."""
        index = self.index_of(product_id)
        return None if index is None or index >= self._added_from else self._make(product_id, index)

    def _moved(self, product_id: str) -> None:
        self.revision += 1
        self.bodies.drop(product_id)

    def _look(self, index: int) -> int:
        return making.number(self._seed, self.place, index)

    def _is_seed(self, index: int) -> bool:
        return self.place == 0 and index == 0
