"""Serialized products, so that a second read costs no serializing."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_BUDGET: Final = 32 * 1024 * 1024  # bytes in a shop
_KINDS: Final = ("detail", "legacy", "listed", "inventory")


class Bodies:
    """Bytes by product and kind of answer; the least recently read go first once there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0

    def get(self, product_id: str, kind: str, make: Callable[[], bytes]) -> bytes:
        """The body, made if need be."""
        key = (product_id, kind)
        body = self._kept.get(key)
        if body is not None:
            self._kept.move_to_end(key)
            return body
        body = self._kept[key] = make()
        self._size += len(body)
        while self._size > _BUDGET:
            self._size -= len(self._kept.popitem(last=False)[1])
        return body

    def drop(self, product_id: str) -> None:
        """Forget a product that was changed."""
        for kind in _KINDS:
            self._size -= len(self._kept.pop((product_id, kind), b""))
