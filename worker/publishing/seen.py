"""Turn what one answer said about one product into its part of a publish call. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct
from xxhash import xxh3_64_hexdigest

from shopstream.redis.keys import Partition
from shopstream.registry.settings import DEFAULT, ShopSettings
from worker.changes import drafts
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause, Draft, letter
from worker.changes.normalize import Normalized, SkuStock, ViewName, inventory_stock, product_snapshot
from worker.changes.product_changes import Deletion, State, View
from worker.changes.stock_changes import disputed
from worker.order import Reading, Span
from worker.publishing import marks
from worker.publishing.marks import NOT_WHOLE, Before
from worker.tiktok.answers import Product202309, ProductInventory, ProductLegacy

READING: Final = 2
"""Another number when the same answer is to become another snapshot: then everything is compared anew."""
END_OWED: Final = "?=gone"
"""In a mark instead of `gone`: consumers haven't heard of it, so that the next look is compared anew."""
_LETTER: Final = {"stock": "s", "prices": "r", "products": "p"}


@dataclass(frozen=True, slots=True)
class Target:
    """The shop that is published about, and what is wanted of it.

    `seller_type` is as Authorized Shops tells it, "" where that isn't known: prices are read by it.
    """

    partition: Partition
    shop: str
    region: str
    source: str
    settings: ShopSettings = DEFAULT
    seller_type: str = ""

    @property
    def state(self) -> str:
        """Key of the shop's state."""
        return self.partition.state(self.shop)


_json: Final = msgspec.json.Encoder().encode  # any integer: TikTok's may be of any size


class ProductSeen(Struct, frozen=True, dict=True):
    """An answer about a product, as it was read. It is normalized only if it says something new: most don't."""

    answer: Product202309 | ProductLegacy

    @cached_property
    def digest(self) -> str:
        """16 hex digits over all that was read; equal ones need no comparison."""
        return xxh3_64_hexdigest(_json(self.answer), READING)

    def snapshot(self, view: ViewName = "d", seller_type: str = "") -> Normalized:
        """It in the one shape, as one view of it for one type of seller."""
        return product_snapshot(self.answer, view, seller_type)


class StockSeen(Struct, frozen=True):
    """An answer about the stock of a product's SKUs, as it was read; `whole` if it names all of them."""

    answer: ProductInventory
    whole: bool = True

    @property
    def digest(self) -> str:
        """As of a product; of some SKUs alone there is none to remember."""
        if not self.whole:
            return ""
        return xxh3_64_hexdigest(_json(self.answer), READING)

    def stock(self) -> list[SkuStock] | None:
        """It in the one shape; None if it says nothing of SKUs."""
        return inventory_stock(self.answer)


class Seen(Struct, frozen=True):
    """The part of one answer that is about one product.

    Attributes:
        asked: the id as it stands in the claim; b"" if nothing is to be let go of.
        product_id: checked.
        fetch_seq: the number of the call.
        cause: why and when.
        content: the product with its stock, or its stock alone; None if it is gone, and then
        evidence: says how we know, and may hold `updated_at`, the `update_time` of the line that said so (RFC 3339).
        view: by which call.
        final: no detail is to be had, so that a line is told as the product itself.
        span: when the call was under way; None: at the very moment of `cause`.
    """

    asked: bytes
    product_id: str
    fetch_seq: int
    cause: Cause
    content: ProductSeen | StockSeen | None
    evidence: Mapping[str, Any] = {}
    view: ViewName = "d"
    final: bool = False
    span: Span | None = None

    @property
    def reading(self) -> Reading:
        """The call, and when it was under way."""
        return Reading(self.fetch_seq, self.span or Span(self.cause.observed_ms, self.cause.observed_ms))

    @property
    def whole(self) -> str:
        """Its view as a mark names it: NOT_WHOLE if it tells of some SKUs alone."""
        return NOT_WHOLE if isinstance(self.content, StockSeen) and not self.content.whole else self.view

    def digest(self, settings: ShopSettings) -> str:
        """Equal digests: nothing to compare, as long as the same is published. "-" is kept of none."""
        if self.content is None:
            return "gone"
        digest = self.content.digest
        return digest + _LETTER[settings.publish] if digest else "-"


