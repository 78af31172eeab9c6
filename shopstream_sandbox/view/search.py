"""Which products a search matches, and its pages."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.refusal.refusals import invalid, said
from shopstream_sandbox.switches import Switches
from shopstream_sandbox.view import pages
from shopstream_sandbox.view.matching import Filter, narrowed

_WAVERING: Final = (0, -1, 0, 1)


class Search:
    """`POST /product/202502/products/search`: what the last query of a shop matched is kept for its next page."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._last: dict[str, tuple[tuple[object, ...], Sequence[int]]] = {}

    def page(
        self,
        shop: Shop,
        size: str | None,
        token: str | None,
        body: dict[str, Any],
        listed: Callable[[str], bytes],
        moment: float | None,
    ) -> bytes | None:
        """`data` of one page as of a moment (None is now); `listed` gives the bytes of one product of it.

        None is an envelope without data.
        """
        if size is None or not size.isascii() or not size.isdigit() or not 1 <= int(size) <= 100:
            raise invalid("page_size must be between 1 and 100")
        asked, switches = narrowed(body), self._switches
        begin, again = pages.read(token, _digest(asked), switches.page_token_life_seconds)
        found = self._matches(shop, asked, moment)
        if len(found) > switches.most_results:
            raise said("too_many")
        following = begin + int(size)
        rows = [listed(shop.id_at(index)) for index in found[begin:following]]
        more = pages.token(following, _digest(asked)) if following < len(found) else ""
        if token and begin == int(size) and switches.repeat_page == "forever":
            more = token
        elif token and begin == int(size) and switches.repeat_page == "once" and not again:
            more = pages.token(begin, _digest(asked), again=True)
        return pages.data(self._count(len(found), begin // int(size)), more, rows, switches.empty_lists)

    def _count(self, right: int, page: int) -> int:
        """The number of matches as it is told on a page."""
        if not right or self._switches.total_count == "right":
            return right
        if self._switches.total_count == "wavers":
            return right + _WAVERING[page % len(_WAVERING)]
        return right + max(1, right // 20)

    def _matches(self, shop: Shop, asked: Filter, moment: float | None) -> Sequence[int]:
        switches = self._switches
        key = (asked, shop.revision, switches.list_order, switches.all_includes_deleted)
        last = self._last.get(shop.id)
        if last and last[0] == key and moment is None:
            return last[1]
        found = self._found(shop, asked, moment)
        if switches.list_order != "fixed":
            found = self._by_time(shop, found, moment)
        if moment is None:
            self._last[shop.id] = (key, found)
        return found

    def _found(self, shop: Shop, asked: Filter, moment: float | None) -> Sequence[int]:
        deleted_too = asked.status == "DELETED" or (asked.status is None and self._switches.all_includes_deleted)
        if asked.is_everything and moment is None:
            if deleted_too or not shop.deleted:
                return range(shop.size)
            return [index for index in range(shop.size) if shop.id_at(index) not in shop.deleted]
        return [one for one in asked.candidates(shop) if asked.fits(shop, one, moment, deleted_too=deleted_too)]

    def _by_time(self, shop: Shop, found: Sequence[int], moment: float | None) -> Sequence[int]:
        """Order by update time, the same times by place. It is done anew for every page, so pages slide."""

        def updated(index: int) -> tuple[int, int]:
            facts = shop.facts(index, moment)
            return (facts[1] if facts else 0), index

        return sorted(found, key=updated, reverse=self._switches.list_order == "update_time_desc")


def _digest(asked: Filter) -> bytes:
    return b"%08x" % zlib.crc32(repr(asked).encode())
