"""Explain why a SKU's stock is told as it is: when it was looked at and why, what changed, and who has read that.

Read from what is there anyway: the state, the stock stream with its groups, the backlogs. Nothing is written, and
nothing is asked of TikTok.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson
from redis.asyncio import Redis

from shopstream.errors import UnknownShop, UnknownSku
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import AGAIN, KINDS, WALKS, Partition
from shopstream.registry.settings import ShopSettings, recovery
from shopstream.registry.shop import Shop
from shopstream.state.product_state import StockState, product_state
from shopstream.state.readers import Reader, readers

SEARCH: Final = 20_000
"""Entries of the stock stream that are looked through at most, newest first."""
SCAN: Final = 10_000
"""Products whose state is looked through at most, if no event tells which one has the SKU."""
_PAGE: Final = 500

View = Literal["detail", "products_search", "inventory_search"]
_VIEWS: Final[Mapping[str, View]] = {"d": "detail", "s": "products_search", "i": "inventory_search"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The SKU or its product in a backlog or in hand.

    Attributes:
        kind: of the backlog: `products`, `stock`.
        id: as it stands there: a product's, `sku:ID`, or `again:ID` for a product that sells fast.
        in_hand: a worker has it now.
        due: from when it may be fetched; None for as soon as there is a slot.
        origin, cause: why, if whoever asked has said so.
        tries: failed ones so far.
    """

    kind: str
    id: str
    in_hand: bool
    due: str | None
    origin: str | None
    cause: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a SKU. Times are RFC 3339, on Redis's clock.

    Attributes:
        shop: its standing: of one that is not `active` nothing is fetched.
        sku_id, product_id: which.
        at: when this was read.
        stock: as last published; None if the product's state is gone.
        low, recovered: the thresholds in effect from the next change on, in units.
        seen_at: when it was last looked at, changed or not; None if not known.
        view: by which of TikTok's answers.
        changes: its events that were found, newest first. The first one tells by `origin`, `causation_id` and
            `data["request_id"]` why and by which of TikTok's answers the present stock is known.
        searched: entries of the stream that were looked through; `bounded` if it had more and the search was ended.
        waiting: where it stands in line now.
        next_walks: when the shop is walked or polled by itself: `delta`, `full`, `poll` → time.
        readers: the groups of the stock stream; empty if no event of the SKU was found.
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


