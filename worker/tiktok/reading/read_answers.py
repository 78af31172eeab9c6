"""Decode TikTok's answers about products, for jobs to hold before they are normalized. Pure."""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, ClassVar, Final, Literal, TypeVar

import msgspec
from msgspec import Struct
from xxhash import xxh3_64_hexdigest

from shopstream import ids
from worker.changes.normalized import Normalized, SkuStock, ViewName
from worker.tiktok.reading.answers import VITAL, Id, Product202309, ProductInventory, ProductLegacy, SkuInventory
from worker.tiktok.reading.normalize import product_snapshot
from worker.tiktok.reading.salvage import salvage
from worker.tiktok.reading.sku_stock import inventory_stock
from worker.tiktok.reading.statuses import is_deleted

T = TypeVar("T")
READING: Final = 3
"""Another number when the same answer is to become another snapshot: then everything is compared anew."""
_json: Final = msgspec.json.Encoder().encode  # any integer: TikTok's may be of any size


class _Row(Struct):
    """A row of an inventory search whose SKUs are read one by one."""

    product_id: Id
    skus: Annotated[list[msgspec.Raw] | None, VITAL] = None


_listed: Final = msgspec.json.Decoder(Product202309, strict=False)
_stocked: Final = msgspec.json.Decoder(ProductInventory, strict=False)


class ReadProduct(Struct, frozen=True):
    """An answer about a product, as it was read. It is normalized only if it says something new: most don't.

    Attributes:
        answer: all that was read.
        digest: 16 hex digits over it, made while it is in the processor's cache. Equal ones need no comparison.
    """

    kind: ClassVar[Literal["product"]] = "product"
    whole: ClassVar[bool] = True
    answer: Product202309 | ProductLegacy
    digest: str = ""

    def __post_init__(self) -> None:
        """Make the digest."""
        msgspec.structs.force_setattr(self, "digest", xxh3_64_hexdigest(_json(self.answer), READING))

    @property
    def product_id(self) -> str:
        """Give the id of its product."""
        answer = self.answer
        return str(answer.product_id if isinstance(answer, ProductLegacy) else answer.id)

    @property
    def deleted(self) -> bool:
        """Tell whether TikTok says that it is deleted."""
        return is_deleted(self.answer)

    @property
    def created(self) -> int | None:
        """Give when it was made, Unix seconds."""
        return _seconds(self.answer, self.answer.create_time)

    @property
    def updated(self) -> int | None:
        """Give when it was changed last, Unix seconds."""
        return _seconds(self.answer, self.answer.update_time)

    @property
    def sku_count(self) -> int:
        """Count its SKUs."""
        return len(self.answer.skus or ())

    def normalize(self, view: ViewName = "d", seller_type: str = "") -> Normalized:
        """Give it in the one shape, as one view of it for one type of seller."""
        return product_snapshot(self.answer, view, seller_type)


class ReadStock(Struct, frozen=True):
    """An answer about the stock of a product's SKUs, as it was read; `whole` if it names all of them."""

    kind: ClassVar[Literal["stock"]] = "stock"
    answer: ProductInventory
    whole: bool = True

    @property
    def product_id(self) -> str:
        """Give the id of its product."""
        return str(self.answer.product_id)

    @property
    def sku_ids(self) -> Sequence[str]:
        """List the SKUs that it names."""
        return [str(sku.id) for sku in self.answer.skus or ()]

    @property
    def sku_count(self) -> int:
        """Count the SKUs that it names."""
        return len(self.answer.skus or ())

    @property
    def digest(self) -> str:
        """Give 16 hex digits as of a product; of some SKUs alone there is none to remember."""
        if not self.whole:
            return ""
        return xxh3_64_hexdigest(_json(self.answer), READING)

    def normalize(self) -> list[SkuStock] | None:
        """Give it in the one shape; None if it says nothing of SKUs."""
        return inventory_stock(self.answer)


def normalize_line(raw: bytes | msgspec.Raw) -> Product202309:
    """Read one product of a page of products search. It lacks categories, brand, description, images and attributes.

    Raises:
        msgspec.DecodeError: it has not the shape of a product.
    """
    return _one(_listed, raw, lambda product: product.id)


def normalize_stock(raw: bytes | msgspec.Raw) -> ProductInventory:
    """Read one product's part of an inventory search. Raises as `normalize_line`.

    A SKU that can't be read is left out: no inventory search removes one, and the detail is asked for what it lacks.
    """
    return _one(_stocked, raw, lambda product: product.product_id, _readable_skus)


def stock_of_products(rows: Sequence[msgspec.Raw], asked: Collection[str]) -> list[ReadStock]:
    """Read the rows of an inventory search about the products that were asked for; one that can't be read is none."""
    return [ReadStock(product) for product in _readable(rows) if str(product.product_id) in asked]


def stock_of_skus(rows: Sequence[msgspec.Raw], asked: Collection[str]) -> list[ReadStock]:
    """Read the rows of an inventory search, and keep of each the SKUs that were asked for."""
    found = []
    for product in _readable(rows):
        product.skus = [sku for sku in product.skus or () if str(sku.id) in asked]
        if product.skus:
            found.append(ReadStock(product, whole=False))
    return found


def _readable(rows: Sequence[msgspec.Raw]) -> list[ProductInventory]:
    """Read the rows that can be read. Rows about one product are joined, since each may name some of its SKUs."""
    found: dict[str, ProductInventory] = {}
    for raw in rows:
        try:
            product = normalize_stock(raw)
        except msgspec.DecodeError:
            continue
        first = found.setdefault(str(product.product_id), product)
        if first is not product and product.skus:
            first.skus = [*(first.skus or ()), *product.skus]
    return list(found.values())


def _readable_skus(raw: bytes | msgspec.Raw, _: object) -> ProductInventory:
    """Read a row SKU by SKU. Raises DecodeError if it has SKUs and none of them can be read."""
    row: _Row = salvage(raw, _Row)
    if row.skus is None:
        return ProductInventory(row.product_id)
    skus = []
    for each in row.skus:
        try:
            skus.append(salvage(each, SkuInventory))
        except msgspec.DecodeError:
            continue
    if row.skus and not skus:
        raise msgspec.DecodeError("no SKU of it can be read")
    return ProductInventory(row.product_id, skus)


def _one(
    decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, named: Callable[[T], str | int],
    slowly: Callable[[bytes | msgspec.Raw, type[T]], T] = salvage,
) -> T:  # fmt: skip
    try:
        product = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        product = slowly(raw, decoder.type)
    if not ids.is_id(str(named(product))):
        raise msgspec.DecodeError("a product's id is not 1 to 21 digits")
    return product


def _seconds(answer: Product202309 | ProductLegacy, moment: int | None) -> int | None:
    return moment // 1000 if moment is not None and isinstance(answer, ProductLegacy) else moment
