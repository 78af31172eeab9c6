"""How fast a SKU sells, told with each change, and when it is looked at again because of it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from tests.worker.changes.bodies import body
from tests.worker.changes.inventories import stock_seen
from worker.changes import stock_changes, velocity
from worker.changes.drafts import Cause, Draft
from worker.changes.normalized import SkuStock, ViewName, WarehouseDoc
from worker.changes.stock_records import Context
from worker.oversell import looks
from worker.oversell.looks import Look
from worker.publishing import marks
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen, Target

P = Partition(0)
SHOP = "7495"
HOUR = 3_600_000
BEGIN = 1_700_000_000_000
SIX_HOURS = 6 * HOUR


def sku(available: int | None, sku_id: str = "1") -> SkuStock:
    rows = [WarehouseDoc("7", available, None)]
    return SkuStock(sku_id=sku_id, seller_sku=None, available=available, committed=None, warehouses=rows)


def change(before: int | None, now: int | None, between_ms: int, low: int = 0) -> Draft:
    first, settings = Context("10", None, None, BEGIN), ShopSettings(low=low)
    state, _ = stock_changes.differences({}, [sku(before)], first, whole=True)
    later = Context("10", None, BEGIN, BEGIN + between_ms, settings)
    _, (draft,) = stock_changes.differences(state, [sku(now)], later, whole=True)
    return draft


def speed(before: int | None, now: int | None, between_ms: int) -> tuple[Any, Any]:
    data = body(change(before, now, between_ms))
    return data["units_per_hour"], data["hours_left"]


def test_a_decrease_has_a_speed_and_nothing_else_has() -> None:
    assert speed(40, 30, HOUR) == (10, 3)
    assert speed(40, 0, 2 * HOUR) == (20, 0)
    assert speed(30, 40, HOUR) == (None, None)
    assert speed(None, 40, HOUR) == (None, None)
    _, (first,) = stock_changes.differences({}, [sku(9)], Context("10", None, None, BEGIN), whole=True)
    assert (body(first)["units_per_hour"], body(first)["hours_left"]) == (None, None)


@given(st.integers(1, 10**6), st.integers(-5_000, 60_000))
def test_looks_close_together_or_a_clock_that_stepped_back_make_no_rush(sold: int, between_ms: int) -> None:
    assert velocity.units_per_hour(sold, between_ms) == 60 * sold


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**4), st.integers(60_000, 30 * 24 * HOUR))
def test_the_next_look_is_a_quarter_of_the_time_away_and_within_its_bounds(
    before: int, sold: int, low: int, between_ms: int
) -> None:
    draft = change(before, before - sold, between_ms, low)
    wait = velocity.wait_ms(body(draft), SIX_HOURS)
    now = before - sold
    if now <= 0:
        assert wait is None
        return
    quarter = (now - low if body(draft)["level"] == "in_stock" else now) / body(draft)["units_per_hour"] * HOUR / 4
    if wait is None:
        assert quarter >= SIX_HOURS - 1
    else:
        assert velocity.SOONEST_MS <= wait < SIX_HOURS
        assert wait == velocity.SOONEST_MS or abs(wait - quarter) <= 1


@given(st.integers(0, 10**13), st.integers(30_000, SIX_HOURS))
def test_looks_begin_at_whole_half_minutes_and_never_too_early(now_ms: int, wait: int) -> None:
    at = velocity.moment(now_ms, wait)
    assert at % 30_000 == 0
    assert now_ms + wait <= at < now_ms + wait + 30_000


@given(st.floats(0.1, 10_000), st.integers(1, 10_000))
def test_at_a_steady_speed_it_is_seen_sold_out_within_a_minute_and_bounded_looks(speed: float, begin: int) -> None:
    """Looks of a quarter of the time left approach the end; the last ones are half a minute apart, rounded up."""
    now, known, seen, count = 0.0, begin, 0.0, 0
    end = begin / speed * HOUR
    wait: int | None = 60_000
    while wait is not None:
        at = velocity.moment(BEGIN + int(now), wait) - BEGIN
        available = max(0, begin - int(at * speed / HOUR))
        count += 1
        if available < known:
            data = body(change(known, available, int(at - seen)))
            wait = velocity.wait_ms(data, 10**12)
        else:
            wait = min(2 * wait, 10**12)
        seen, now, known = at, at, available
    assert known == 0
    assert count <= 80
    if begin >= 100:
        # Many units: the speed is known well, so the last look before the end is not far from it.
        assert now - end <= max(90_000, 0.02 * end)


def target(**settings: Any) -> Target:
    return Target(P, SHOP, "VN", f"https://test/shops/{SHOP}", ShopSettings(**settings))


def seen(fetch_seq: int, minute: float, view: ViewName, **stock: int) -> Seen:
    cause = Cause(SHOP, "https://test", "request", "job-1", None, None, BEGIN + int(minute * 60_000))
    rows = [sku(n, name[1:]) for name, n in stock.items()]
    return Seen(b"", "10", fetch_seq, cause, stock_seen("10", rows), view=view)


async def waiting(redis: Redis) -> dict[bytes, float]:
    return dict(await redis.zrange(P.backlog("stock", SHOP), 0, -1, withscores=True))


async def test_what_sells_is_put_into_the_stock_backlog_with_its_reason_and_the_shop_is_woken(redis: Redis) -> None:
    publisher, about = Publisher(redis), target(low=0)
    await publisher.settle(about, None, [seen(1, 0, "i", s1=100, s2=50)])
    assert await waiting(redis) == {}
    # 10 an hour, so 90 last 9 h; 40 of the other in 20 min, so 10 last 5 min.
    await publisher.settle(about, None, [seen(2, 20, "i", s1=97, s2=10)])
    at = velocity.moment(BEGIN + 20 * 60_000, 75_000)
    assert await waiting(redis) == {b"again:10": at}
    assert await redis.zscore(P.due, f"stock:{SHOP}") == at
    why = json.loads(await redis.hget(P.asked("stock", SHOP), "again:10"))  # type: ignore[misc]
    assert why == {"origin": "stock_poll", "cause": "guard-2-2", "wait": 75_000}
    # Later is not sooner.
    await publisher.settle(about, None, [seen(3, 21, "i", s1=97, s2=9)])
    assert await waiting(redis) == {b"again:10": at}


async def test_nothing_is_put_there_where_nothing_sells_or_nobody_wants_it(redis: Redis) -> None:
    publisher = Publisher(redis)
    no_guard, polled = {"guard": False}, {"stock_interval": 60}
    steps: list[tuple[dict[str, Any], int]] = [({}, 100), ({}, 120), (no_guard, 60), (polled, 50), ({}, 0)]
    for fetch_seq, (settings, stock) in enumerate(steps, 1):
        counts = await publisher.settle(target(**settings), None, [seen(fetch_seq, 60 * fetch_seq, "i", s1=stock)])
        assert counts.events == 1
        assert counts.looks == []
    assert await redis.exists(P.backlog("stock", SHOP), P.due, P.asked("stock", SHOP)) == 0


async def test_a_look_that_finds_nothing_sold_is_followed_by_one_twice_as_far_away_until_a_poll_is_nearer() -> None:
    settings = ShopSettings(stock_interval=3_600)
    look: Look | None = Look("10", 30_000, BEGIN, "guard-1-2")
    waits = []
    while look:
        waits.append(look.wait_ms // 1000)
        look = looks.later("10", look.to_json(), BEGIN, settings)
    assert waits == [30, 60, 120, 240, 480, 960, 1920]
    assert looks.later("10", b"", BEGIN, settings) is None
    assert looks.later("10", Look("10", 30_000, BEGIN, "c").to_json(), BEGIN, ShopSettings(guard=False)) is None


async def test_a_sku_looked_at_alone_tells_nothing_of_the_time_of_the_others(redis: Redis) -> None:
    publisher, about = Publisher(redis), target(guard=False)
    await publisher.settle(about, None, [seen(1, 0, "i", s1=100, s2=100)])
    alone = seen(2, 50, "i", s1=90)
    alone = Seen(b"", "10", 2, alone.cause, stock_seen("10", [sku(90, "1")], whole=False), view="i")
    await publisher.settle(about, None, [alone])
    await publisher.settle(about, None, [seen(3, 60, "i", s1=80, s2=90)])
    published = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("stock"))]
    speeds = [(one["sku_id"], one["available"], one["units_per_hour"]) for one in published]
    assert speeds == [("1", 100, None), ("2", 100, None), ("1", 90, 12), ("1", 80, 60), ("2", 90, 10)]


async def test_the_mark_names_the_latest_view_first(redis: Redis) -> None:
    publisher, about = Publisher(redis), target(guard=False)
    await publisher.settle(about, None, [seen(1, 0, "i", s1=100)])
    await publisher.settle(about, None, [seen(2, 1, "s", s1=100)])

    async def views() -> list[str]:
        mark = await redis.hget(about.state, "d:10")  # type: ignore[misc]
        assert mark is not None
        return [view.split("=")[0] for view in marks.read(mark).views]  # type: ignore[union-attr]

    assert await views() == ["s", "i"]
    for fetch_seq, view in enumerate(("i", "i", "s", "i"), 3):
        await publisher.settle(about, None, [seen(fetch_seq, fetch_seq, view, s1=100)])  # type: ignore[arg-type]
        assert (await views())[0] == view
