"""What `data` holds on the stream `products`."""

from typing import Any, Final, Literal, NotRequired, TypedDict

from shopstream.payloads import NAMESPACE, ShopIdentity, event
from shopstream.payloads.vocabulary import Decimal, EvidenceKind, Id, Pointer, ProductStatus, Time

__all__ = [
    "PRODUCT_CREATED",
    "PRODUCT_DELETED",
    "PRODUCT_UPDATED",
    "ProductChanged",
    "ProductDeleted",
]


class Price(TypedDict):
    """What a SKU costs."""

    amount: Decimal
    """The price that a buyer sees before discounts, as a decimal string."""
    currency: str | None
    """ISO 4217 code, as TikTok gives it."""
    tax: Literal["included", "excluded"] | None
    """Whether tax is in it; null where TikTok does not say, as for local sellers."""


class SkuAttribute(TypedDict):
    """What tells a SKU from its sisters: colour = red."""

    id: str | None
    """TikTok's id of the attribute."""
    name: str | None
    """Its name."""
    value_id: str | None
    """TikTok's id of the value."""
    value: str | None
    """The value."""


class Sku(TypedDict):
    """A SKU inside of a product. Its stock is in the stream `stock`, else every sale would be a product update."""

    sku_id: Id
    """TikTok's id."""
    seller_sku: str | None
    """The seller's own name for it; null if empty."""
    price: Price | None
    """What it costs; null where TikTok gives no usable price."""
    attributes: list[SkuAttribute]
    """What tells it from its sisters."""
    status: str | None
    """TikTok's word in lower case; null where there is none."""
    deactivation_source: NotRequired[str | None]
    """Who deactivated it, TikTok's word in lower case: `seller`, `platform`, …; null where it is not, or not told."""
    gtin: NotRequired[str | None]
    """The world's number for it: a GTIN, EAN, UPC or ISBN; null if there is none or none was told."""
    external_sku_id: NotRequired[str | None]
    """The id that the seller's own system gave it; null if there is none or none was told."""
    pre_sale: NotRequired[bool | None]
    """Whether it is sold before it is there; null where TikTok does not say."""


class Image(TypedDict):
    """An image. Its URL is signed anew at every read, so it isn't told."""

    id: str | None
    """TikTok's name for it."""
    width: int | None
    """Pixels."""
    height: int | None
    """Pixels."""


class Audit(TypedDict):
    """How far TikTok's review of a product is."""

    status: str | None
    """TikTok's word in lower case: `auditing`, `failed`, `approved`, …."""
    reasons: list[str]
    """Why it failed, in TikTok's words."""


class Platform(TypedDict):
    """A platform that a product is listed on."""

    platform: str | None
    """TikTok's name for it in lower case: `tiktok_shop`, `tokopedia`."""
    status: str | None
    """The product's status there, TikTok's word in lower case."""


class StateAt(TypedDict):
    """Where in Redis the whole present state of a product stands, as JSON."""

    key: str
    """Key of a hash."""
    field: str
    """Field in it."""


class ProductChangedBody(TypedDict):
    """The own fields of a `ProductChanged`. Publication adds its identity."""

    product_id: Id
    """TikTok's id."""
    title: str | None
    """The product's name."""
    status: ProductStatus
    """One list for both of TikTok's API generations; `unknown` for a word that we don't know yet. For a product that is
    listed on other platforms alone it is theirs: live if it is live on one."""
    raw_status: str | None
    """TikTok's own word or number."""
    previous_status: ProductStatus | None
    """The status before; null at first sight."""
    category_id: str | None
    """The most specific category."""
    category_path: list[str] | None
    """The names of the categories, from the widest to the most specific."""
    brand_id: str | None
    """TikTok's id of the brand."""
    description_digest: str | None
    """Changes when the description does; the text itself would not fit."""
    created_at: Time | None
    """When the seller made it."""
    updated_at: Time | None
    """When TikTok says that it last changed."""
    skus: list[Sku] | None
    """Its SKUs; null where the event would pass 64 KiB, then read `state`."""
    images: list[Image]
    """Its images, the main one first; empty where the event would pass 64 KiB without."""
    external_product_id: NotRequired[str | None]
    """The id that the seller's own system gave it; null if there is none or none was told."""
    types: NotRequired[list[str] | None]
    """Of which kinds it is, TikTok's words in lower case: `combined_product`, …; null where TikTok does not say."""
    audit: NotRequired[Audit | None]
    """How far TikTok's review is; null where TikTok does not say."""
    for_sale: NotRequired[bool | None]
    """Whether it is sold by itself, not as a gift or sample alone; null where TikTok does not say."""
    minimum_order: NotRequired[int | None]
    """Units that must be bought at least; null where TikTok does not say."""
    platforms: NotRequired[list[Platform] | None]
    """Its status on each platform that it is listed on; null where TikTok does not say."""
    changed: list[Pointer]
    """JSON Pointers, sorted, to what differs from before; empty for a product that is new. `/skus` stands
    for all in it where the event would pass 64 KiB."""
    previous: dict[str, Any] | None
    """Old value by JSON Pointer, for each of `changed`; null where the event would pass 64 KiB."""
    state: StateAt
    """Where the whole present state stands."""


PRODUCT_CREATED: Final = NAMESPACE + "product.created"
PRODUCT_UPDATED: Final = NAMESPACE + "product.updated"


@event("products", PRODUCT_CREATED, PRODUCT_UPDATED)
class ProductChanged(ShopIdentity, ProductChangedBody):
    """A product as it is now, and what changed. Stock is not in it."""


class Evidence(TypedDict):
    """How it is known that a product is gone."""

    kind: EvidenceKind
    """What said so; each is confirmed by asking for the id."""
    code: int
    """TikTok's error code; 0 where there was none."""
    confirmed_by: NotRequired[EvidenceKind]
    """What asking for the id said, where something else had said so first."""
    walk: NotRequired[str]
    """Names the walk that did not see it."""


class ProductDeletedBody(TypedDict):
    """The own fields of a `ProductDeleted`. Publication adds its identity."""

    product_id: Id
    """TikTok's id."""
    title: str | None
    """Its last known name."""
    previous_status: ProductStatus | None
    """Its last known status."""
    evidence: Evidence
    """How it is known."""
    last_seen_at: Time | None
    """When it was last there."""


PRODUCT_DELETED: Final = NAMESPACE + "product.deleted"


@event("products", PRODUCT_DELETED)
class ProductDeleted(ShopIdentity, ProductDeletedBody):
    """A product is gone. One that comes back is `product.created` again, with the next `seq`."""
