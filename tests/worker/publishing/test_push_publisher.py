"""Pushes, answers and two workers over one Valkey: whatever arrives when, nothing older follows something newer."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.enqueue.reasons import Reason
from shopstream.redis.keys import SKU
from shopstream.state.state_codec import find_codec
from tests.builders import SHOP, TARGET, P, entries
from tests.worker.changes.inventories import stock_seen
from worker.backlog.claims import Backlog
from worker.changes.drafts import Cause
from worker.changes.normalized import SkuStock, WarehouseDoc
from worker.changes.push_changes import Push
from worker.order import Span
from worker.oversell import push_looks
from worker.publishing.counts import Counts
from worker.publishing.publisher import Publisher
from worker.publishing.push_publisher import PushCounts, PushPublisher
from worker.publishing.seen import Seen
from worker.redis import pool as worker_redis

FIRST: int = 10_000
CALL_MS: int = 40
"""From a call to its answer."""
WITHIN_MS: int = 60_000
PRODUCTS = {"9007199254740993": ("11", "12"), "9007199254740995": ("21",)}
SKUS = {sku: product for product, skus in PRODUCTS.items() for sku in skus}


@dataclass
class Market:
    """TikTok's side with a clock of its own, and two workers that publish its pushes and answer looks."""

    redis: Redis
    begin: int = field(default_factory=lambda: int(time.time()) * 1000 - 3_600_000)
    """Before the present moment, since a mark ahead of Redis's clock counts for nothing."""
    now: int = 0
    calls: int = 0
    looks: int = 0
    sold: dict[str, list[int]] = field(default_factory=lambda: {sku: [] for sku in SKUS})
    """The moments of the sales of each SKU: its units are FIRST less their number."""
    unverified: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.publisher = Publisher(self.redis)
        self.workers = [self._worker(), self._worker()]

    def _worker(self) -> PushPublisher:
        return PushPublisher(self.redis, Publisher(self.redis), Backlog(self.redis))

    def units(self, sku: str, moment: int | None = None) -> int:
        return FIRST - sum(sale <= (self.now if moment is None else moment) for sale in self.sold[sku])

    async def start(self) -> None:
        await self.redis.delete(TARGET.state, P.stream("stock"), P.backlog("stock", SHOP), P.asked("stock", SHOP))
        for product, skus in PRODUCTS.items():
            await self.answer(product, skus, whole=True)
        self.now += 10_000

    def sell(self, sku: str) -> Push:
        """One unit less, and the push that says so."""
        self.now += 1
        self.sold[sku].append(self.now)
        return Push(
            product_id=SKUS[sku], sku_id=sku, occurred_ns=(self.begin + self.now) * 1_000_000, arrived_ms=0,
            cause=f"{sku}-{len(self.sold[sku])}", available=self.units(sku), committed=0, reason="order_created",
        )  # fmt: skip

    def arrived(self, push: Push) -> Push:
        fields = {name: getattr(push, name) for name in push.__struct_fields__}
        return Push(**fields | {"arrived_ms": self.begin + self.now})

    async def push(self, *pushes: Push, worker: int = 0) -> PushCounts:
        """Pushes arrive now, and one worker publishes them."""
        counts = await self.workers[worker].publish(TARGET, [self.arrived(one) for one in pushes])
        for one in pushes:
            self.unverified.setdefault(one.sku_id, self.now)
        return counts

    async def answer(
        self, product: str, skus: Iterable[str], *, whole: bool, ago: int = 0, read: int | None = None,
        origin: str = "stock_poll",
    ) -> Counts:  # fmt: skip
        """An answer whose call began `ago` ms ago, and of which TikTok read its data at `read`."""
        self.calls += 1
        sent, read = self.now - ago, self.now if read is None else read
        stock = [
            SkuStock(sku_id=sku, seller_sku=None, available=self.units(sku, read), committed=0,
                     warehouses=[WarehouseDoc("7", self.units(sku, read), 0)])
            for sku in skus
        ]  # fmt: skip
        answered = self.begin + self.now + CALL_MS
        cause = Cause(SHOP, TARGET.source, origin, f"call-{self.calls}", None, None, answered)
        span = Span(self.begin + sent, answered)
        content = stock_seen(product, stock, whole=whole)
        seen = Seen(b"", product, self.calls, cause, content, view="i", span=span)
        return await self.publisher.settle(TARGET, None, [seen])

    async def waiting(self) -> dict[str, int]:
        """The looks at SKUs that wait, and their moments."""
        rows = await self.redis.zrange(P.backlog("stock", SHOP), 0, -1, withscores=True)
        return {
            name.decode().removeprefix(SKU): int(score) - self.begin for name, score in rows if name.startswith(b"sku:")
        }

    async def reason(self, sku: str) -> Reason:
        return Reason.from_json(await self.redis.hget(P.asked("stock", SHOP), SKU + sku))  # type: ignore[misc]

    async def pass_time(self, ms: int) -> None:
        """Go on, and look at each SKU at the moment of its look."""
        until = self.now + ms
        while due := {sku: at for sku, at in (await self.waiting()).items() if at <= until}:
            self.now = max(self.now, min(due.values()))
            skus = [sku for sku, at in due.items() if at <= self.now]
            self.looks += 1
            await self.redis.zrem(P.backlog("stock", SHOP), *(SKU + sku for sku in skus))
            for product in dict.fromkeys(SKUS[sku] for sku in skus):
                await self._look(product, [sku for sku in skus if SKUS[sku] == product])
            self.now += CALL_MS
        self.now = max(self.now, until)

    async def _look(self, product: str, skus: list[str]) -> None:
        reason = await self.reason(skus[0])
        counts = await self.answer(product, skus, whole=False, origin=reason.origin or "request")
        if counts.unordered:  # as the drain does: once more, a second later
            again = dict.fromkeys(skus, self.begin + self.now + 1_000)
            await push_looks.put(self.redis, P, SHOP, again, dict.fromkeys(skus, reason))
            return
        for sku in set(skus) - {sku for sku, _ in counts.unsure}:
            first = self.unverified.pop(sku, self.now)
            assert self.now - first <= WITHIN_MS, sku

    def verify(self, product: str, counts: Counts) -> None:
        """An answer that is in order verifies the pushes before it, as a look does."""
        if not counts.stale and not counts.unordered:
            for sku in {*PRODUCTS[product]} - {sku for sku, _ in counts.unsure}:
                self.unverified.pop(sku, None)

    async def events(self, sku: str) -> list[dict[str, Any]]:
        return [one for one in await entries(self.redis, "stock") if one["sku_id"] == sku]

    async def check(self) -> None:
        """All events of each SKU chain, and none is older than the one before."""
        for sku in SKUS:
            events = await self.events(sku)
            assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
            numbers = [one["available"] for one in events]
            assert numbers == sorted(set(numbers), reverse=True), sku
            assert [one["previous_available"] for one in events] == [None, *numbers[:-1]]


