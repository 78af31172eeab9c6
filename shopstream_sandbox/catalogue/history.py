"""Products as they were a while ago, for views that lag behind."""

import time
from collections.abc import Callable
from typing import Final

from shopstream_sandbox.catalogue.products import Product

_KEPT_SECONDS: Final = 600.0
_KEPT_VERSIONS: Final = 200
_EVER: Final = float("-inf")


class History:
    """The versions of the products that were changed since it began; monotonic seconds.

    Attributes:
        original: makes up a product as it was before its first change, or gives None where there was none.
        clock: the monotonic clock.
    """

    def __init__(self, original: Callable[[str], Product | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._original = original
        self._clock = clock
        self._versions: dict[str, list[tuple[float, Product | None]]] = {}

    def begin(self, product: Product) -> None:
        """Take a product that was changed before the history began as it is now, for all of the past."""
        self._versions[product.id] = [(_EVER, product.copy())]

    def note(self, product: Product) -> None:
        """Keep a product as it is from now on."""
        now = self._clock()
        versions = self._versions.get(product.id)
        if versions is None:
            versions = self._versions[product.id] = [(_EVER, self._original(product.id))]
        versions.append((now, product.copy()))
        # The second one is what was seen at the horizon, so the first is older than anybody asks for.
        while len(versions) > 2 and (versions[1][0] < now - _KEPT_SECONDS or len(versions) > _KEPT_VERSIONS):
            del versions[0]

    def knows(self, product_id: str) -> bool:
        """Whether the product was changed since the beginning."""
        return product_id in self._versions

    def at(self, product_id: str, moment: float) -> Product | None:
        """Give a product that it knows as it was at `moment`; None if it wasn't there."""
        versions = self._versions[product_id]
        return next((product for began, product in reversed(versions) if began <= moment), versions[0][1])
