"""Explain the published stock of a SKU: the time and cause of its last look, its changes, and the groups' standing.

The facts come from state, stock stream, consumer groups and backlogs. The explanation writes nothing and makes no call
to TikTok.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shopstream.errors import UnknownSku, UnreadableState
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import Partition
from shopstream.registry.settings import recovery
from shopstream.registry.shop import Shop
from shopstream.registry.shop_entries import check_authorized
from shopstream.state.product_facts import Pause, View, Waiting, read_facts, read_last_look
from shopstream.state.product_state import StockState, product_state
from shopstream.state.readers import Reader, readers
from shopstream.state.state_codec import find_codec

SEARCH: Final = 20_000
"""Entries of the stock stream that are searched at most, newest first."""
SCAN: Final = 10_000
"""Products whose state is searched at most, if no event names the product of the SKU."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for a SKU's present stock. Times are RFC 3339, on Redis's clock.

    Attributes:
        shop: its shop. Workers fetch nothing of a shop that is not `active`.
        sku_id: TikTok's id.
        product_id: the product of the SKU.
        at: the time of this explanation.
        stock: the stock as last published; None if the product has no stored state.
        low: units at which its stock is low, from the next change on.
        recovered: units from which its low stock counts as recovered, from the next change on.
        seen_at: the time of the last look, changed or not; None if unknown.
        view: the call of the last look; None if unknown.
        changes: its events that were found, newest first. `origin`, `causation_id` and `data["request_id"]` of the
            first one name the reason for the present stock and TikTok's answer.
        searched: entries of the stream that were searched.
        bounded: true if the search ended before the end of the stream.
        waiting: its places in the backlogs.
        next_walks: the times of the shop's next walks: `delta`, `full`, `poll` → time.
        readers: the consumer groups of the stock stream; empty if no event of the SKU was found.
        paused: `all` or `shop` if a person paused all shops or this one, so that nothing is fetched; None if not.
    """

    shop: Shop
    sku_id: str
    product_id: str
    at: str
    stock: StockState | None
    low: int
    recovered: int
    seen_at: str | None
    view: View | None
    changes: tuple[Event, ...]
    searched: int
    bounded: bool
    waiting: tuple[Waiting, ...]
    next_walks: Mapping[str, str]
    readers: tuple[Reader, ...]
    paused: Pause | None = None


async def explain(redis: Redis, partition: Partition, shop: str, sku: str, wanted: int) -> Explanation:
    """Explain the stock of a SKU, with at most `wanted` of its changes.

    Raises:
        UnknownShop: nobody has authorized the shop.
        UnknownSku: no event and no stored product has the SKU, as far as was searched.
    """
    await check_authorized(redis, partition, shop)
    stream = partition.stream("stock")
    changes, searched, bounded = await find_events(redis, stream, shop, f"sku/{sku}", wanted)
    product = str(changes[0].data["product_id"]) if changes else await _product_of(redis, partition, shop, sku)
    if product is None:
        raise UnknownSku(shop, sku, f"searched {searched} events and up to {SCAN} products")
    groups = await readers(redis, stream, changes) if changes else ()
    facts = await read_facts(redis, partition, shop, product, sku)
    seen_at, view = read_last_look(facts.mark, facts.stored["stock"].get(sku) if facts.stored else None)
    known = product_state(product, facts.stored).stock if facts.stored else ()
    low = facts.settings.low_of(sku)
    return Explanation(
        shop=facts.shop,
        sku_id=sku,
        product_id=product,
        at=facts.at,
        stock=next((one for one in known if one.sku_id == sku), None),
        low=low,
        recovered=recovery(low),
        seen_at=seen_at,
        view=view,
        changes=tuple(changes),
        searched=searched,
        bounded=bounded,
        waiting=facts.waiting,
        next_walks=facts.next_walks,
        readers=tuple(groups),
        paused=facts.paused,
    )


async def find_events(
    redis: Redis, stream: str, shop: str, subject: str, wanted: int, *, first_seq: int = 1
) -> tuple[list[Event], int, bool]:
    """Find the newest events of a subject.

    Args:
        redis: the server of the stream.
        stream: its key.
        shop: the shop of the events.
        subject: the subject as events name it.
        wanted: the number of events at most.
        first_seq: the `seq` before which no event is searched; -1 if the events are not numbered.

    Returns:
        The events, newest first, the number of entries searched, and true if the search ended at its bound.
    """
    found: list[Event] = []
    searched = 0
    async for entry_id, fields in read_newest_first(redis, stream):
        if searched == SEARCH:
            return found, searched, True
        searched += 1
        if fields.get(b"subject") != subject.encode() or fields.get(b"shopid") != shop.encode():
            continue
        try:
            event = parse(stream, entry_id, fields)
        except InvalidEntry:
            continue  # another program wrote it
        found.append(event)
        if len(found) == wanted or event.seq <= first_seq:
            break
    return found, searched, False


async def read_newest_first(redis: Redis, stream: str) -> AsyncIterator[tuple[str, Mapping[bytes, bytes]]]:
    """Yield the entries of a stream, id and fields, page by page from its end."""
    end = "+"
    while entries := await redis.xrevrange(stream, max=end, count=_PAGE):
        for entry_id, fields in entries:
            yield entry_id.decode(), fields
        end = f"({entries[-1][0].decode()}"


async def _product_of(redis: Redis, partition: Partition, shop: str, sku: str) -> str | None:
    """Find the product whose state has the SKU, or else one that had it; None without any."""
    cursor, looked, former, codec = 0, 0, None, find_codec(redis)
    while True:
        cursor, values = await redis.hscan(partition.state(shop), cursor, match="p:[0-9]*", count=_PAGE)
        states = await codec.decode_each([*values.values()], mentioning=f'"{sku}"'.encode())
        for name, state in zip(values, states, strict=True):
            row = state["stock"].get(sku) if state and not isinstance(state, UnreadableState) else None
            if row:
                former = name.decode().removeprefix("p:")
                if not row["removed"]:
                    return str(former)
        looked += len(values)
        if not cursor or looked >= SCAN:
            return former
