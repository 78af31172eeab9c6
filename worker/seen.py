"""What one answer said about one product, and the part of a publish call that it becomes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import msgspec
import orjson
from msgspec import Struct
from xxhash import xxh3_64_hexdigest

from shopstream import events, ids
from shopstream.names import Partition
from shopstream.settings import DEFAULT, ShopSettings
from worker import changes, drafts
from worker.changes import State, View
from worker.drafts import Cause, Draft
from worker.normalize import SkuStock, Snapshot, inventory_stock, product_snapshot
from worker.tiktok.answers import Product202309, ProductInventory, ProductLegacy

READING: Final = 1
"""Another number when the same answer is to become another snapshot: then everything is compared anew."""
ViewName = Literal["d", "s", "i"]
"""By which call a product was looked at: detail, products search, inventory search."""
_LETTER: Final = {"stock": "s", "prices": "r", "products": "p"}


@dataclass(frozen=True, slots=True)
class Target:
    """The shop that is published about, and what is wanted of it."""

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

    def snapshot(self) -> Snapshot:
        """It in the one shape."""
        return product_snapshot(self.answer)


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

    def stock(self) -> list[SkuStock]:
        """It in the one shape."""
        return inventory_stock(self.answer)


class Seen(Struct, frozen=True):
    """What one answer said about one product.

    Attributes:
        asked: the id as it stands in the claim; b"" if nothing is to be let go of.
        product_id: checked.
        fetch_seq: the number of the call.
        cause: why and when.
        content: the product with its stock, or its stock alone; None if it is gone, and then
        evidence: says how we know.
        view: by which call.
    """

    asked: bytes
    product_id: str
    fetch_seq: int
    cause: Cause
    content: ProductSeen | StockSeen | None
    evidence: Mapping[str, Any] = {}
    view: ViewName = "d"
    final: bool = False
    """No detail is to be had: what this line of a list says is all that is known."""

    def digest(self, settings: ShopSettings) -> str:
        """Equal digests: nothing to compare, as long as the same is published. "-" is kept of none."""
        if self.content is None:
            return "gone"
        digest = self.content.digest
        return digest + _LETTER[settings.publish] if digest else "-"


class Entry(Struct, frozen=True):
    """One product's part of a publish call: see publish.lua."""

    asked: bytes
    field: str
    expected: bytes
    mark: bytes
    state: bytes
    drafts: Sequence[Draft]
    cause: Cause

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
    """What one answer changed.

    Attributes:
        entry: what is published.
        known: whether the product had been seen before.
        detail: whether the detail answer should know something newer.
        outdated: the answer is older than the state, by TikTok's own word: nothing is published.
        updated_at: when the product was updated, as the answer says; None if it doesn't.
    """

    entry: Entry
    known: bool
    detail: bool = False
    outdated: bool = False
    updated_at: str | None = None


def outcome(target: Target, seen: Seen, mark: bytes, stored: bytes) -> Outcome:
    """What comes of an answer.

    Args:
        target: the shop.
        seen: the answer.
        mark: by what, when and as what the product was last seen; b"" if never.
        stored: its state, JSON; b"" if there is none.
    """
    before: State | None = orjson.loads(stored) if stored else None
    seen_before_ms = int(mark.split(b" ", 2)[1]) if mark else None
    view = View(
        seen_before_ms, {"key": target.state, "field": f"p:{seen.product_id}"}, target.settings, seen.cause.observed_ms
    )
    content = seen.content
    if content is None:
        return _gone(seen, mark, before, view)
    detail = False
    updated_at: str | None = None
    if isinstance(content, StockSeen):
        state, found = changes.of_stock(before, seen.product_id, content.stock(), view, whole=content.whole)
    else:
        now = content.snapshot()
        updated_at = now.product.updated_at
        if seen.view == "d":
            state, found = changes.of_snapshot(before, now, view)
        elif before and changes.outdated(before, now):
            return Outcome(_entry(seen, mark, before, [], target), known=True, outdated=True)
        else:
            state, found = changes.of_listing(before, now, view)
            detail = target.settings.publish == "products" and changes.detail_wanted(state, now)
    # While its detail is owed, no page of it is "unchanged": whoever dies before asking for it is asked again.
    entry = _entry(seen, mark, state, found, target, settled=not detail)
    return Outcome(entry, before is not None, detail, updated_at=updated_at)


def letter(data: dict[str, Any]) -> Draft:
    """The draft of a dead letter."""
    # An id that is none may hold anything, and attributes get logged.
    kind, name = ("sku", data["id"][4:]) if data["id"].startswith("sku:") else ("product", data["id"])
    return Draft("dead", events.DEAD_LETTER, f"{kind}/{name if ids.valid(name) else 'invalid'}", 0, data)


def _gone(seen: Seen, mark: bytes, before: State | None, view: View) -> Outcome:
    if before is None:
        told = letter({"kind": "products", "id": seen.product_id, **seen.evidence})
        return Outcome(Entry(seen.asked, "", b"", b"", b"", [told], seen.cause), known=False)
    state, found = before, list[Draft]()
    # Stock may have been told of since it was gone: whoever reads stock alone has to hear of its end again.
    if not before["deleted"] or not all(row["removed"] for row in before["stock"].values()):
        evidence = {"kind": seen.evidence["error_class"], "code": seen.evidence["code"]}
        if "walk" in seen.evidence:
            evidence |= {"kind": "absent_from_complete_walk", "confirmed_by": evidence["kind"]}
            evidence["walk"] = seen.evidence["walk"]
        state, found = changes.of_deletion(before, evidence, view)
    return Outcome(_entry(seen, mark, state, found, None), known=True)


def _entry(
    seen: Seen, mark: bytes, state: State, found: Sequence[Draft], target: Target | None, *, settled: bool = True
) -> Entry:
    digest = seen.digest(target.settings) if target else "gone"
    _, before_ms, *views = mark.decode().split(" ") if mark else ("", "0")
    if found:
        # What other views saw is still true if nothing was published; else they have to be compared anew.
        views = [f"{view[0]}=?" for view in views]
    if digest == "-":
        # The other SKUs of the product were not looked at: the time of these stands in the state.
        seen_ms = int(before_ms)
        views = [f"{view[0]}=?" if view[0] == seen.view else view for view in views]
    else:
        seen_ms = seen.cause.observed_ms
        views = [f"{seen.view}={digest if settled else '?'}", *(view for view in views if view[0] != seen.view)]
    new = " ".join((f"{seen.fetch_seq} {seen_ms}", *views)).encode()
    return Entry(seen.asked, seen.product_id, mark, new, orjson.dumps(state), found, seen.cause)
