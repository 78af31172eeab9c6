"""Decode TikTok's notifications into work: ids for a backlog, or a notice for a worker.

TikTok wraps a notification in type, id and time. A bare body of type 68, its `data` alone, has been documented too.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from gateway.webhooks.bodies import PushedConsent, PushedEnvelope, PushedProducts, PushedSku, PushedStock
from gateway.webhooks.pushed_fields import (
    Malformed,
    list_products,
    read_causes,
    read_moment,
    read_place,
    read_seconds,
    read_units,
)
from shopstream import ids as identifiers
from shopstream.enqueue.notifications import TYPES, KeptNotice, WantedId, WantedIds
from shopstream.redis.keys import SKU

STOCK_PUSHED: Final = 68
DEAUTHORIZED: Final = 6
EXPIRING: Final = 7
PROMOTION: Final = 39
_OF_STOCK: Final = frozenset({24, 27})
_REASON: Final = re.compile(r"[!-~]{1,64}")


class UnknownType(ValueError):
    """The notification is of a type that the gateway has no use for."""


@dataclass(frozen=True, slots=True)
class StockPush:
    """A decoded notification, before its shop is known for certain.

    Attributes:
        type: TikTok's number of it.
        shop: TikTok's id of the shop; "" if the notification names a seller alone.
        open_id: the seller's open id; "" if the notification names the shop.
        product: the product by which one of several shops is found; "" for none.
        names: the ids by which a repeat is known.
        sent_s: Unix seconds at which TikTok sent it.
        content: the work.
    """

    type: int
    shop: str
    open_id: str
    product: str
    names: tuple[str, ...]
    sent_s: int
    content: WantedIds | KeptNotice


class _StockData(Struct):
    """The units of a SKU, as the list `notices` has them; None for a number that was not sent."""

    occurred_at: str
    product_id: str
    sku_id: str
    available: int | None
    committed: int | None
    in_shop: int | None
    campaign: int | None
    creator: int | None
    reason: str | None


class _ExpiryData(Struct):
    expires_at: int | None


class _NoData(Struct):
    pass


class _Kept(Struct, omit_defaults=True):
    """An entry of the list `notices`, behind its arrival. `app` is the name of a further app that it came to."""

    type: int
    id: str
    sent: int
    data: _StockData | _ExpiryData | _NoData
    app: str = ""


T = TypeVar("T")
_envelopes: Final = msgspec.json.Decoder(PushedEnvelope)
_stocks: Final = msgspec.json.Decoder(PushedStock)
_skus: Final = msgspec.json.Decoder(PushedSku)
_products: Final = msgspec.json.Decoder(PushedProducts)
_consents: Final = msgspec.json.Decoder(PushedConsent)
_write: Final = msgspec.json.Encoder().encode


def decode(body: bytes, *, look: bool = False, app: str = "") -> StockPush:
    """Decode a verified body.

    Args:
        body: the raw bytes.
        look: make a pushed stock number a reason to look the SKU up, instead of a notice with the number.
        app: the name of the app that it came to; "" is the default one.

    Raises:
        Malformed: the body can't be read. A repeat can't help.
        UnknownType: the gateway has no use for it.
    """
    envelope = _read(_envelopes, body, None)
    kind, data = envelope.type, envelope.data if bytes(envelope.data) != b"null" else Raw(b"{}")
    envelope.timestamp = read_seconds(kind, envelope.timestamp)
    if envelope.quantity_snapshot_after_change and kind in {None, STOCK_PUSHED}:
        kind, data = STOCK_PUSHED, Raw(body)
    if kind is None:
        raise Malformed
    if kind not in TYPES:
        raise UnknownType
    try:
        if kind == STOCK_PUSHED:
            return _stock_or_look(envelope, data, look=look)
        if kind in {DEAUTHORIZED, EXPIRING}:
            return _consent(kind, envelope, _read(_consents, data, kind), app)
        return _ids(kind, envelope, _read(_products, data, kind))
    except identifiers.InvalidId:
        raise Malformed(kind) from None


def _read(decoder: msgspec.json.Decoder[T], text: bytes | Raw, kind: int | None) -> T:
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise Malformed(kind) from None


def _ids(kind: int, envelope: PushedEnvelope, data: PushedProducts) -> StockPush:
    """Make urgent ids of a notification: of products, or of stock."""
    names, sent_s = _identify(kind, envelope)
    products = list_products(data)
    wanted = tuple(WantedId(one, one) for one in products)
    if kind in _OF_STOCK:
        if not products and data.sku_id is None:
            raise Malformed(kind)
        wanted = wanted or (WantedId(SKU + identifiers.check("SKU", data.sku_id), ""),)
    elif not products and kind != PROMOTION:  # which may name none
        raise Malformed(kind)
    shop, open_id = read_place(kind, envelope, data)
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product=products[0] if products else "", names=names, sent_s=sent_s,
        content=WantedIds("stock" if kind in _OF_STOCK else "products", wanted, names[0]),
    )  # fmt: skip


def _consent(kind: int, envelope: PushedEnvelope, data: PushedConsent, app: str) -> StockPush:
    """Make a notice of the end of a consent to an app, or of its coming end."""
    names, sent_s = _identify(kind, envelope)
    kept = _NoData() if kind == DEAUTHORIZED else _ExpiryData(read_seconds(kind, data.expiration_time))
    shop, open_id = read_place(kind, envelope, data)
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product="", names=names, sent_s=sent_s,
        content=KeptNotice(_write(_Kept(kind, names[0], sent_s, kept, app=app))),
    )  # fmt: skip


def _identify(kind: int, envelope: PushedEnvelope) -> tuple[tuple[str, ...], int]:
    """Give the names of a notification, and the moment at which it was sent."""
    if envelope.timestamp is None:
        raise Malformed(kind)
    return read_causes(kind, [envelope.tts_notification_id]), envelope.timestamp


def _stock_or_look(envelope: PushedEnvelope, text: Raw, *, look: bool) -> StockPush:
    """Make a notice of a SKU's units. If they can't be read, the SKU is looked up, since something has changed."""
    if not look:
        try:
            return _stock(envelope, _read(_stocks, text, STOCK_PUSHED))
        except Malformed:
            pass
    return _look(envelope, _read(_skus, text, STOCK_PUSHED))


def _look(envelope: PushedEnvelope, data: PushedSku) -> StockPush:
    """Make a look at a SKU of a push."""
    kind = STOCK_PUSHED
    names = read_causes(kind, [envelope.tts_notification_id, data.event_id])
    product, sku = identifiers.check("product", data.product_id), identifiers.check("SKU", data.sku_id)
    sent_s = read_moment(kind, data.occurred_at) if envelope.timestamp is None else envelope.timestamp
    shop, open_id = read_place(kind, envelope, data)
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product=product, names=names, sent_s=sent_s,
        content=WantedIds("stock", (WantedId(SKU + sku, product),), names[0]),
    )  # fmt: skip


def _stock(envelope: PushedEnvelope, data: PushedStock) -> StockPush:
    """Make a notice of a SKU's units."""
    kind = STOCK_PUSHED
    names = read_causes(kind, [envelope.tts_notification_id, data.event_id])
    units, occurred_at = data.quantity_snapshot_after_change, data.occurred_at
    if units is None or occurred_at is None:
        raise Malformed(kind)
    product, sku = identifiers.check("product", data.product_id), identifiers.check("SKU", data.sku_id)
    moment = read_moment(kind, occurred_at)
    sent_s = moment if envelope.timestamp is None else envelope.timestamp
    shop, open_id = read_place(kind, envelope, data)
    reason = data.change_detail[-1].trigger_source if data.change_detail else None
    kept = _StockData(
        occurred_at=occurred_at, product_id=product, sku_id=sku,
        available=read_units(kind, units.total_available_quantity),
        committed=read_units(kind, units.total_committed_quantity),
        in_shop=read_units(kind, units.in_shop_quantity),
        campaign=read_units(kind, units.campaign_locked_quantity),
        creator=read_units(kind, units.creator_locked_quantity),
        reason=reason if reason and _REASON.fullmatch(reason) else None,
    )  # fmt: skip
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product=product, names=names, sent_s=sent_s,
        content=KeptNotice(_write(_Kept(kind, names[0], sent_s, kept))),
    )  # fmt: skip
