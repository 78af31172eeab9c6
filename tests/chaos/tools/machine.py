"""A state machine over the real scripts: ask, claim, fetch, publish, hand back, die, come back late, in any order.

Hypothesis draws the orders. The truth is a version number per product, published as its stock, so that an older answer
after a newer one is a stock that falls.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from shopstream.state.state_codec import find_codec
from tests.processes import settle
from worker.backlog.claims import Asked, Backlog, Claim, HandBack
from worker.changes.drafts import Cause
from worker.order import Span
from worker.pacing.pacer import Pacer, Rates
from worker.publishing.publisher import Fenced, Publisher
from worker.publishing.seen import Seen, Target
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309
from worker.tiktok.reading.read_answers import ReadProduct

P: Final = Partition(0)
SHOP: Final = "7495"
TARGET: Final = Target(P, SHOP, "VN", f"https://test/shops/{SHOP}")
IDS: Final = tuple(str(n) for n in range(1, 4))
HOUR_MS: Final = 3_600_000
BEGIN_MS: Final = 1_700_000_000_000
_RATES: Final = Rates(100_000, 1, 100_000)
_read = Decoder(Product202309)


@dataclass
class Drain:
    """A worker's hold on the shop, and what it has heard."""

    claim: Claim
    waiting: list[Asked]
    sent: list[tuple[Asked, int]] = field(default_factory=list)
    """Calls under way, with the moment they left: TikTok has not looked yet."""
    answers: list[tuple[Asked, Seen]] = field(default_factory=list)


