"""`shopstream explain`: answer "why does my ERP show 3?"."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from shopstream.cli.documents import ExplanationDocument, ReaderDocument
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, out, print_json, with_client
from shopstream.client import SyncClient
from shopstream.events import Event
from shopstream.state.explain import Explanation, Waiting
from shopstream.state.readers import Reader

_VIEWS = {
    "detail": "by its product's detail",
    "products_search": "on a page of the shop's products",
    "inventory_search": "by an inventory search",
    None: "",
}


def explain(
    shop: str,
    sku: str,
    redis_url: Url = DEFAULT_URL,
    *,
    changes: Annotated[int, typer.Option("-n", min=1, max=1_000, help="Show this number of changes at most.")] = 10,
    json: Json = False,
) -> None:
    """Explain the stock of a SKU: the time and cause of its last look, its changes, and the groups that read them."""

    async def act(client: SyncClient) -> None:
        explanation = await client.explain(shop, sku, changes=changes)
        if json:
            print_json(_document(explanation))
        else:
            _show(explanation)

    with_client(redis_url, act)


def _document(explanation: Explanation) -> ExplanationDocument:
    """Build the JSON document: a change is its `data`, with the entry's id and the cause, which `data` lacks."""
    return {
        "shop": explanation.shop,
        "sku_id": explanation.sku_id,
        "product_id": explanation.product_id,
        "at": explanation.at,
        "stock": explanation.stock,
        "threshold": {"low": explanation.low, "recovered": explanation.recovered},
        "seen_at": explanation.seen_at,
        "view": explanation.view,
        "changes": [
            dict(event.data) | {"entry_id": event.entry_id, "causation_id": event.causation_id}
            for event in explanation.changes
        ],
        "searched": explanation.searched,
        "bounded": explanation.bounded,
        "waiting": explanation.waiting,
        "next_walks": explanation.next_walks,
        "readers": [_reader_document(reader) for reader in explanation.readers],
    }


def _reader_document(reader: Reader) -> ReaderDocument:
    event = reader.knows
    return {
        "group": reader.group,
        "standing": reader.standing,
        "consumer": reader.consumer,
        "deliveries": reader.deliveries,
        "idle": reader.idle,
        "knows": {"seq": event.seq, "epoch": event.epoch, "available": event.data.get("available")} if event else None,
    }


def _show(explanation: Explanation) -> None:
    for name, line in _facts(explanation):
        out.print(Text(f"{name:<11}", style="bold"), Text(line), sep="", soft_wrap=True)
    for event in explanation.changes:
        out.print(Text(_change(event)), soft_wrap=True)
    out.print(f"[dim]{_describe_search(explanation)}[/dim]", highlight=False, soft_wrap=True)
    for reader in explanation.readers:
        out.print(Text(f"{reader.group}: ", style="bold"), Text(_describe_standing(reader)), sep="", soft_wrap=True)
    if explanation.changes and not explanation.readers:
        out.print("no consumer group reads the stock stream")


def _facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    seller_sku = f" ({explanation.stock.seller_sku})" if explanation.stock and explanation.stock.seller_sku else ""
    yield (
        "SKU",
        f"{explanation.sku_id}{seller_sku} of product {explanation.product_id}, shop {explanation.shop.shop_id}",
    )
    if explanation.shop.status != "active":
        reason = explanation.shop.reason or "no reason given"
        yield "shop", f"{explanation.shop.status} ({reason}): nothing is fetched until it is active"
    yield "stock", _stock(explanation)
    yield "threshold", f"low at {explanation.low} units and below, recovered at {explanation.recovered} and above"
    if explanation.seen_at:
        yield "last seen", f"{_ago(explanation.seen_at, explanation.at)} {_VIEWS[explanation.view]}, changed or not"
    if explanation.changes:
        last = explanation.changes[0]
        request = f", TikTok's request {last.data['request_id']}" if last.data.get("request_id") else ""
        yield "changed", _ago(last.time, explanation.at)
        yield "why", f"{_why(last.origin, last.causation_id)}{request}"
    for one in explanation.waiting:
        yield "waiting", _waits(explanation, one)
    if not explanation.waiting:
        yield "waiting", "in no backlog, and not being fetched"
    planned = (f"{walk} {_until(at, explanation.at)}" for walk, at in explanation.next_walks.items())
    yield "walks", ", ".join(planned) or "no walk is planned: see `shopstream settings`"


