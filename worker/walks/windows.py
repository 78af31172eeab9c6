"""Cut a search that matches more than 10,000 products into windows of creation time. Pure."""

from typing import Final

from msgspec import Struct

OLDEST: Final = 1_420_070_400
"""Unix seconds of 2015. An open begin is first cut as if nothing were older; older products are still listed."""
_DAY: Final = 86_400
_NEVER: Final = 2**34
"""Unix seconds of 2514, for products that a wrong clock has created in the future."""


class Unsplittable(Exception):
    """More than 10,000 products were created within one second: no search can list them. Names the window."""


class Window(Struct, frozen=True, array_like=True):
    """Unix seconds, both ends included; None is open."""

    begin: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        return f"create_time {self.begin if self.begin is not None else ''}..{self.end if self.end is not None else ''}"

    def halves(self, now: int) -> tuple["Window", "Window"]:
        """Cut the window into two without overlap. `now` stands for an open end.

        Raises:
            Unsplittable: it is one second long.
        """
        begin, end = self.begin, self.end
        if end is None:
            end = now + _DAY if begin is None or begin < now + _DAY else _NEVER
        if begin is None:
            begin = OLDEST if end > OLDEST else 0
        if begin >= end:
            raise Unsplittable(f"more than 10,000 products match {self}, which can't be cut further")
        middle = (begin + end) // 2
        return Window(self.begin, middle), Window(middle + 1, self.end)
