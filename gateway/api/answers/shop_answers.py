"""Show shops, their products and SKUs, and explain stock."""

from collections.abc import Mapping
from heapq import nsmallest

import msgspec

from gateway.api.wire.call_bodies import ExplainQuery, NoQuery, ShopsQuery
from gateway.api.wire.calls import ApiCall
from shopstream import (
    Event,
    Freshness,
    ProductState,
    Reader,
    Shop,
    ShopSettings,
    StockState,
    UnknownProduct,
    UnknownShop,
    Waiting,
)
from shopstream.glance.shop_states import ShopState
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.scanning import read_names
from shopstream.registry.troubles import Trouble, troubles_of
from shopstream.state.product_facts import Pause, View, read_last_look
from shopstream.state.product_state import product_state
from shopstream.state.state_codec import find_codec


class ShopsAnswer(msgspec.Struct):
    """A page of the authorized shops, by id, and the number of all shops by state.

    `next` is the cursor of the next page; null on the last one.
    """

    states: dict[ShopState, int]
    shops: list[Shop]
    next: str | None


class ShopAnswer(msgspec.Struct):
    """A shop with its freshness, its settings, and the endpoints of TikTok's that fail for it."""

    shop: Shop
    freshness: Freshness
    settings: ShopSettings
    troubles: list[Trouble]


class ShownProduct(msgspec.Struct):
    """A product as last published, and the time of the last look at it, changed or not."""

    shop_id: str
    product_id: str
    seen_at: str | None
    state: ProductState


class SkuAnswer(msgspec.Struct):
    """A SKU's stock as last published. `stock` is null if its product has no stored state."""

    shop_id: str
    sku_id: str
    product_id: str
    seen_at: str | None
    stock: StockState | None


class AcknowledgedChange(msgspec.Struct):
    """The newest change that a group has acknowledged."""

    seq: int
    epoch: str
    available: int | None


class ReaderAnswer(msgspec.Struct):
    """A consumer group of the stock stream: its standing with the newest change. `idle` is in seconds."""

    group: str
    standing: str
    consumer: str | None
    deliveries: int
    idle: float | None
    knows: AcknowledgedChange | None


class ExplanationAnswer(msgspec.Struct):
    """The reason for a SKU's present stock. A change is its event's data with `entry_id` and `causation_id`.

    `paused` is `all` or `shop` if a person paused all shops or this one: nothing is fetched until they go on.
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
    changes: list[dict[str, object]]
    searched: int
    bounded: bool
    waiting: list[Waiting]
    next_walks: Mapping[str, str]
    readers: list[ReaderAnswer]
    paused: Pause | None


async def list_shops(call: ApiCall[None, ShopsQuery]) -> ShopsAnswer:
    """List the authorized shops by page."""
    redis, limit, after = call.door.redis, call.query.limit, _order(call.query.cursor or "")
    partitions = await call.door.partitions.count()
    found = await read_names(redis, [Partition(number).registry for number in range(partitions)])
    names = (name.decode() for some in found for name in some)
    page = nsmallest(limit + 1, (name for name in names if _order(name) > after), key=_order)
    async with redis.pipeline(transaction=False) as pipe:
        for name in page[:limit]:
            pipe.hget(partition_for(name, partitions).registry, name)
        entries = await pipe.execute()
    # A shop may have been forgotten meanwhile.
    shops = [Shop.from_json(entry) for entry in entries if entry is not None]
    overview = await call.door.reader.overview()
    return ShopsAnswer(overview.states, shops, page[limit - 1] if len(page) > limit else None)


def _order(name: str) -> tuple[int, str]:
    return len(name), name


async def show_shop(call: ApiCall[None, NoQuery]) -> ShopAnswer:
    """Show a shop with freshness, settings and troubles.

    Raises:
        UnknownShop: nobody has authorized it.
    """
    client, name = call.door.client, call.names["shop"]
    partition = await call.door.partitions.find(name)
    stored = await call.door.redis.hget(partition.registry, name)  # type: ignore[misc]
    if stored is None:
        raise UnknownShop(name)
    return ShopAnswer(
        Shop.from_json(stored),
        await client.read_freshness(name),
        await client.load_settings(name),
        await troubles_of(call.door.redis, partition, name),
    )


async def show_product(call: ApiCall[None, NoQuery]) -> ShownProduct:
    """Show a product as last published.

    Raises:
        UnknownShop: nobody has authorized its shop.
        UnknownProduct: nothing of it is stored.
    """
    shop, product = call.names["shop"], call.names["product"]
    partition = await call.door.partitions.find(shop)
    async with call.door.redis.pipeline(transaction=True) as pipe:
        pipe.hexists(partition.registry, shop)
        pipe.hmget(partition.state(shop), [f"d:{product}", f"p:{product}"])
        known, (mark, stored) = await pipe.execute()
    if not known:
        raise UnknownShop(shop)
    document = await find_codec(call.door.redis).decode(stored)
    if document is None:
        raise UnknownProduct(shop, product, "nothing of it is stored")
    return ShownProduct(shop, product, read_last_look(mark, None)[0], product_state(product, document))


async def show_sku(call: ApiCall[None, NoQuery]) -> SkuAnswer:
    """Show the stock of a SKU as last published."""
    found = await call.door.client.explain(call.names["shop"], call.names["sku"], changes=1)
    return SkuAnswer(
        shop_id=found.shop.shop_id,
        sku_id=found.sku_id,
        product_id=found.product_id,
        seen_at=found.seen_at,
        stock=found.stock,
    )


async def explain_sku(call: ApiCall[None, ExplainQuery]) -> ExplanationAnswer:
    """Explain the stock of a SKU."""
    found = await call.door.client.explain(call.names["shop"], call.names["sku"], changes=call.query.changes)
    return ExplanationAnswer(
        shop=found.shop,
        sku_id=found.sku_id,
        product_id=found.product_id,
        at=found.at,
        stock=found.stock,
        low=found.low,
        recovered=found.recovered,
        seen_at=found.seen_at,
        view=found.view,
        changes=[_change(event) for event in found.changes],
        searched=found.searched,
        bounded=found.bounded,
        waiting=list(found.waiting),
        next_walks=found.next_walks,
        readers=[_reader(reader) for reader in found.readers],
        paused=found.paused,
    )


def _change(event: Event) -> dict[str, object]:
    return {**event.data, "entry_id": event.entry_id, "causation_id": event.causation_id}


def _reader(reader: Reader) -> ReaderAnswer:
    event = reader.knows
    knows = AcknowledgedChange(event.seq, event.epoch, event.data.get("available")) if event else None
    return ReaderAnswer(
        group=reader.group,
        standing=reader.standing,
        consumer=reader.consumer,
        deliveries=reader.deliveries,
        idle=reader.idle,
        knows=knows,
    )
