"""Turn one answer about one product into its part of a publish call. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct, structs

from shopstream.errors import UnreadableState
from shopstream.redis.keys import Partition
from shopstream.registry.settings import DEFAULT, ShopSettings
from shopstream.state.mark_line import END_OWED, NOT_WHOLE
from shopstream.state.state_codec import StateCodec
from worker.changes import drafts
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause, Draft, letter
from worker.changes.normalized import ViewName
from worker.changes.product_records import Deletion, State, View
from worker.changes.stock_changes import find_disputed, find_unsure, find_verified
from worker.formats import rfc3339
from worker.marketplace.product_answers import ProductAnswer, StockAnswer
from worker.order import Reading, Span
from worker.publishing import marks
from worker.publishing.marks import Before

if TYPE_CHECKING:
    from shopstream.state.product_state import StoredState

Stored = State | UnreadableState | None
"""A decoded state: the state, the reason why it can't be read, or None if there is none."""
TRACE_AT: Final = 8
"""The place of the traceparent among the arguments of an entry. The events' own fields begin at EVENT_AT."""
EVENT_AT: Final = 10
FIELDS_EACH: Final = 7
FUTURE_MS: Final = 86_400_000
"""Milliseconds after a call. An `update_time` beyond them is no moment: by it, all later answers would be older."""
_LETTER: Final = {"stock": "s", "prices": "r", "products": "p"}


@dataclass(frozen=True, slots=True)
class Target:
    """The shop that is published about, with its settings.

    `seller_type` is that of Authorized Shops; "" if it is unknown. Prices are read by it.
    """

    partition: Partition
    shop: str
    region: str
    source: str
    settings: ShopSettings = DEFAULT
    seller_type: str = ""

    @property
    def state(self) -> str:
        """The key of the shop's state."""
        return self.partition.state(self.shop)


class Seen(Struct, frozen=True):
    """The part of one answer that is about one product.

    Attributes:
        asked: the id as claimed; b"" without one to release.
        product_id: a valid id.
        fetch_seq: the number of the call.
        cause: the reason for the look and its moment.
        content: the product with its stock, or its stock alone; None if the product no longer exists.
        evidence: of a product that no longer exists: `error_class`, `code`, `message`, `attempts`, and maybe `walk`,
            `confirmed_by` and `updated_at`, the `update_time` of the line that said so (RFC 3339). Empty otherwise.
        view: the call.
        final: true if TikTok gives no detail, so that a line stands for the product.
        span: the time from call to answer; None for the very moment of `cause`.
        unasked: true if no service has asked for the id, so that nobody is told that TikTok doesn't know it.
    """

    asked: bytes
    product_id: str
    fetch_seq: int
    cause: Cause
    content: ProductAnswer | StockAnswer | None
    evidence: Mapping[str, Any] = {}
    view: ViewName = "d"
    final: bool = False
    span: Span | None = None
    unasked: bool = False

    @property
    def reading(self) -> Reading:
        """The call and its span."""
        return Reading(self.fetch_seq, self.span or Span(self.cause.observed_ms, self.cause.observed_ms))

    @property
    def whole(self) -> str:
        """The view as a mark names it; NOT_WHOLE for an answer about some SKUs."""
        return self.view if self.content is None or self.content.whole else NOT_WHOLE

    @property
    def skus(self) -> int:
        """The number of SKUs in the answer."""
        return self.content.sku_count if self.content else 0

    def digest(self, settings: ShopSettings) -> str:
        """Give the digest for a mark. Equal digests mean no change for one `publish` setting; "-" is never stored."""
        if self.content is None:
            return "gone"
        digest = self.content.digest
        return digest + _LETTER[settings.publish] if digest else "-"


