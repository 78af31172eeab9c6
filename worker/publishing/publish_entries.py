"""Turn one answer about one product into its entry of a publish call. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct, structs

from shopstream.errors import UnreadableState
from shopstream.state.mark_line import END_OWED
from shopstream.state.state_codec import StateCodec
from worker.changes import drafts
from worker.changes import product_changes as changes
from worker.changes.drafts import Cause, Draft, letter
from worker.changes.product_records import Deletion, State, View
from worker.changes.stock_changes import find_disputed, find_unsure, find_verified
from worker.publishing import marks
from worker.publishing.marks import Before
from worker.publishing.seen import Seen, Target

if TYPE_CHECKING:
    from shopstream.state.product_state import StoredState

Stored = State | UnreadableState | None
"""A decoded state: the state, the reason why it can't be read, or None if there is none."""
TRACE_AT: Final = 8
"""The place of the traceparent among the arguments of an entry. The events' own fields begin at EVENT_AT."""
EVENT_AT: Final = 10
FIELDS_EACH: Final = 7


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
    if (updated_at := seen.read_update(now.product.updated_at)) != now.product.updated_at:
        now = structs.replace(now, product=structs.replace(now.product, updated_at=updated_at))
    deleted = before is not None and before["deleted"]
    if before and changes.is_outdated(before, now) and not (deleted and seen.view == "s"):
        return Outcome(_entry(seen, mark.pass_over(), before, [], target), known=True, outdated=True)
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
    updated_at = seen.read_update(seen.evidence.get("updated_at"))
    if updated_at and updated_at < changes.newest(before):
        # Its digest isn't kept: the next deletion would have the same one.
        return Outcome(_entry(seen, mark.pass_over(), before, [], None, settled=False), known=True, outdated=True)
    if seen.view == "s" and not updated_at and not before["deleted"]:
        # Lists lag. A line that doesn't say when is no evidence against what was seen alive: the detail decides.
        return Outcome(_entry(seen, mark.pass_over(), before, [], None, settled=False), known=True, detail=True)
    state, found = changes.of_deletion(before, _evidence(seen.evidence, updated_at), view)
    differs = bool(found) or not before["deleted"]
    entry = _entry(seen, mark, state, found, None, owed=changes.owes_end(state))
    return Outcome(entry, known=True, differs=differs)


def _evidence(refusal: Mapping[str, Any], updated_at: str | None) -> Deletion:
    """Give the evidence of a deletion from the evidence of an answer."""
    evidence: Deletion = {"kind": refusal["error_class"], "code": refusal["code"]}
    if "walk" in refusal:
        evidence["confirmed_by"], evidence["kind"] = evidence["kind"], "absent_from_complete_walk"
        evidence["walk"] = refusal["walk"]
    if "confirmed_by" in refusal:
        evidence["confirmed_by"] = refusal["confirmed_by"]
    if updated_at:
        evidence["updated_at"] = updated_at
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