async def explain(redis: Redis, partition: Partition, shop: str, sku: str, wanted: int) -> Explanation:
    """Collect what is known of a SKU, with at most `wanted` of its changes; see `SyncClient.explain`."""
    if not await redis.hexists(partition.registry, shop):  # type: ignore[misc]
        raise UnknownShop(shop)
    stock = partition.stream("stock")
    changes, searched, bounded = await find_events(redis, stock, shop, f"sku/{sku}", max(1, wanted))
    product = str(changes[0].data["product_id"]) if changes else await _product_of(redis, partition, shop, sku)
    if product is None:
        raise UnknownSku(shop, sku, f"{searched} events and up to {SCAN} products were looked through")
    groups = await readers(redis, stock, changes) if changes else ()
    ids = {"products": [product], "stock": [product, AGAIN + product, f"sku:{sku}"]}
    async with redis.pipeline(transaction=True) as pipe:
        pipe.time()
        pipe.hget(partition.registry, shop)
        pipe.hget(partition.settings, shop)
        pipe.hmget(partition.state(shop), [f"d:{product}", f"p:{product}"])
        pipe.zmscore(partition.due, [f"{walk}:{shop}" for walk in WALKS])
        for kind in KINDS:
            pipe.zmscore(partition.backlog(kind, shop), ids[kind])
            pipe.zmscore(partition.claimed(kind, shop), ids[kind])
            pipe.hmget(partition.asked(kind, shop), ids[kind])
            pipe.hmget(partition.tries(kind, shop), ids[kind])
        (seconds, micros), entry, settings, (mark, state), scores, *lines = await pipe.execute()
    waiting: list[Waiting] = []
    for number, kind in enumerate(KINDS):
        waiting += rows_waiting(kind, ids[kind], *lines[4 * number : 4 * number + 4])
    told = orjson.loads(state) if state else {}
    seen_at, view = last_seen(mark, told.get("stock", {}).get(sku, {}))
    known = product_state(product, told).stock if told else ()
    low = ShopSettings.from_json(settings).low_of(sku)
    return Explanation(
        shop=Shop.from_json(entry),
        sku_id=sku,
        product_id=product,
        at=stamp(1000 * int(seconds) + int(micros) // 1000),
        stock=next((one for one in known if one.sku_id == sku), None),
        low=low,
        recovered=recovery(low),
        seen_at=seen_at,
        view=view,
        changes=tuple(changes),
        searched=searched,
        bounded=bounded,
        waiting=tuple(waiting),
        next_walks={walk: stamp(int(at)) for walk, at in zip(WALKS, scores, strict=True) if at},
        readers=tuple(groups),
    )


async def find_events(
    redis: Redis, stream: str, shop: str, subject: str, wanted: int, *, first_seq: int = 1
) -> tuple[list[Event], int, bool]:
    """Find the newest events of a subject.

    Args:
        redis: where the stream is.
        stream: its key.
        shop: whose events.
        subject: as events name it.
        wanted: how many at most.
        first_seq: no event before one with this `seq` is looked for; -1 where events are not numbered.

    Returns:
        The events, newest first, how many entries were looked through, and whether the search was cut short.
    """
    found: list[Event] = []
    searched = 0
    async for entry_id, fields in newest_first(redis, stream):
        if searched == SEARCH:
            return found, searched, True
        searched += 1
        if fields.get(b"subject") != subject.encode() or fields.get(b"shopid") != shop.encode():
            continue
        try:
            event = parse(stream, entry_id, fields)
        except InvalidEntry:
            continue  # somebody else wrote it
        found.append(event)
        if len(found) == wanted or event.seq <= first_seq:
            break
    return found, searched, False


async def newest_first(redis: Redis, stream: str) -> AsyncIterator[tuple[str, Mapping[bytes, bytes]]]:
    """Yield the entries of a stream, id and fields, page by page from its end."""
    end = "+"
    while entries := await redis.xrevrange(stream, max=end, count=_PAGE):
        for entry_id, fields in entries:
            yield entry_id.decode(), fields
        end = f"({entries[-1][0].decode()}"


async def _product_of(redis: Redis, partition: Partition, shop: str, sku: str) -> str | None:
    """The product whose state has the SKU; one that has it no more, if no other has it. None if none was found."""
    cursor, looked, former = 0, 0, None
    while True:
        cursor, values = await redis.hscan(partition.state(shop), cursor, match="p:*", count=_PAGE)
        for name, state in values.items():
            if f'"{sku}"'.encode() in state:
                row = orjson.loads(state).get("stock", {}).get(sku)
                product = name.decode().removeprefix("p:")
                if row and not row["removed"]:
                    return str(product)
                former = product if row else former
        looked += len(values)
        if not cursor or looked >= SCAN:
            return former


def rows_waiting(
    kind: str, ids: Sequence[str], scores: Sequence[Any], claimed: Sequence[Any], asked: Sequence[Any],
    tries: Sequence[Any],
) -> list[Waiting]:  # fmt: skip
    """Give those of `ids` that wait in a backlog of a kind or are in hand, by what Redis has of each."""
    found = []
    for one, score, hand, why, failed in zip(ids, scores, claimed, asked, tries, strict=True):
        if score is None and hand is None:
            continue
        told = _reason(why)
        due = stamp(int(score)) if score is not None and score > 1 else None
        found.append(Waiting(kind, one, hand is not None, due, told.get("origin"), told.get("cause"), int(failed or 0)))
    return found


def _reason(why: bytes | None) -> dict[str, Any]:
    """Anyone may have written it."""
    try:
        told = orjson.loads(why or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def last_seen(mark: bytes | None, row: Mapping[str, Any]) -> tuple[str | None, View | None]:
    """Tell when a SKU was last seen and by which view.

    That was with its whole product, as the mark tells, or later alone, as its own row does.
    """
    _, whole, *views = mark.decode().split(" ") if mark else ("0", "0")
    alone = int(row.get("seen_ms", 0))
    seen_ms = max(int(whole), alone)
    if not seen_ms:
        return None, None
    view = "i" if alone > int(whole) else views[0].split("=")[0] if views else ""
    return stamp(seen_ms), _VIEWS.get(view)


def stamp(ms: int) -> str:
    """Write a moment, in Unix milliseconds, as RFC 3339."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