@pytest.fixture
async def market(redis: Redis) -> Market:
    market = Market(redis)
    await market.start()
    return market


moves = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.sampled_from(sorted(SKUS)), st.sampled_from(["push", "late", "lose", "repeat"])),
        st.tuples(st.just("deliver"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("answer"), st.sampled_from(sorted(PRODUCTS)), st.integers(0, 3_000), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([1, 700, 2_500, 12_000])),
    ),
    max_size=40,
)


@given(moves, st.integers(0, push_looks.VERIFY_GRID_MS - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_comes_when_nothing_older_follows_and_the_last_number_is_right(
    redis_url: str, history: list[tuple[Any, ...]], offset: int
) -> None:
    """`offset`: where the history begins in the grid of verifications."""

    async def play() -> None:
        redis = worker_redis.client(redis_url)
        try:
            market = Market(redis)
            market.begin += offset - market.begin % push_looks.VERIFY_GRID_MS
            await market.start()
            await _play(market, history)
        finally:
            await redis.aclose()

    asyncio.run(play())


async def _play(market: Market, history: list[tuple[Any, ...]]) -> None:
    held: list[Push] = []
    for kind, *how in history:
        if kind == "sell":
            sku, fate = how
            push = market.sell(sku)
            if fate in {"push", "repeat"}:
                await market.push(push)
            if fate in {"late", "repeat"}:
                held.append(push)
        elif kind == "deliver":
            place, both = how
            part, held = held[place:], held[:place]
            part.reverse()  # out of order, and maybe by two workers at once
            workers = range(1 + both) if part else ()
            await asyncio.gather(*(market.push(*part, worker=worker) for worker in workers))
        elif kind == "answer":
            product, ago, old = how
            read = market.now - ago if old else market.now
            market.verify(product, await market.answer(product, PRODUCTS[product], whole=True, ago=ago, read=read))
        else:
            await market.pass_time(how[0])
    await market.pass_time(2 * WITHIN_MS)
    assert not await market.waiting()
    for product, skus in PRODUCTS.items():  # the poll finds pushes that were lost and followed by none
        await market.answer(product, skus, whole=True)
    await market.check()
    for sku in SKUS:
        assert (await market.events(sku))[-1]["available"] == market.units(sku)


async def test_a_sale_is_published_and_verified_within_a_minute(market: Market) -> None:
    counts = await market.push(market.sell("11"))
    assert counts.published == 1
    event = (await market.events("11"))[-1]
    assert (event["available"], event["previous_available"], event["origin"]) == (FIRST - 1, FIRST, "webhook")
    moment = (await market.waiting())["11"]
    assert push_looks.VERIFY_LEAST_MS <= moment - market.now <= WITHIN_MS
    assert (await market.reason("11")).origin == "repair"
    await market.pass_time(WITHIN_MS)
    assert not market.unverified
    assert len(await market.events("11")) == 2


async def test_a_repeat_and_an_overtaken_push_are_passed(market: Market) -> None:
    first, second = market.sell("11"), market.sell("11")
    counts = await market.push(second, first, second)
    assert (counts.published, counts.passed) == (1, 2)
    assert (await market.push(first)).passed == 1
    await market.check()


async def test_a_lost_push_is_repaired_by_the_look(market: Market) -> None:
    await market.push(market.sell("11"))
    market.sell("11")
    await market.pass_time(WITHIN_MS)
    event = (await market.events("11"))[-1]
    assert (event["available"], event["origin"]) == (FIRST - 2, "repair")
    await market.check()


async def test_a_lost_push_after_the_look_is_repaired_by_one_more_look(market: Market) -> None:
    await market.push(market.sell("11"))
    await market.pass_time((await market.waiting())["11"] - market.now + 1)
    market.sell("11")
    await market.pass_time(WITHIN_MS)
    event = (await market.events("11"))[-1]
    assert (event["available"], event["origin"]) == (FIRST - 2, "repair")
    assert not await market.waiting()
    assert market.looks == 2


async def test_a_lost_push_is_repaired_by_the_next_one(market: Market) -> None:
    market.sell("11")
    await market.push(market.sell("11"))
    event = (await market.events("11"))[-1]
    assert (event["available"], event["delta"], event["origin"]) == (FIRST - 2, -2, "webhook")


async def test_a_push_near_an_answer_is_looked_at_three_seconds_later(market: Market) -> None:
    await market.answer(SKUS["11"], ["11", "12"], whole=True)
    market.now += 500
    counts = await market.push(market.sell("11"))
    assert (counts.doubtful, counts.published) == (1, 0)
    assert len(await market.events("11")) == 1
    moment = (await market.waiting())["11"]
    assert 3_000 <= moment - market.now <= 3_000 + push_looks.SOON_GRID_MS
    await market.pass_time(5_000)
    assert [one["available"] for one in await market.events("11")] == [FIRST, FIRST - 1]


async def test_a_push_that_is_lost_after_the_look_at_a_doubtful_one_is_repaired(market: Market) -> None:
    await market.answer(SKUS["11"], ["11", "12"], whole=True)
    market.now += 500
    assert (await market.push(market.sell("11"))).doubtful == 1
    await market.pass_time((await market.waiting())["11"] - market.now + 1)
    market.sell("11")
    await market.pass_time(WITHIN_MS)
    event = (await market.events("11"))[-1]
    assert (event["available"], event["origin"]) == (FIRST - 2, "repair")
    assert not await market.waiting()
    assert market.looks == 2


async def test_a_clear_push_settles_all_doubts_before_and_puts_their_look_off(market: Market) -> None:
    """Several doubtful pushes share the first one's look."""
    await market.answer(SKUS["11"], ["11", "12"], whole=True)
    for _ in range(3):
        market.now += 600
        assert (await market.push(market.sell("11"))).doubtful == 1
    soon = (await market.waiting())["11"]
    market.now += 700
    assert (await market.push(market.sell("11"))).published == 1
    assert (await market.waiting())["11"] >= max(soon, market.now + push_looks.VERIFY_LEAST_MS)
    assert (await market.reason("11")).origin == "repair"
    await market.check()


async def test_an_answer_that_may_be_older_than_a_push_publishes_nothing_and_is_asked_for_again(
    market: Market,
) -> None:
    await market.push(market.sell("11"))
    market.now += 1_500  # from its call on, TikTok may have read before the push
    before = market.now - 1_502
    counts = await market.answer(SKUS["11"], ["11"], whole=False, ago=0, read=before)
    assert [sku for sku, _ in counts.unsure] == ["11"]
    assert (await market.events("11"))[-1]["available"] == FIRST - 1
    soon = (await market.waiting())["11"]
    assert 3_000 <= soon - market.now <= 3_000 + push_looks.SOON_GRID_MS + CALL_MS
    market.now += 300
    # The next push is newer than both, and puts that look off.
    assert (await market.push(market.sell("11"))).published == 1
    assert (await market.waiting())["11"] > soon
    await market.pass_time(WITHIN_MS)
    await market.check()


async def test_a_sku_that_sells_every_second_costs_about_a_look_a_minute(market: Market) -> None:
    published = 0
    for _ in range(180):
        await market.pass_time(1_000)
        published += (await market.push(market.sell("11"))).published
    assert market.looks <= 5  # the grid is 40 s
    assert published >= 0.9 * 180
    await market.pass_time(WITHIN_MS)
    await market.check()
    assert (await market.events("11"))[-1]["available"] == market.units("11")


@pytest.mark.parametrize("every_ms", [2_500, 3_500, 5_000, 6_500, 8_000, 11_000])
@pytest.mark.parametrize("phase_ms", [0, 13_200, 26_400])
async def test_a_sku_that_sells_every_few_seconds_is_published_at_once(
    redis: Redis, every_ms: int, phase_ms: int
) -> None:
    """A look costs one push at most: it must not make the next one doubtful, and so on.

    `phase_ms`: where the sales begin in the grid of verifications.
    """
    market = Market(redis)
    market.begin += phase_ms - market.begin % push_looks.VERIFY_GRID_MS
    await market.start()
    await market.answer(SKUS["11"], ["11", "12"], whole=True)
    market.now += 500
    sales, published = 600_000 // every_ms, 0
    for _ in range(sales):
        published += (await market.push(market.sell("11"))).published
        await market.pass_time(every_ms)
    assert sales - published <= 600_000 // push_looks.VERIFY_GRID_MS + 2
    assert market.looks <= 25  # the grid of 40 s alone makes 15
    await market.pass_time(2 * WITHIN_MS)
    await market.check()
    assert (await market.events("11"))[-1]["available"] == market.units("11")


async def test_pushes_after_any_look_are_verified_too(market: Market) -> None:
    """A look that another call brought forward leaves no push waiting for the moment that it had."""
    await market.push(market.sell("11"))
    at = (await market.waiting())["11"]
    await market.redis.zrem(P.backlog("stock", SHOP), SKU + "11")
    market.now += 5_000
    await market.answer(SKUS["11"], ["11"], whole=False)  # as for a service that asked for this SKU
    market.unverified.clear()
    market.now += 2_500
    await market.push(market.sell("11"))
    assert at <= (await market.waiting())["11"] <= market.now + WITHIN_MS
    market.sell("11")
    await market.pass_time(WITHIN_MS)
    assert (await market.events("11"))[-1]["available"] == market.units("11")


async def test_two_workers_with_different_pushes_of_one_millisecond_lose_none(market: Market) -> None:
    """Their marks would be equal, if a mark had the moment alone."""
    for _ in range(10):
        batches = [[market.sell(sku) for sku in skus] for skus in (("11", "12"), ("12", "11"))]
        counts = await asyncio.gather(*(market.push(*batch, worker=worker) for worker, batch in enumerate(batches)))
        assert sum(one.doubtful for one in counts) == 0
        for sku in ("11", "12"):
            assert (await market.events(sku))[-1]["available"] == market.units(sku)
    await market.check()


async def test_a_product_that_is_not_known_is_named_with_its_cause(market: Market) -> None:
    push = market.sell("11")
    strange = Push(**{name: getattr(push, name) for name in push.__struct_fields__} | {"product_id": "404"})
    counts = await market.push(strange)
    assert counts.strange == {"404": "11-1"}
    assert not await market.waiting()


async def test_marks_differ_even_if_nothing_else_does(market: Market) -> None:
    first = market.sell("11")
    marks = set[bytes]()
    for push in (first, market.sell("12"), market.sell("11")):
        await market.push(push)
        mark = await market.redis.hget(TARGET.state, f"d:{SKUS['11']}")  # type: ignore[misc]
        assert mark is not None
        marks.add(mark)
    assert len(marks) == 3
    stored = await market.redis.hget(TARGET.state, f"p:{SKUS['11']}")  # type: ignore[misc]
    state: Any = await find_codec(market.redis).decode(stored)
    assert state["stock"]["11"]["occurred_ns"] == (market.begin + market.now) * 1_000_000


async def test_a_state_that_cannot_be_read_costs_its_product_and_no_other_push(redis: Redis) -> None:
    market = Market(redis)
    await market.start()
    spoilt, other = PRODUCTS
    await redis.hset(TARGET.state, f"p:{spoilt}", "{not JSON")  # type: ignore[misc]
    before = len(await entries(redis, "stock"))
    counts = await market.push(*(market.sell(skus[0]) for skus in PRODUCTS.values()))
    assert (counts.published, list(counts.strange)) == (1, [spoilt])
    (event,) = (await entries(redis, "stock"))[before:]
    assert event["product_id"] == other