class World:
    """The real parts, and what is true."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.run = runner.run
        self.redis = Redis.from_url(url)
        self.client = SyncClient(self.redis)
        self.backlog, self.publisher = Backlog(self.redis), Publisher(self.redis)
        self.pacer = Pacer(self.redis, _RATES)
        self.asked = 0
        self.overtaken = 0
        self.unordered = 0

    async def begin(self) -> None:
        """An empty Redis with one shop."""
        await self.redis.flushdb()
        await settle(self.redis)
        self.client = SyncClient(self.redis)
        entry = json.dumps({"shop_id": SHOP, "status": "active"}, separators=(",", ":"))
        await self.redis.hset(P.registry, SHOP, entry)

    async def claim(self) -> Drain | None:
        """What a worker gets that looks at the shop now."""
        got = await self.backlog.claim(P, "products", SHOP, endpoint="product", start_rate=1_000)
        return Drain(got, ordered(got.ids)) if got else None

    async def permit(self) -> int:
        """The next `fetch_seq`, which is the clock here too: each moment is asked for once."""
        (permit,) = await self.pacer.lease(P, SHOP, "product", 1)
        return permit.fetch_seq

    async def hour_over(self) -> None:
        """As if every delay had passed."""
        for one in await self.redis.zrange(P.backlog("products", SHOP), 0, -1):
            await self.redis.zadd(P.backlog("products", SHOP), {one: 1}, lt=True)

    async def lease_over(self) -> None:
        """As after 20 silent seconds."""
        await self.redis.hset(P.lease("products", SHOP), "until", "1")


def ordered(some: Iterable[Asked]) -> list[Asked]:
    """By id: their order in the backlog is that of the milliseconds they came in, and a run must be repeatable."""
    return sorted(some, key=lambda one: one.id)


def seen(asked: bytes, product: str, version: int, sent: int, answered: int) -> Seen:
    """An answer to a call that left and ended at these moments: one SKU whose stock is the version.

    TikTok's `update_time` is the same in all.
    """
    sku = {"id": f"9{product}", "inventory": [{"warehouse_id": "7", "quantity": version}]}
    answer = {"code": 0, "data": {"id": product, "title": "T", "update_time": 1_700_000_000, "skus": [sku]}}
    cause = Cause(SHOP, TARGET.source, "request", "job-1", None, f"r-{sent}", BEGIN_MS + answered)
    span = Span(BEGIN_MS + sent, BEGIN_MS + answered)
    return Seen(asked, product, sent, cause, ReadProduct(_read(json.dumps(answer).encode())[0]), span=span)


async def seen_now(world: World, asked: Asked, version: int) -> Seen:
    """An answer that takes no time."""
    now = await world.permit()
    return seen(asked.id, asked.id.decode(), version, now, now)


class Machine(RuleBasedStateMachine):
    """See above. A subclass sets `world`."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.truth = dict.fromkeys(IDS, 1)
        self.owed: dict[str, int] = {}
        """Id → the version there was when it was asked for last."""
        self.drain: Drain | None = None
        self.late: list[Drain] = []
        """Drains that have lost their lease and don't know it."""
        self.old: list[Seen] = []
        self.looks: list[tuple[str, int, int]] = []
        """Calls of somebody else, as walks and polls make: id, when it left, what TikTok has told."""

    @initialize()
    def begin(self) -> None:
        self.world.run(self.world.begin())

    @rule(ids=st.sets(st.sampled_from(IDS), min_size=1), urgent=st.booleans())
    def ask(self, ids: set[str], urgent: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
        self.world.run(self.world.client.sync_products(SHOP, ids, urgent=urgent))
        self.world.asked += len(ids)
        self.owed |= {one: self.truth[one] for one in ids}

    @rule(one=st.sampled_from(IDS))
    def change(self, one: str) -> None:
        self.truth[one] += 1

    @rule()
    def claim(self) -> None:
        got = self.world.run(self.world.claim())
        if self.drain is not None:
            assert got is None, "two drains have the shop"
        self.drain = got or self.drain

    @precondition(lambda self: self.drain)
    @rule()
    def claim_more(self) -> None:
        assert self.drain is not None
        more = self.world.run(self.world.backlog.more(self.drain.claim, endpoint="product", start_rate=1_000))
        held = {asked.id for asked in self.drain.waiting}
        held |= {asked.id for asked, _ in (*self.drain.sent, *self.drain.answers)}
        assert not held & {asked.id for asked in more}, "an id is in hand twice"
        self.drain.waiting += ordered(more)

    @precondition(lambda self: self.drain and self.drain.waiting)
    @rule()
    def send(self) -> None:
        assert self.drain is not None
        self.drain.sent.append((self.drain.waiting.pop(), self.world.run(self.world.permit())))

    @precondition(lambda self: self.drain and self.drain.sent)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        assert self.drain is not None
        asked, sent = self.drain.sent.pop(data.draw(st.integers(0, len(self.drain.sent) - 1)))
        self.drain.answers.append((asked, self.answer(asked, sent)))

    def answer(self, asked: Asked, sent: int) -> Seen:
        """TikTok looks and answers, now."""
        one = asked.id.decode()
        return seen(asked.id, one, self.truth[one], sent, self.world.run(self.world.permit()))

    @rule(one=st.sampled_from(IDS))
    def look(self, one: str) -> None:
        """A call of somebody else leaves, and TikTok looks; its answer may be long under way."""
        self.looks.append((one, self.world.run(self.world.permit()), self.truth[one]))

    @precondition(lambda self: self.looks)
    @rule(data=st.data())
    def look_ends(self, data: st.DataObject) -> None:
        one, sent, version = self.looks.pop(data.draw(st.integers(0, len(self.looks) - 1)))
        answer = seen(b"", one, version, sent, self.world.run(self.world.permit()))
        self.old.append(answer)
        counts = self.world.run(self.world.publisher.settle(TARGET, None, [answer]))
        self.world.unordered += len(counts.unordered)

    @precondition(lambda self: self.drain and self.drain.answers)
    @rule()
    def publish(self) -> None:
        assert self.drain is not None
        answers, self.drain.answers = self.drain.answers, []
        counts = self.world.run(
            self.world.publisher.settle(TARGET, self.drain.claim, [answer for _, answer in answers])
        )
        self.old += [answer for _, answer in answers]
        unordered = {one.asked for one in counts.unordered}
        self.world.unordered += len(unordered)
        back = [HandBack(asked) for asked, _ in answers if asked.id in unordered]
        assert self.world.run(self.world.backlog.hand_back(self.drain.claim, back))

    @precondition(lambda self: self.drain and self.drain.sent)
    @rule(delay=st.sampled_from([0, HOUR_MS]))
    def fail(self, delay: int) -> None:
        assert self.drain is not None
        asked, _ = self.drain.sent.pop()
        assert self.world.run(self.world.backlog.hand_back(self.drain.claim, [HandBack(asked, delay, failed=True)]))

    @precondition(lambda self: self.drain)
    @rule()
    def end(self) -> None:
        assert self.drain is not None
        left = [*self.drain.waiting, *(asked for asked, _ in (*self.drain.sent, *self.drain.answers))]
        assert self.world.run(self.world.backlog.finish(self.drain.claim, [HandBack(asked) for asked in left]))
        self.drain = None

    @precondition(lambda self: self.drain)
    @rule()
    def fall_silent(self) -> None:
        """Dead, or only slow: nobody knows."""
        assert self.drain is not None
        self.late.append(self.drain)
        self.drain = None
        self.world.run(self.world.lease_over())

    @precondition(lambda self: self.late and self.drain)
    @rule()
    def come_back_late(self) -> None:
        """A drain that was taken over publishes nothing, and gives nothing back."""
        drain = self.late.pop()
        answers = [answer for _, answer in drain.answers]
        answers += [self.answer(asked, sent) for asked, sent in drain.sent]
        if answers:
            try:
                self.world.run(self.world.publisher.settle(TARGET, drain.claim, answers))
            except Fenced:
                pass
            else:
                raise AssertionError("a drain that was taken over has published")
        assert not self.world.run(self.world.backlog.finish(drain.claim, [HandBack(asked) for asked in drain.waiting]))

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        """An answer that was published, or passed over, comes once more: nothing follows from it."""
        answer = data.draw(st.sampled_from(self.old))
        counts = self.world.run(self.world.publisher.settle(TARGET, None, [answer]))
        assert counts.events == 0

    @precondition(lambda self: self.drain and self.drain.sent)
    @rule(data=st.data(), changed=st.booleans())
    def hear_too_late(self, data: st.DataObject, changed: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
        """An id in hand was answered, but a later call is published before: the id is settled, and nothing told."""
        assert self.drain is not None
        asked, sent = self.drain.sent.pop(data.draw(st.integers(0, len(self.drain.sent) - 1)))
        late, one = self.answer(asked, sent), asked.id.decode()
        self.truth[one] += changed
        left = self.world.run(self.world.permit())
        newer = seen(b"", one, self.truth[one], left, self.world.run(self.world.permit()))
        self.world.run(self.world.publisher.settle(TARGET, None, [newer]))
        counts = self.world.run(self.world.publisher.settle(TARGET, self.drain.claim, [late]))
        assert (counts.events, counts.unordered) == (0, [])
        self.world.overtaken += counts.stale

    def teardown(self) -> None:
        """Whatever happened: workers that go on bring it to the truth, and no event has told anything older."""
        if self.owed:
            self.world.run(self._finish())

    async def _finish(self) -> None:
        world = self.world
        await world.lease_over()
        await world.hour_over()
        for _ in range(1_000):
            drain = await world.claim()
            if drain is None:
                if not await world.redis.exists(P.backlog("products", SHOP), P.claimed("products", SHOP)):
                    break
                await asyncio.sleep(0.001)
                continue
            answers = [await seen_now(world, one, self.truth[one.id.decode()]) for one in drain.waiting]
            counts = await world.publisher.settle(TARGET, drain.claim, answers)
            unordered = {one.asked for one in counts.unordered}
            back = [HandBack(one) for one in drain.waiting if one.id in unordered]
            assert await world.backlog.finish(drain.claim, back)
        else:
            raise AssertionError("the backlog never ends")
        for one, version in self.owed.items():
            state = await find_codec(world.redis).decode(await world.redis.hget(P.state(SHOP), f"p:{one}"))
            assert state, f"{one} was asked for and never published"
            available = state["stock"][f"9{one}"]["available"] or 0
            assert version <= available <= self.truth[one], f"{one}: a change is lost"
        await self._events()

    async def _events(self) -> None:
        last: dict[str, tuple[int, int]] = {}
        ids = set()
        for _, fields in await self.world.redis.xrange(P.stream("stock")):
            event = json.loads(fields[b"data"])
            assert event["event_id"] not in ids
            ids.add(event["event_id"])
            seq, version = last.get(event["sku_id"], (0, 0))
            assert event["seq"] == seq + 1
            assert event["available"] > version, "older stock after newer"
            last[event["sku_id"]] = (event["seq"], event["available"])