class PublishEntry(Struct, frozen=True):
    """One product's part of a publish call: see publish.lua. A state that is bytes is stored as it is."""

    asked: bytes
    field: str
    expected: bytes
    mark: bytes
    state: State | bytes
    drafts: Sequence[Draft]
    cause: Cause

    @classmethod
    def without_state(cls, asked: bytes, cause: Cause, drafts: Sequence[Draft] = ()) -> "PublishEntry":
        """Make the entry of an id whose state stays as it is."""
        return cls(asked=asked, field="", expected=b"", mark=b"", state=b"", drafts=drafts, cause=cause)

    def arguments(self, epoch: str, codec: StateCodec) -> list[bytes | str | int]:
        """List the arguments of publish.lua, with the events built for this epoch, and the state by the codec."""
        cause, state = self.cause, self.state
        stored = state if isinstance(state, bytes) else codec.encode(cast("StoredState", state))
        args: list[bytes | str | int] = [
            self.asked, self.field, self.expected, self.mark, stored,
            cause.observed_at, cause.origin, cause.causation_id, cause.traceparent or "", len(self.drafts),
        ]  # fmt: skip
        for event in drafts.encode(self.drafts, cause, epoch):
            args += event
        return args


class Outcome(Struct, frozen=True):
    """The outcome of one answer.

    Attributes:
        entry: the part of the publish call.
        known: true if the product had been seen before.
        detail: true if the detail should be newer than the state.
        outdated: true if the answer's `update_time` is older than the state's: then no event is published.
        updated_at: the product's `update_time` (RFC 3339); None if the answer has none.
        differs: true if the answer differs from the state.
        unsure: SKUs of which the answer may be older than a push.
        verified: SKUs whose pushes the answer has verified.
    """

    entry: PublishEntry
    known: bool
    detail: bool = False
    outdated: bool = False
    updated_at: str | None = None
    differs: bool = False
    unsure: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()


def outcome(target: Target, seen: Seen, mark: bytes, stored: Stored, now_ms: int) -> Outcome:
    """Compare an answer with the stored state.

    Args:
        target: the shop.
        seen: the answer.
        mark: the product's mark; b"" if the product was never seen.
        stored: its state; None if there is none.
        now_ms: the moment at which the mark was read, in ms of Redis's clock.

    Raises:
        UnreadableState: `stored` says that the state can't be read.
    """
    if isinstance(stored, UnreadableState):
        raise stored
    return _compare(target, seen, Before.of(mark, seen.reading, seen.whole, now_ms), stored)


def _compare(target: Target, seen: Seen, mark: Before, before: State | None) -> Outcome:
    view = View(
        seen_before_ms=mark.known.seen_ms if mark.known else None,
        state_at={"key": target.state, "field": f"p:{seen.product_id}"},
        settings=target.settings,
        seen_ms=seen.cause.observed_ms,
        sent_ms=seen.reading.span.sent_ms,
    )
    content = seen.content
    if content is None:
        return _settle_gone(seen, mark, before, view)
    if content.kind == "stock":
        state, found = changes.of_stock(before, seen.product_id, content.normalize(), view, whole=content.whole)
        return _outcome(target, seen, mark, (before, state), found)
    now = content.normalize(seen.view, target.seller_type)
    if content.updated is not None and content.updated * 1000 > seen.cause.observed_ms + FUTURE_MS:
        now = structs.replace(now, product=structs.replace(now.product, updated_at=None))
    deleted = before is not None and before["deleted"]
    if before and changes.is_outdated(before, now) and not (deleted and seen.view == "s"):
        return Outcome(_entry(seen, mark.pass_over(), before, [], target), known=True, outdated=True)
    updated_at = now.product.updated_at
    if seen.view == "d":
        state, found = changes.of_snapshot(before, now, view)
        return _outcome(target, seen, mark, (before, state), found, updated_at=updated_at)
    state, found = changes.of_listing(before, now, view, final=seen.final)
    if deleted and state is before:
        # A line as old as the deletion doesn't bring a product back, but may show that the deletion was wrong. Without
        # its detail, which no one else asks for, the product would stay deleted until it changes.
        detail = not changes.is_outdated(state, now) and changes.wants_detail(state, now, final=seen.final)
    else:
        detail = target.settings.publish == "products" and changes.wants_detail(state, now, final=seen.final)
    return _outcome(target, seen, mark, (before, state), found, detail=detail, updated_at=updated_at)


