"""`shopstream explain`: answer "why does my ERP show 3?", for a SKU or a product."""

from collections.abc import Iterator
from typing import Annotated

import typer

from shopstream.cli.output.documents import ExplanationDocument, ReaderDocument
from shopstream.cli.reading import product_explanation
from shopstream.cli.reading.explain_words import (
    Fact,
    explain_change,
    explain_halt,
    explain_look,
    explain_pause,
    explain_syncs,
    explain_waiting,
    print_explanation,
    print_fact,
    write_entry,
    write_number,
    write_reason,
)
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, with_client
from shopstream.client import SyncClient
from shopstream.errors import ShopstreamError, UnknownProduct, UnknownSku
from shopstream.events import Event
from shopstream.ids import check
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import partition_count
from shopstream.state.explain import Explanation
from shopstream.state.explain_product import ProductExplanation, has_product
from shopstream.state.readers import Reader


def explain(
    shop: str,
    name: Annotated[str, typer.Argument(metavar="ID", help="The id of a SKU or of a product.")],
    redis_url: Url = DEFAULT_URL,
    *,
    changes: Annotated[int, typer.Option("-n", min=1, max=1_000, help="Show this number of changes at most.")] = 10,
    json: Json = False,
) -> None:
    """Explain a SKU or product: the time and cause of its last look, its changes, and the groups that read them."""

    async def act(client: SyncClient) -> None:
        explanation = await _explain(client, shop, name, changes)
        if not json and explanation.paused:
            print_fact(explain_pause(explanation.paused, shop))
        if isinstance(explanation, ProductExplanation):
            product_explanation.output(explanation, json=json)
        elif json:
            print_json(_document(explanation))
        else:
            _show(explanation)

    with_client(redis_url, act)


async def _explain(client: SyncClient, shop: str, name: str, changes: int) -> Explanation | ProductExplanation:
    """Explain a product if one with this id is stored, else a SKU, else a product that only events name."""
    check("SKU", name)
    partition = partition_for(check("shop", shop), await partition_count(client.redis))
    if await has_product(client.redis, partition, shop, name):
        return await client.explain_product(shop, name, changes=changes)
    try:
        return await client.explain(shop, name, changes=changes)
    except UnknownSku as unknown:
        try:
            return await client.explain_product(shop, name, changes=changes)
        except UnknownProduct:
            raise ShopstreamError(f"{unknown}; nor is anything known of a product {name}") from None


def _document(explanation: Explanation) -> ExplanationDocument:
    """Build the JSON document: a change is its `data`, with the entry's id and the cause, which `data` lacks."""
    return {
        "kind": "sku",
        "shop": explanation.shop,
        "sku_id": explanation.sku_id,
        "product_id": explanation.product_id,
        "at": explanation.at,
        "stock": explanation.stock,
        "threshold": {"low": explanation.low, "recovered": explanation.recovered},
        "seen_at": explanation.seen_at,
        "view": explanation.view,
        "changes": [write_entry(event) for event in explanation.changes],
        "searched": explanation.searched,
        "bounded": explanation.bounded,
        "waiting": explanation.waiting,
        "next_walks": explanation.next_walks,
        "readers": [_reader_document(reader) for reader in explanation.readers],
        "paused": explanation.paused,
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
    standings = {reader.group: _describe_standing(reader) for reader in explanation.readers}
    changes = map(_change, explanation.changes)
    print_explanation(_facts(explanation), changes, _describe_search(explanation), standings, "stock")


def _facts(explanation: Explanation) -> Iterator[Fact]:
    seller_sku = f" ({explanation.stock.seller_sku})" if explanation.stock and explanation.stock.seller_sku else ""
    yield (
        "SKU",
        f"{explanation.sku_id}{seller_sku} of product {explanation.product_id}, shop {explanation.shop.shop_id}",
    )
    yield from explain_halt(explanation.shop)
    yield "stock", _stock(explanation)
    yield "threshold", f"low at {explanation.low} units and below, recovered at {explanation.recovered} and above"
    yield from explain_look(explanation.seen_at, explanation.view, explanation.at)
    yield from explain_change(explanation.changes, explanation.at)
    yield from explain_waiting(explanation.waiting, explanation.at)
    yield from explain_syncs(explanation.next_walks, explanation.at)


def _stock(explanation: Explanation) -> str:
    stock = explanation.stock
    if stock is None:
        return "no stored state"
    removed = "no longer in its product; last known: " if stock.removed else ""
    committed = f", {stock.committed} committed" if stock.committed is not None else ""
    return f"{removed}{write_number(stock.available)} available{committed}, {stock.level}, change #{stock.seq}"


def _change(event: Event) -> str:
    """Format a change as one line. Ids are whole in a window of any width."""
    data = event.data
    level = " ".join(filter(None, (data.get("level"), data.get("transition"))))
    why = write_reason(event.origin, event.causation_id)
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
        return f"{write_number(event.data['previous']['available'])} → removed"
    step = _pair(event, "available")
    same = event.data.get("previous_available") == event.data.get("available")
    return f"{step}, committed {_pair(event, 'committed')}" if same else step


def _pair(event: Event, name: str) -> str:
    return f"{write_number(event.data.get(f'previous_{name}'))} → {write_number(event.data.get(name))}"


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
    return "it as removed" if event.name == "stock.removed" else write_number(event.data.get("available"))
