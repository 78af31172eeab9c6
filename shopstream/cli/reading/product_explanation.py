"""The explanation of a product as `shopstream explain` shows it: lines for people, or one JSON document."""

from collections.abc import Iterator
from typing import Final

from shopstream.cli.output.documents import ProductExplanationDocument, ProductReaderDocument
from shopstream.cli.reading.explain_words import (
    Fact,
    explain_change,
    explain_halt,
    explain_look,
    explain_syncs,
    explain_waiting,
    print_explanation,
    write_ago,
    write_entry,
    write_number,
    write_reason,
)
from shopstream.cli.terminal import print_json
from shopstream.events import Event
from shopstream.state.explain_product import ProductExplanation
from shopstream.state.product_state import ProductState
from shopstream.state.readers import Reader

_SKUS_MOST: Final = 10
_FIELDS_MOST: Final = 6


def output(found: ProductExplanation, *, json: bool) -> None:
    """Print the explanation, as a JSON document or as lines for people."""
    if json:
        print_json(_document(found))
    else:
        _show(found)


def _document(found: ProductExplanation) -> ProductExplanationDocument:
    """Build the JSON document: an event is its `data`, with the entry's id and the cause, which `data` lacks."""
    return {
        "kind": "product",
        "shop": found.shop,
        "product_id": found.product_id,
        "at": found.at,
        "state": found.state,
        "seen_at": found.seen_at,
        "view": found.view,
        "suppressed": found.suppressed,
        "changes": [write_entry(event) for event in found.changes],
        "letters": [write_entry(event) for event in found.letters],
        "searched": found.searched,
        "bounded": found.bounded,
        "waiting": found.waiting,
        "next_walks": found.next_walks,
        "readers": [_reader_document(reader) for reader in found.readers],
        "paused": found.paused,
    }


def _reader_document(reader: Reader) -> ProductReaderDocument:
    event = reader.knows
    return {
        "group": reader.group,
        "standing": reader.standing,
        "consumer": reader.consumer,
        "deliveries": reader.deliveries,
        "idle": reader.idle,
        "knows": {"seq": event.seq, "epoch": event.epoch} if event else None,
    }


def _show(found: ProductExplanation) -> None:
    standings = {reader.group: _standing(reader) for reader in found.readers}
    print_explanation(_facts(found), map(_change, found.changes), _describe_search(found), standings, "products")


def _facts(found: ProductExplanation) -> Iterator[Fact]:
    shop, state, at = found.shop, found.state, found.at
    title = f" “{state.product['title']}”" if state and state.product and state.product.get("title") else ""
    yield "product", f"{found.product_id}{title}, shop {shop.shop_id}"
    yield from explain_halt(shop)
    yield "state", _state(state)
    if state and state.stock:
        yield "SKUs", _skus(state)
    yield from explain_look(found.seen_at, found.view, at)
    for setting, effect in found.suppressed.items():
        yield "setting", f"{setting}: {effect}"
    yield from explain_change(found.changes, at)
    yield from explain_waiting(found.waiting, at)
    for letter in found.letters:
        yield "given up", _letter(letter, at)
    yield from explain_syncs(found.next_walks, at)


def _state(state: ProductState | None) -> str:
    if state is None:
        return "no stored state"
    numbered = f"change #{state.seq}" if state.seq else "no event of it yet"
    updated = f", updated at TikTok {state.updated_at}" if state.updated_at else ""
    if state.deleted:
        return f"deleted, {numbered}{updated}"
    status = state.product.get("status", "unknown") if state.product else "only its stock has been seen"
    return f"{status}, {numbered}{updated}"


def _skus(state: ProductState) -> str:
    known = [one for one in state.stock if not one.removed]
    shown = ", ".join(f"{one.sku_id}: {write_number(one.available)} {one.level}" for one in known[:_SKUS_MOST])
    more = len(known) - _SKUS_MOST
    return f"{shown or 'none left'}{f' and {more} more' if more > 0 else ''}"


def _letter(letter: Event, now: str) -> str:
    data = letter.data
    return (
        f"{write_ago(letter.time, now)}: {data.get('error_class')} ({data.get('code')}), {data.get('message')};"
        f" dead letter {letter.entry_id}"
    )


def _change(event: Event) -> str:
    """Format a change as one line. Ids are whole in a window of any width."""
    changed = list(event.data.get("changed") or ())
    fields = " ".join(changed[:_FIELDS_MOST]) + (" …" if len(changed) > _FIELDS_MOST else "")
    request = f", {event.data['request_id']}" if event.data.get("request_id") else ""
    why = write_reason(event.origin, event.causation_id)
    return f"  {event.time}  #{event.seq:<4} {event.name:<16} {fields:<22} {why}{request}"


def _describe_search(found: ProductExplanation) -> str:
    entries = f"{found.searched} entries of the products stream and of dead letters looked through"
    if found.bounded:
        return f"{entries}, and no further: there may be older ones"
    if found.changes and found.changes[-1].seq > 1:
        return f"{entries}; there were older changes, -n shows those that the stream still has"
    return entries


def _standing(reader: Reader) -> str:
    if reader.standing == "acknowledged":
        return "has acknowledged the last change"
    knows = f"it has acknowledged #{reader.knows.seq}" if reader.knows else "it has acknowledged none of these"
    if reader.standing == "in_hand":
        times = "" if reader.deliveries == 1 else f", for the {reader.deliveries}th time"
        return f"the last change is in hand of {reader.consumer} since {reader.idle or 0:.0f} s{times}; {knows}"
    return f"has not read the last change yet; {knows}"