def _stock(explanation: Explanation) -> str:
    stock = explanation.stock
    if stock is None:
        return "no stored state"
    removed = "no longer in its product; last known: " if stock.removed else ""
    committed = f", {stock.committed} committed" if stock.committed is not None else ""
    return f"{removed}{_number(stock.available)} available{committed}, {stock.level}, change #{stock.seq}"


def _change(event: Event) -> str:
    """Format a change as one line. Ids are whole in a window of any width."""
    data = event.data
    level = " ".join(filter(None, (data.get("level"), data.get("transition"))))
    why = _why(event.origin, event.causation_id)
    request = f", {data['request_id']}" if data.get("request_id") else ""
    return f"  {event.time}  #{event.seq:<4} {_step(event):<16} {level:<22} {why}{request}"


def _describe_search(explanation: Explanation) -> str:
    entries = f"searched {explanation.searched} entries of the stock stream"
    if explanation.bounded:
        return f"{entries}, and no further: there may be older changes"
    if explanation.changes and explanation.changes[-1].seq > 1:
        return f"{entries}; there were older changes: -n shows those still in the stream"
    return entries


def _step(event: Event) -> str:
    if event.name == "stock.removed":
        return f"{_number(event.data['previous']['available'])} → removed"
    step = _pair(event, "available")
    same = event.data.get("previous_available") == event.data.get("available")
    return f"{step}, committed {_pair(event, 'committed')}" if same else step


def _pair(event: Event, name: str) -> str:
    return f"{_number(event.data.get(f'previous_{name}'))} → {_number(event.data.get(name))}"


def _describe_standing(reader: Reader) -> str:
    knows = reader.knows
    if reader.standing == "acknowledged" and knows:
        return f"has acknowledged the last change, so it should show {_shows(knows)}"
    picture = (
        f"by what it has acknowledged it shows {_shows(knows)} (#{knows.seq})"
        if knows
        else "it has acknowledged none of these"
    )
    if reader.standing == "in_hand":
        times = "" if reader.deliveries == 1 else f", for the {reader.deliveries}th time"
        return f"the last change is in hand of {reader.consumer} since {reader.idle or 0:.0f} s{times}; {picture}"
    return f"has not read the last change yet; {picture}"


def _shows(event: Event) -> str:
    return "it as removed" if event.name == "stock.removed" else _number(event.data.get("available"))


def _waits(explanation: Explanation, one: Waiting) -> str:
    reasons = {"again:": "since it sells fast", "sku:": "for this SKU alone"}
    special = next((f", {reason}" for prefix, reason in reasons.items() if one.id.startswith(prefix)), "")
    where = "in a worker's hand now" if one.in_hand else "in the backlog"
    when = "" if one.in_hand else f", due {_until(one.due, explanation.at)}" if one.due else ", due at once"
    why = f" ({_why(one.origin, one.cause)})" if one.origin or one.cause else ""
    tries = f", {one.tries} tries failed" if one.tries else ""
    return f"{where} of {one.kind}{special}{when}{why}{tries}"


def _why(origin: str | None, cause: str | None) -> str:
    return " by ".join(filter(None, (origin, cause)))


def _number(units: int | None) -> str:
    return "unknown" if units is None else str(units)


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _ago(moment: str, now: str) -> str:
    return f"{moment} ({_length(_seconds(moment, now))} ago)"


def _until(moment: str, now: str) -> str:
    seconds = _seconds(now, moment)
    return f"in {_length(seconds)}" if seconds > 0 else "now"


def _length(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