class PublishEntry(Struct, frozen=True):
    """One product's part of a publish call: see publish.lua."""

    asked: bytes
    field: str
    expected: bytes
    mark: bytes
    state: bytes
    drafts: Sequence[Draft]
    cause: Cause

    @classmethod
    def without_state(cls, asked: bytes, cause: Cause, drafts: Sequence[Draft] = ()) -> "PublishEntry":
        """Make the entry of an id whose state stays as it is."""
        return cls(asked=asked, field="", expected=b"", mark=b"", state=b"", drafts=drafts, cause=cause)

    def arguments(self, epoch: str) -> list[bytes | str | int]:
        """As the script takes it, its events built for this epoch."""
        cause = self.cause
        args: list[bytes | str | int] = [
            self.asked, self.field, self.expected, self.mark, self.state,
            cause.observed_at, cause.origin, cause.causation_id, cause.traceparent or "", len(self.drafts),
        ]  # fmt: skip
        for draft in self.drafts:
            args += drafts.encode(draft, cause, epoch)
        return args


class Outcome(Struct, frozen=True):
    """The outcome of one answer: what it changed.

    Attributes:
        entry: what is published.
        known: whether the product had been seen before.
        detail: whether the detail answer should know something newer.
        outdated: the answer is older than the state, by TikTok's own word: nothing is published.
        updated_at: when the product was updated, as the answer says; None if it doesn't.
        differs: the answer says another thing than the state.
    """

    entry: PublishEntry
    known: bool
    detail: bool = False
    outdated: bool = False
    updated_at: str | None = None
    differs: bool = False


def outcome(target: Target, seen: Seen, mark: bytes, stored: bytes, now_ms: int) -> Outcome:
    """Work out what comes of an answer.

    Args:
        target: the shop.
        seen: the answer.
        mark: by what, when and as what the product was last seen; b"" if never.
        stored: its state, JSON; b"" if there is none.
        now_ms: on Redis's clock, when the mark was read.
    """
    return _compare(target, seen, Before.of(mark, seen.reading, seen.whole, now_ms), stored)


def _compare(target: Target, seen: Seen, mark: Before, stored: bytes) -> Outcome:
    before: State | None = orjson.loads(stored) if stored else None
    view = View(
        seen_before_ms=mark.known.seen_ms if mark.known else None,
        state_at={"key": target.state, "field": f"p:{seen.product_id}"},
        settings=target.settings,
        seen_ms=seen.cause.observed_ms,
    )
    content = seen.content
    if content is None:
        return _gone(seen, mark, before, view)
    if isinstance(content, StockSeen):
        state, found = changes.of_stock(before, seen.product_id, content.stock(), view, whole=content.whole)
        return _outcome(target, seen, mark, (before, state), found)
    now = content.snapshot(seen.view, target.seller_type)
    deleted = before is not None and before["deleted"]
    if before and changes.outdated(before, now) and not (deleted and seen.view == "s"):
        return Outcome(_entry(seen, mark.passed(), before, [], target), known=True, outdated=True)
    updated_at = now.product.updated_at
    if seen.view == "d":
        state, found = changes.of_snapshot(before, now, view)
        return _outcome(target, seen, mark, (before, state), found, updated_at=updated_at)
    state, found = changes.of_listing(before, now, view, final=seen.final)
    detail = (
        target.settings.publish == "products"
        and state is not before  # a stale line of what is deleted asks for nothing
        and changes.detail_wanted(state, now, final=seen.final)
    )
    return _outcome(target, seen, mark, (before, state), found, detail=detail, updated_at=updated_at)


