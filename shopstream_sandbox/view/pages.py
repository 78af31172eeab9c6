"""Page tokens, and the bytes of a page."""

import base64
import binascii
import time
from typing import Final

from shopstream_sandbox.refusal.refusals import invalid

_EMPTY: Final[dict[str, bytes]] = {"list": b',"products":[]', "null": b',"products":null', "absent": b""}


def token(offset: int, query: bytes, *, again: bool = False) -> str:
    """A token for the page of a query that begins at `offset`; `again` marks one that comes a second time."""
    # TikTok's hold + / and = now and then, which have to be signed as they are and encoded on the wire.
    plain = b"\xfb\xef\xff:%d:%d:%s%s" % (offset, time.time(), query, b":again" * again)
    return base64.b64encode(plain).decode()


def read(given: str | None, query: bytes, life: float | None) -> tuple[int, bool]:
    """Where the page begins, and whether it is one that comes again; `life` in seconds. Raises 36009004."""
    if not given:
        return 0, False
    try:
        _, offset, issued, made_for, *again = base64.b64decode(given, validate=True).split(b":")
        begin, age = int(offset), time.time() - int(issued)
    except (binascii.Error, ValueError):
        raise invalid("The page_token is invalid") from None
    if made_for != query:
        raise invalid("The page_token is of another query")
    if life is not None and age > life:
        raise invalid("The page_token has expired")
    return begin, bool(again)


def data(count: int, more: str, rows: list[bytes], empty: str) -> bytes | None:
    """`data` of a page; `empty` says what one without products looks like, None being no data at all."""
    products = b',"products":[%s]' % b",".join(rows)
    if not rows:
        if empty == "no_data":
            return None
        products = _EMPTY[empty]
    return b'{"total_count":%d,"next_page_token":"%s"%s}' % (count, more.encode(), products)
