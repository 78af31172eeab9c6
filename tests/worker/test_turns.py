"""Big products don't keep the event loop to themselves: counted in turns of the loop, not in time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from shopstream.state.state_codec import StateCodec
from tests.builders import TARGET, seen, snapshot
from tests.processes import stop
from worker.changes.normalized import Normalized, ViewName
from worker.publishing.publish_entries import PublishEntry, outcome
from worker.publishing.publisher import Publisher
from worker.tiktok.reading.read_answers import ReadProduct
from worker.turns import PIECES, Turns


class Loop:
    """The turns of the event loop so far, and the work that was done in each."""

    def __init__(self) -> None:
        self.turn = 0
        self.work: Counter[int] = Counter()

    def note(self, pieces: int) -> None:
        self.work[self.turn] += pieces

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        async def count() -> None:
            while True:
                self.turn += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            await stop(counter)


class Noted(ReadProduct, frozen=True, kw_only=True):
    """An answer that notes when it is compared."""

    loop: Loop

    def normalize(self, view: ViewName = "d", seller_type: str = "") -> Normalized:
        self.loop.note(self.sku_count)
        return super().normalize(view, seller_type)


class NotedEntry(PublishEntry, frozen=True):
    """An entry that notes when its events are encoded."""

    loop: Loop

    def arguments(self, epoch: str, codec: StateCodec) -> list[bytes | str | int]:
        self.loop.note(len(self.drafts))
        return super().arguments(epoch, codec)


@pytest.mark.parametrize(("skus", "products"), [(1, 100), (10, 25), (50, 5), (100, 4)])
async def test_a_batch_of_products_gives_the_loop_a_turn_after_fifty_skus(
    redis: Redis, skus: int, products: int
) -> None:
    loop = Loop()
    stock = {f"s{number}": number for number in range(1, skus + 1)}
    answers = [
        seen(str(number), number, Noted(snapshot(str(number), **stock).answer, loop=loop))
        for number in range(1, products + 1)
    ]
    async with loop.counting():
        counts = await Publisher(redis).settle(TARGET, None, answers)
    assert counts.changed == products
    assert loop.work.total() == skus * products
    assert max(loop.work.values()) < PIECES + skus, "a product is worked in one piece, and no other with it above 50"
    assert len(loop.work) >= skus * products // (PIECES + skus)


async def test_events_are_encoded_with_a_turn_after_fifty(redis: Redis) -> None:
    loop = Loop()
    entries = []
    for number in range(1, 11):
        answer = seen(str(number), number, snapshot(str(number), **{f"s{sku}": 1 for sku in range(1, 26)}))
        made = outcome(TARGET, answer, b"", None, 1_700_000_000_500).entry
        entries.append(NotedEntry(
            b"", made.field, made.expected, made.mark, made.state, made.drafts, made.cause, loop
        ))  # fmt: skip
    publisher = Publisher(redis)
    await publisher.send(TARGET, None, [])
    async with loop.counting():
        assert await publisher.send(TARGET, None, entries) == [1] * 10
    most = max(len(entry.drafts) for entry in entries)
    assert max(loop.work.values()) < PIECES + most


async def test_little_work_gives_no_turn() -> None:
    loop, turns = Loop(), Turns()
    async with loop.counting():
        began = loop.turn
        for _ in range(PIECES - 1):
            await turns.give_after(1)
        assert loop.turn == began
        await turns.give_after(1)
        assert loop.turn == began + 1
