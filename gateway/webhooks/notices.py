"""Decode TikTok's notifications into work: ids for a backlog, or a notice for a worker.

TikTok wraps a notification in type, id and time. A bare body of type 68, its `data` alone, has been documented too.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from gateway.webhooks.bodies import (
    Id,
    Number,
    PushedConsent,
    PushedEnvelope,
    PushedPlace,
    PushedProducts,
    PushedStock,
)
from shopstream import ids as identifiers
from shopstream.enqueue.notifications import TYPES, KeptNotice, WantedId, WantedIds
from shopstream.enqueue.reasons import is_cause
from shopstream.redis.keys import SKU

STOCK_PUSHED: Final = 68
DEAUTHORIZED: Final = 6
EXPIRING: Final = 7
PROMOTION: Final = 39
_OF_STOCK: Final = frozenset({24, 27})
_UNITS_MOST: Final = 10**12
_SECONDS_MOST: Final = 10**12
_MILLISECONDS: Final = 10**11
"""A moment from here on is one in milliseconds: as seconds it would lie in the year 5138 or later."""
_NOBODY: Final = (None, "", 0, "0")
"""Ids of no shop. 0 is what languages without null write."""
_OPEN_ID: Final = re.compile(r"[!-~]{1,200}")
_REASON: Final = re.compile(r"[!-~]{1,64}")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DIGITS: Final = re.compile(r"-?[0-9]{1,12}", re.ASCII)


class Malformed(ValueError):
    """The body is no notification that can be read. `type` is None before it is known."""

    def __init__(self, kind: int | None = None) -> None:
        super().__init__("malformed")
        self.type = kind


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
    kind = envelope.type
    if envelope.timestamp is not None and envelope.timestamp >= _MILLISECONDS:
        envelope.timestamp //= 1000
    if envelope.timestamp is not None and not 0 <= envelope.timestamp <= _SECONDS_MOST:
        raise Malformed(kind)
    bare = envelope.quantity_snapshot_after_change and kind in {None, STOCK_PUSHED}
    if kind is None and not bare:
        raise Malformed
    if kind is not None and kind not in TYPES:
        raise UnknownType
    data = envelope.data if bytes(envelope.data) != b"null" else Raw(b"{}")
    try:
        if kind is None or bare:
            return _stock_or_look(envelope, body, look=look)
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
    cause = _cause(kind, envelope.tts_notification_id)
    if cause is None or envelope.timestamp is None:
        raise Malformed(kind)
    products = _listed(data)
    if kind == STOCK_PUSHED:
        sku = WantedId(SKU + identifiers.check("SKU", data.sku_id), identifiers.check("product", data.product_id))
        content = WantedIds("stock", (sku,), cause)
    elif kind in _OF_STOCK:
        if not products and data.sku_id is None:
            raise Malformed(kind)
        wanted = [WantedId(one, one) for one in products] or [WantedId(SKU + identifiers.check("SKU", data.sku_id), "")]
        content = WantedIds("stock", tuple(wanted), cause)
    else:
        if not products and kind != PROMOTION:  # which may name none
            raise Malformed(kind)
        content = WantedIds("products", tuple(WantedId(one, one) for one in products), cause)
    shop, open_id = _place(kind, envelope, data)
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product=products[0] if products else "", names=(cause,),
        sent_s=envelope.timestamp, content=content,
    )  # fmt: skip


def _consent(kind: int, envelope: PushedEnvelope, data: PushedConsent, app: str) -> StockPush:
    """Make a notice of the end of a consent to an app, or of its coming end."""
    cause = _cause(kind, envelope.tts_notification_id)
    if cause is None or envelope.timestamp is None:
        raise Malformed(kind)
    kept = _NoData() if kind == DEAUTHORIZED else _ExpiryData(_number(kind, data.expiration_time))
    text = _write(_Kept(kind, cause, envelope.timestamp, kept, app=app))
    shop, open_id = _place(kind, envelope, data)
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product="", names=(cause,), sent_s=envelope.timestamp,
        content=KeptNotice(text),
    )  # fmt: skip


def _stock_or_look(envelope: PushedEnvelope, text: bytes | Raw, *, look: bool) -> StockPush:
    """Make a notice of a SKU's units. If they can't be read, the SKU is looked up, since something has changed."""
    try:
        return _stock(envelope, _read(_stocks, text, STOCK_PUSHED), look=look)
    except Malformed:
        return _ids(STOCK_PUSHED, envelope, _read(_products, text, STOCK_PUSHED))


def _stock(envelope: PushedEnvelope, data: PushedStock, *, look: bool) -> StockPush:
    """Make a notice of a SKU's units, or a look at it."""
    kind = STOCK_PUSHED
    names = [_cause(kind, given) for given in (envelope.tts_notification_id, data.event_id)]
    known = tuple(name for name in dict.fromkeys(names) if name is not None)
    units, occurred_at = data.quantity_snapshot_after_change, data.occurred_at
    if not known or units is None or occurred_at is None:
        raise Malformed(kind)
    try:
        product, sku = identifiers.check("product", data.product_id), identifiers.check("SKU", data.sku_id)
    except identifiers.InvalidId:
        raise Malformed(kind) from None
    moment = _seconds(occurred_at)
    sent = moment if envelope.timestamp is None else envelope.timestamp
    shop, open_id = _place(kind, envelope, data)
    if look:
        content: WantedIds | KeptNotice = WantedIds("stock", (WantedId(SKU + sku, product),), known[0])
    else:
        reason = data.change_detail[-1].trigger_source if data.change_detail else None
        kept = _StockData(
            occurred_at=occurred_at, product_id=product, sku_id=sku,
            available=_number(kind, units.total_available_quantity),
            committed=_number(kind, units.total_committed_quantity),
            in_shop=_number(kind, units.in_shop_quantity),
            campaign=_number(kind, units.campaign_locked_quantity),
            creator=_number(kind, units.creator_locked_quantity),
            reason=reason if reason and _REASON.fullmatch(reason) else None,
        )  # fmt: skip
        content = KeptNotice(_write(_Kept(kind, known[0], sent, kept)))
    return StockPush(
        type=kind, shop=shop, open_id=open_id, product=product, names=known, sent_s=sent, content=content,
    )  # fmt: skip


