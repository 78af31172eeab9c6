"""Describe the bodies that TikTok pushes, as far as they are read.

Ids come as strings or as JSON integers of up to 21 digits, so msgspec decodes them: orjson would round them. Each field
may be missing or null.
"""

from typing import TypeAlias

from msgspec import Raw, Struct

Id: TypeAlias = int | str | None
Number: TypeAlias = int | str | None


class PushedPlace(Struct):
    """The shop or seller, at the top or in `data`."""

    shop_id: Id = None
    seller_id: Id = None
    seller_open_id: str | None = None


class PushedEnvelope(PushedPlace):
    """The envelope around `data`. A bare body of type 68 has its units here."""

    type: int | None = None
    tts_notification_id: Id = None
    timestamp: int | None = None
    data: Raw = Raw(b"{}")
    quantity_snapshot_after_change: Raw = Raw(b"")


class PushedProduct(Struct):
    """A product of a combined listing."""

    id: Id = None
    product_id: Id = None


class PushedProducts(PushedPlace):
    """The products, or the SKU, of a notification."""

    product_id: Id = None
    sku_id: Id = None
    product_ids: list[Id] | None = None
    added_product_ids: list[Id] | None = None
    removed_product_ids: list[Id] | None = None
    products: list[PushedProduct] | None = None


class PushedConsent(PushedPlace):
    """The end of a consent (6), or its coming end (7)."""

    expiration_time: Number = None


class PushedUnits(Struct):
    """The units of a SKU after its change."""

    total_available_quantity: Number = None
    total_committed_quantity: Number = None
    in_shop_quantity: Number = None
    campaign_locked_quantity: Number = None
    creator_locked_quantity: Number = None


class PushedStep(Struct):
    """One of the changes that make up a push."""

    trigger_source: str | None = None


class PushedSku(PushedPlace):
    """The SKU of a push (68), whatever else it says."""

    event_id: Id = None
    occurred_at: object = None
    product_id: Id = None
    sku_id: Id = None


class PushedStock(PushedSku):
    """A change of a SKU's units (68)."""

    occurred_at: str | None = None
    quantity_snapshot_after_change: PushedUnits | None = None
    change_detail: list[PushedStep] | None = None
