"""`shopstream explain`: for whoever asks "why does my ERP show 3?", of a SKU or a product."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from shopstream.cli import product_explanation
from shopstream.cli.explain_words import VIEWS, ago, number, tell_reason, until, waits
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, out, print_json, with_client
from shopstream.client import SyncClient
from shopstream.errors import ShopstreamError, UnknownProduct, UnknownSku
from shopstream.events import Event
from shopstream.ids import checked
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import partition_count
from shopstream.state.explain import Explanation
from shopstream.state.explain_product import ProductExplanation, has_product
from shopstream.state.readers import Reader


def explain(
    shop: str,
    name: Annotated[str, typer.Argument(metavar="ID", help="A SKU's id or a product's.")],
    redis_url: Url = DEFAULT_URL,
    *,
    changes: Annotated[int, typer.Option("-n", min=1, max=1_000, help="Changes to show at most.")] = 10,
    json: Json = False,
) -> None:
    """Tell why a SKU or product is as it is: when and why it was fetched, what changed, which groups have read it."""

    async def act(client: SyncClient) -> None:
        found = await _explained(client, shop, name, changes)
        if isinstance(found, ProductExplanation):
            if json:
                print_json(product_explanation.document(found))
            else:
                product_explanation.show(found)
        elif json:
            print_json(_document(found))
        else:
            _show(found)

    with_client(redis_url, act)


async def _explained(client: SyncClient, shop: str, name: str, changes: int) -> Explanation | ProductExplanation:
    """Find out which of both the id is: a product's if one is stored, else a SKU's, else one that events tell of."""
    checked("SKU", name)
    partition = partition_for(checked("shop", shop), await partition_count(client.redis))
    if await has_product(client.redis, partition, shop, name):
        return await client.explain_product(shop, name, changes=changes)
    try:
        return await client.explain(shop, name, changes=changes)
    except UnknownSku as unknown:
        try:
            return await client.explain_product(shop, name, changes=changes)
        except UnknownProduct:
            raise ShopstreamError(f"{unknown}; nor is anything known of a product {name}") from None


def _document(told: Explanation) -> dict[str, Any]:
    """As JSON: changes as their `data`, with the entry's id and the cause, which `data` has not."""
    readers = [
        {
            "group": one.group, "standing": one.standing, "consumer": one.consumer, "deliveries": one.deliveries,
            "idle": one.idle, "knows": _known(one),
        }
        for one in told.readers
    ]  # fmt: skip
    return {
        "kind": "sku",
        "shop": asdict(told.shop),
        "sku_id": told.sku_id,
        "product_id": told.product_id,
        "at": told.at,
        "stock": asdict(told.stock) if told.stock else None,
        "threshold": {"low": told.low, "recovered": told.recovered},
        "seen_at": told.seen_at,
        "view": told.view,
        "changes": [
            dict(event.data) | {"entry_id": event.entry_id, "causation_id": event.causation_id}
            for event in told.changes
        ],
        "searched": told.searched,
        "bounded": told.bounded,
        "waiting": [asdict(one) for one in told.waiting],
        "next_walks": dict(told.next_walks),
        "readers": readers,
    }


def _known(reader: Reader) -> dict[str, Any] | None:
    event = reader.knows
    return {"seq": event.seq, "epoch": event.epoch, "available": event.data.get("available")} if event else None


def _show(told: Explanation) -> None:
    for name, line in _facts(told):
        out.print(Text(f"{name:<11}", style="bold"), Text(line), sep="", soft_wrap=True)
    for event in told.changes:
        out.print(Text(_change(event)), soft_wrap=True)
    out.print(f"[dim]{_searched(told)}[/dim]", highlight=False, soft_wrap=True)
    for reader in told.readers:
        out.print(Text(f"{reader.group}: ", style="bold"), Text(_standing(reader)), sep="", soft_wrap=True)
    if told.changes and not told.readers:
        out.print("no consumer group reads the stock stream")


def _facts(told: Explanation) -> Iterator[tuple[str, str]]:
    seller_sku = f" ({told.stock.seller_sku})" if told.stock and told.stock.seller_sku else ""
    yield "SKU", f"{told.sku_id}{seller_sku} of product {told.product_id}, shop {told.shop.shop_id}"
    if told.shop.status != "active":
        reason = told.shop.reason or "no reason given"
        yield "shop", f"{told.shop.status} ({reason}): nothing is fetched until it is active"
    yield "stock", _stock(told)
    yield "threshold", f"low at {told.low} units and below, recovered at {told.recovered} and above"
    if told.seen_at:
        yield "last seen", f"{ago(told.seen_at, told.at)} {VIEWS[told.view]}, changed or not"
    if told.changes:
        last = told.changes[0]
        request = f", TikTok's request {last.data['request_id']}" if last.data.get("request_id") else ""
        yield "changed", ago(last.time, told.at)
        yield "why", f"{tell_reason(last.origin, last.causation_id)}{request}"
    for one in told.waiting:
        yield "waiting", waits(one, told.at)
    if not told.waiting:
        yield "waiting", "in no backlog, and no worker has it"
    planned = (f"{walk} {until(at, told.at)}" for walk, at in told.next_walks.items())
    yield "walks", ", ".join(planned) or "none are planned: see `shopstream settings`"


def _stock(told: Explanation) -> str:
    stock = told.stock
    if stock is None:
        return "no state of its product is left"
    removed = "no longer in its product; last known: " if stock.removed else ""
    committed = f", {stock.committed} committed" if stock.committed is not None else ""
    return f"{removed}{number(stock.available)} available{committed}, {stock.level}, change #{stock.seq}"


def _change(event: Event) -> str:
    """One line: ids are told whole, however narrow the window is."""
    data = event.data
    level = " ".join(filter(None, (data.get("level"), data.get("transition"))))
    why = tell_reason(event.origin, event.causation_id)
    request = f", {data['request_id']}" if data.get("request_id") else ""
    return f"  {event.time}  #{event.seq:<4} {_step(event):<16} {level:<22} {why}{request}"


def _searched(told: Explanation) -> str:
    entries = f"{told.searched} entries of the stock stream looked through"
    if told.bounded:
        return f"{entries}, and no further: there may be older changes"
    if told.changes and told.changes[-1].seq > 1:
        return f"{entries}; there were older changes, -n shows those that the stream still has"
    return entries


def _step(event: Event) -> str:
    if event.name == "stock.removed":
        return f"{number(event.data['previous']['available'])} → removed"
    step = _pair(event, "available")
    same = event.data.get("previous_available") == event.data.get("available")
    return f"{step}, committed {_pair(event, 'committed')}" if same else step


def _pair(event: Event, name: str) -> str:
    return f"{number(event.data.get(f'previous_{name}'))} → {number(event.data.get(name))}"


def _standing(reader: Reader) -> str:
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
    return "it as removed" if event.name == "stock.removed" else number(event.data.get("available"))
