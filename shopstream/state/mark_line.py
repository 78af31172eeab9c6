"""Read and write the mark of a product: the line beside its state that says by which calls it was last seen.

`fetch_seq seen_ms view=digest … t=fetch_seq:sent_ms:answered_ms:by`, the latest view first. The digest is `?` if the
next answer of that view must be compared anew, `gone` if the product is gone; `?=gone` instead of a view says that
consumers haven't heard of that yet. The last part bounds the moment at which TikTok was seen to hold what is stored;
`by` is the view of that call, `-` if the call didn't look at the whole product or nobody knows. A worker of a version
without spans puts a number of its own in front, so that the span of another call counts no more. The scripts
compare.lua and notify.lua read the same line.
"""

from typing import Final, NamedTuple

END_OWED: Final = "?=gone"
NOT_WHOLE: Final = "-"
_SPAN: Final = "t="
_PARTS: Final = 4


class MarkLine(NamedTuple):
    """The parts of a mark.

    Attributes:
        fetch_seq: number of the latest call.
        seen_ms: when the whole product was last looked at, on Redis's clock; 0 if never.
        views: `view=digest`, the latest first.
        sent_ms: when that call left; None in a mark without a span.
        answered_ms: when its answer was there; None likewise.
        by: the view of that call, or NOT_WHOLE.
    """

    fetch_seq: int
    seen_ms: int
    views: tuple[str, ...]
    sent_ms: int | None
    answered_ms: int | None
    by: str = NOT_WHOLE

    @property
    def view(self) -> str:
        """The letter of the latest view; "" if there is none."""
        return self.views[0].partition("=")[0] if self.views else ""

    @property
    def gone(self) -> bool:
        """True if the product is gone."""
        return any(view.endswith("=gone") for view in self.views)

    @property
    def end_owed(self) -> bool:
        """True if consumers haven't heard of that."""
        return any(view.endswith(END_OWED) for view in self.views)


def parse(mark: bytes) -> MarkLine:
    """Read a mark that is not empty."""
    number, seen_ms, *rest = mark.decode().split(" ")
    views = tuple(one for one in rest if not one.startswith(_SPAN))
    for one in rest:
        parts = one.removeprefix(_SPAN).split(":")
        if one.startswith(_SPAN) and len(parts) == _PARTS and parts[0] == number:
            return MarkLine(
                fetch_seq=int(number),
                seen_ms=int(seen_ms),
                views=views,
                sent_ms=int(parts[1]),
                answered_ms=int(parts[2]),
                by=parts[3],
            )
    return MarkLine(fetch_seq=int(number), seen_ms=int(seen_ms), views=views, sent_ms=None, answered_ms=None)


def write(line: MarkLine) -> bytes:
    """Write a mark."""
    number = line.fetch_seq
    span = () if line.sent_ms is None else (f"{_SPAN}{number}:{line.sent_ms}:{line.answered_ms}:{line.by}",)
    return " ".join((f"{number} {line.seen_ms}", *line.views, *span)).encode()