def _outcome(
    target: Target, seen: Seen, mark: Before, states: tuple[State | None, State], found: Sequence[Draft], *,
    detail: bool = False, updated_at: str | None = None,
) -> Outcome:  # fmt: skip
    """The outcome of an answer that led from the first of `states` to the second."""
    before, state = states
    disputes = disputed(state["stock"], seen.view)
    asked = disputed(before["stock"], seen.view) if before else {}
    product = state["product"]
    final = seen.final or (product is not None and product["status"] == "frozen")
    # While its detail is owed, no page of it is "unchanged": whoever dies before asking for it is asked again.
    # One that was read too early, or that leaves a SKU out, is compared anew for what may have changed unseen.
    early = seen.view == "d" and state["detailed"] == "" and updated_at is not None
    entry = _entry(
        seen, mark, state, found, target, settled=not (detail or disputes or early),
        revived=before is not None and before["deleted"] and not state["deleted"],
    )  # fmt: skip
    wanted = detail or (not final and any(asked.get(sku) != when for sku, when in disputes.items()))
    differs = bool(found) or (before is not None and before["deleted"] != state["deleted"])
    return Outcome(entry, before is not None, wanted, updated_at=updated_at, differs=differs)


def _gone(seen: Seen, mark: Before, before: State | None, view: View) -> Outcome:
    if before is None:
        # A product that was never seen is given up if somebody asked for it, and else nobody's business.
        letters = [letter({"kind": "products", "id": seen.product_id, **seen.evidence})] if seen.asked else []
        return Outcome(PublishEntry.without_state(seen.asked, seen.cause, letters), known=False)
    updated_at = seen.evidence.get("updated_at") or ""
    if updated_at and updated_at < changes.newest(before):
        # It says nothing of the next deletion, which would look the same.
        return Outcome(_entry(seen, mark.passed(), before, [], None, settled=False), known=True, outdated=True)
    state, found = changes.of_deletion(before, _evidence(seen.evidence), view)
    differs = bool(found) or not before["deleted"]
    entry = _entry(seen, mark, state, found, None, owed=changes.owes_end(state))
    return Outcome(entry, known=True, differs=differs)


def _evidence(refusal: Mapping[str, Any]) -> Deletion:
    """Give the evidence of a deletion from the evidence of an answer."""
    evidence: Deletion = {"kind": refusal["error_class"], "code": refusal["code"]}
    if "walk" in refusal:
        evidence["confirmed_by"], evidence["kind"] = evidence["kind"], "absent_from_complete_walk"
        evidence["walk"] = refusal["walk"]
    if "confirmed_by" in refusal:
        evidence["confirmed_by"] = refusal["confirmed_by"]
    if "updated_at" in refusal:
        evidence["updated_at"] = refusal["updated_at"]
    return evidence


def _entry(
    seen: Seen, mark: Before, state: State, found: Sequence[Draft], target: Target | None, *,
    settled: bool = True, revived: bool = False, owed: bool = False,
) -> PublishEntry:  # fmt: skip
    digest = seen.digest(target.settings) if target else END_OWED if owed else "gone"
    before_ms, views = (mark.known.seen_ms, [*mark.known.views]) if mark.known else (0, [])
    if found or revived:
        # What other views saw is still true if nothing was published; else they have to be compared anew.
        views = [f"{view[0]}=?" for view in views]
    if digest == "-":
        # The other SKUs of the product were not looked at: the time of these stands in the state.
        seen_ms = before_ms
        views = [f"{view[0]}=?" if view[0] == seen.view else view for view in views]
    else:
        seen_ms = seen.cause.observed_ms
        views = [f"{seen.view}={digest if settled else '?'}", *(view for view in views if view[0] != seen.view)]
    if target is None and seen.view != "d" and settled:
        # A stale line after it takes the mark of its view: that it is gone has to stay in another one.
        views = [views[0], f"d={digest}", *(view for view in views[1:] if view[0] != "d")]
    new = marks.written(mark.reading, mark.by, seen_ms, views)
    return PublishEntry(
        asked=seen.asked, field=seen.product_id, expected=mark.raw, mark=new, state=orjson.dumps(state), drafts=found,
        cause=seen.cause,
    )  # fmt: skip