def _place(kind: int, *places: PushedPlace) -> tuple[str, str]:
    """Find the shop's id, or else the seller's open id, in the first place that has it."""
    try:
        for given in (id_ for place in places for id_ in (place.shop_id, place.seller_id)):
            if given not in _NOBODY:
                return identifiers.check("shop", given), ""
    except identifiers.InvalidId:
        raise Malformed(kind) from None
    open_id = next((place.seller_open_id for place in places if place.seller_open_id), "")
    if not _OPEN_ID.fullmatch(open_id):
        raise Malformed(kind)
    return "", open_id


def _listed(data: PushedProducts) -> list[str]:
    """List the ids of all products that a notification names, each once. One that is no id spoils no other."""
    given: list[Id] = [data.product_id]
    for listed in (data.product_ids, data.added_product_ids, data.removed_product_ids):
        given += listed or ()
    given += [one.id if one.product_id is None else one.product_id for one in data.products or ()]
    found = dict[str, None]()
    for one in given:
        with suppress(identifiers.InvalidId):
            found[identifiers.check("product", one)] = None
    return list(found)


def _cause(kind: int, given: Id) -> str | None:
    """Write the id of a notification as a `causationid`; None if it has none."""
    if given is None or given == "":
        return None
    if isinstance(given, int):
        given = identifiers.check("notification", given)
    if not is_cause(given):
        raise Malformed(kind)
    return given


def _number(kind: int, given: Number) -> int | None:
    if isinstance(given, str):
        if not _DIGITS.fullmatch(given):
            raise Malformed(kind)
        given = int(given)
    if given is not None and not -_UNITS_MOST <= given <= _UNITS_MOST:
        raise Malformed(kind)  # less than none is what an oversold SKU has
    return given


def _seconds(moment: str) -> int:
    """Read RFC 3339 with up to nine digits of a second as Unix seconds."""
    parts = _MOMENT.fullmatch(moment)
    try:
        if parts:
            return int(datetime.fromisoformat(parts[1] + parts[2]).timestamp())
    except (ValueError, OverflowError):
        pass
    raise Malformed(STOCK_PUSHED)