def _outcome(
    target: Target, seen: Seen, mark: Before, states: tuple[State | None, State], found: Sequence[Draft], *,
    detail: bool = False, updated_at: str | None = None,
) -> Outcome:  # fmt: skip
    """Make the outcome of an answer that led from the first of `states` to the second."""
    before, state = states
    disputes = find_disputed(state["stock"], seen.view)
    asked = find_disputed(before["stock"], seen.view) if before else {}
    product = state["product"]
    final = seen.final or (product is not None and product["status"] == "frozen")
    # While its detail is owed, no page of it is "unchanged": a drain may die before it enqueues the detail.
    # A detail that was read too early, or that lacks a SKU, is compared again: a change may have been missed.
    early = seen.view == "d" and state["detailed"] == "" and updated_at is not None
    unsure = tuple(find_unsure(state["stock"], seen.cause.observed_ms))
    verified = tuple(find_verified(before["stock"], state["stock"])) if before else ()
    entry = _entry(
        seen, mark, state, found, target, settled=not (detail or disputes or early or unsure),
        revived=before is not None and before["deleted"] and not state["deleted"],
    )  # fmt: skip
    wanted = detail or (not final and any(asked.get(sku) != when for sku, when in disputes.items()))
    differs = bool(found) or (before is not None and before["deleted"] != state["deleted"])
    return Outcome(
        entry, before is not None, wanted, updated_at=updated_at, differs=differs, unsure=unsure, verified=verified
    )


def _settle_gone(seen: Seen, mark: Before, before: State | None, view: View) -> Outcome:
    if before is None:
        # A product that was never seen becomes a dead letter if a service has asked for it. Otherwise nobody knows it.
        requested = seen.asked and not seen.unasked
        letters = [letter({"kind": "products", "id": seen.product_id, **seen.evidence})] if requested else []
        return Outcome(PublishEntry.without_state(seen.asked, seen.cause, letters), known=False)
    updated_at = seen.evidence.get("updated_at") or ""
    if updated_at > (rfc3339(seen.cause.observed_ms + FUTURE_MS) or ""):
        updated_at = ""
    if updated_at and updated_at < changes.newest(before):
        # Its digest isn't kept: the next deletion would have the same one.
        return Outcome(_entry(seen, mark.pass_over(), before, [], None, settled=False), known=True, outdated=True)
    if seen.view == "s" and not updated_at and not before["deleted"]:
        # Lists lag. A line that doesn't say when is no evidence against what was seen alive: the detail decides.
        return Outcome(_entry(seen, mark.pass_over(), before, [], None, settled=False), known=True, detail=True)
    evidence = _evidence(seen.evidence)
    if not updated_at:
        evidence.pop("updated_at", None)
    state, found = changes.of_deletion(before, evidence, view)
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
        # Digests of other views hold if nothing was published. Otherwise their next answers are compared.
        views = [f"{view[0]}=?" for view in views]
    if digest == "-":
        # There was no look at the product's other SKUs: the time of these SKUs is in the state.
        seen_ms = before_ms
        views = [f"{view[0]}=?" if view[0] == seen.view else view for view in views]
    else:
        seen_ms = seen.cause.observed_ms
        views = [f"{seen.view}={digest if settled else '?'}", *(view for view in views if view[0] != seen.view)]
    if target is None and seen.view != "d" and settled:
        # A stale line replaces the digest of its view: the deletion has to stay in that of the detail.
        views = [views[0], f"d={digest}", *(view for view in views[1:] if view[0] != "d")]
    new = marks.write(mark.reading, mark.by, seen_ms, views)
    return PublishEntry(
        asked=seen.asked, field=seen.product_id, expected=mark.raw, mark=new, state=state, drafts=found,
        cause=seen.cause,
    )  # fmt: skip
