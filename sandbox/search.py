"""Which products a search matches, and its pages."""

import base64
import binascii
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.refusals import Refusal, invalid
from sandbox.shop import Shop

_MOST_RESULTS: Final = 10_000
_STATUSES: Final = frozenset({
    "ALL", "DRAFT", "PENDING", "FAILED", "ACTIVATE", "SELLER_DEACTIVATED", "PLATFORM_DEACTIVATED", "FREEZE", "DELETED",
    "SCHEDULED",
})  # fmt: skip
REPEATS: Final = ("never", "once", "forever")
_TIMES: Final = ("create_time_ge", "create_time_le", "update_time_ge", "update_time_le")


@dataclass(frozen=True)
class Filter:
    """The parts of the body that narrow a search; times in Unix seconds, both ends included."""

    status: str | None
    times: tuple[int | None, ...]
    seller_skus: frozenset[str]

    def fits(self, shop: Shop, index: int) -> bool:
        """Whether the product at that place matches."""
        created, updated, status = shop.facts(index)
        after, before, changed_after, changed_before = self.times
        return (
            (self.status is None or status == self.status)
            and (after is None or created >= after)
            and (before is None or created <= before)
            and (changed_after is None or updated >= changed_after)
            and (changed_before is None or updated <= changed_before)
            and (not self.seller_skus or self._has_sku(shop, index))
        )

    def _has_sku(self, shop: Shop, index: int) -> bool:
        product = shop.get(shop.id_at(index))
        return product is not None and any(sku.seller_sku in self.seller_skus for sku in product.skus)


def narrowed(body: dict[str, Any]) -> Filter:
    """The filter of a search's body. Raises 36009004."""
    status, skus = body.get("status"), body.get("seller_skus") or []
    if status is not None and status not in _STATUSES:
        raise invalid("status is not one of the known ones")
    for name in _TIMES:
        if body.get(name) is not None and type(body[name]) is not int:
            raise invalid(f"{name} must be Unix seconds")
    if not isinstance(skus, list) or not all(isinstance(sku, str) for sku in skus):
        raise invalid("seller_skus must be a list of strings")
    return Filter(None if status == "ALL" else status, tuple(body.get(name) for name in _TIMES), frozenset(skus))


class Search:
    """`POST /product/202502/products/search`: what the last query of a shop matched is kept for its next page."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Filter, int, Sequence[int]]] = {}
        self.token_life: float | None = None
        """Seconds that a page token is good for; None is for ever."""
        self.most = _MOST_RESULTS
        """Products that a query may match."""
        self.repeat = "never"
        """Whether a list's second page comes again, and how often: one of REPEATS."""

    def page(
        self, shop: Shop, size: str | None, token: str | None, body: dict[str, Any], listed: Callable[[str], bytes]
    ) -> bytes:
        """`data` of one page; `listed` gives the bytes of one product of it."""
        if size is None or not size.isascii() or not size.isdigit() or not 1 <= int(size) <= 100:
            raise invalid("page_size must be between 1 and 100")
        asked = narrowed(body)
        begin, again = self._offset(token, asked)
        found = self._matches(shop, asked)
        if len(found) > self.most:
            raise Refusal(12052180, f"The query matches more than {self.most} products: narrow it")
        following = begin + int(size)
        products = b",".join(listed(shop.id_at(index)) for index in found[begin:following])
        more = _token(following, asked) if following < len(found) else ""
        if token and begin == int(size) and self.repeat == "forever":
            more = token
        elif token and begin == int(size) and self.repeat == "once" and not again:
            more = _token(begin, asked, again=True)
        return b'{"total_count":%d,"next_page_token":"%s","products":[%s]}' % (len(found), more.encode(), products)

    def _matches(self, shop: Shop, asked: Filter) -> Sequence[int]:
        last = self._last.get(shop.id)
        if last and last[:2] == (asked, shop.revision):
            return last[2]
        everything = asked == Filter(None, (None,) * 4, frozenset())
        candidates: Sequence[int] = range(shop.size)
        if shop.deleted:
            candidates = [index for index in candidates if shop.id_at(index) not in shop.deleted]
        found = candidates if everything else [index for index in candidates if asked.fits(shop, index)]
        self._last[shop.id] = (asked, shop.revision, found)
        return found

    def _offset(self, token: str | None, asked: Filter) -> tuple[int, bool]:
        """Where the page begins, and whether it is one that comes again."""
        if not token:
            return 0, False
        try:
            _, offset, issued, query, *again = base64.b64decode(token, validate=True).split(b":")
            begin, age = int(offset), time.time() - int(issued)
        except (binascii.Error, ValueError):
            raise invalid("The page_token is invalid") from None
        if query != _digest(asked):
            raise invalid("The page_token is of another query")
        if self.token_life is not None and age > self.token_life:
            raise invalid("The page_token has expired")
        return begin, bool(again)


def _digest(asked: Filter) -> bytes:
    return b"%08x" % zlib.crc32(repr((asked.status, asked.times, sorted(asked.seller_skus))).encode())


def _token(offset: int, asked: Filter, *, again: bool = False) -> str:
    # TikTok's hold + / and = now and then, which have to be signed as they are and encoded on the wire.
    plain = b"\xfb\xef\xff:%d:%d:%s%s" % (offset, time.time(), _digest(asked), b":again" * again)
    return base64.b64encode(plain).decode()
