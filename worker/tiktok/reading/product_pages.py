"""Decode a page of products search line by line, so that an unreadable line costs its product alone. Pure."""

from typing import Final

import msgspec
from msgspec import Struct

from shopstream.ids import is_id
from worker.marketplace.product_answers import ProductPage
from worker.tiktok.reading.answers import Page
from worker.tiktok.reading.read_answers import ReadProduct, normalize_line


class _Id(Struct):
    id: str | int


_identify: Final = msgspec.json.Decoder(_Id)


def read_page(page: Page, request_id: str, clock: int | None) -> ProductPage:
    """Read a page's lines.

    Args:
        page: as it came.
        request_id: TikTok's.
        clock: Unix seconds on TikTok's clock when it answered; None if it didn't say.
    """
    products: list[ReadProduct] = []
    unread: list[str] = []
    nameless = 0
    for raw in page.products or ():
        try:
            products.append(ReadProduct(normalize_line(raw)))
        except msgspec.DecodeError:
            if (name := _id_of(raw)) is None:
                nameless += 1
            else:
                unread.append(name)
    return ProductPage(
        products=products,
        unread=unread,
        nameless=nameless,
        listed=page.products is not None,
        total=page.total_count,
        next_token=str(page.next_page_token or ""),
        request_id=request_id,
        clock=clock,
    )


def _id_of(raw: msgspec.Raw) -> str | None:
    try:
        name = str(_identify.decode(raw).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return name if is_id(name) else None
