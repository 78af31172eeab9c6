"""The order of answers: the rule alone, in Python and in Lua, and what is published by it."""

import asyncio
from bisect import bisect_right

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.builders import TARGET, snapshot
from tests.worker.publishing.test_publish import settle
from worker.changes.drafts import Cause
from worker.order import Order, Reading, Span
from worker.publishing import marks
from worker.publishing.marks import Before
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen
from worker.redis import pool as worker_redis

NOW: int = 1_000_000
BEGIN = 1_700_000_000_000

spans = st.tuples(st.integers(1, 60), st.integers(0, 25)).map(lambda one: Span(one[0], one[0] + one[1]))


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, Span]]]:
    """The moments at which the truth changed, and calls as they are published: what each was told, and its span.

    A value is how often the truth had changed by then; the same value twice is the same content.
    """
    changes = sorted(draw(st.lists(st.integers(1, 80), max_size=12)))
    calls = draw(st.lists(st.tuples(spans, st.floats(0, 1)), min_size=1, max_size=25))
    answers = []
    for span, part in calls:
        moment = span.sent_ms + round(part * (span.answered_ms - span.sent_ms))
        answers.append((bisect_right(changes, moment), span))
    return changes, answers


@given(looks())
def test_whenever_tiktok_looked_nothing_older_is_published_after_something_newer(
    history: tuple[list[int], list[tuple[int, Span]]],
) -> None:
    published, mark = -1, b""
    for number, (value, span) in enumerate(history[1], 1):
        before = Before.of(mark, Reading(number, span), "d", NOW)
        order = before.known.order(span, NOW) if before.known else Order.NEWER
        if order is Order.NEWER or (order is Order.UNKNOWN and value == published):
            assert value >= published
            published, mark = value, marks.write(before.reading, before.by, span.answered_ms, (f"d={value}",))
        if order is Order.OLDER:
            assert value <= published


@given(looks())
def test_a_look_that_begins_after_all_have_ended_is_always_taken(
    history: tuple[list[int], list[tuple[int, Span]]],
) -> None:
    mark = b""
    for number, (_, span) in enumerate(history[1], 1):
        before = Before.of(mark, Reading(number, span), "d", NOW)
        mark = marks.write(before.reading, before.by, span.answered_ms, ())
    known = marks.read(mark)
    assert known is not None
    end = max(span.answered_ms for _, span in history[1])
    assert known.order(Span(end + 1, end + 1), NOW) is Order.NEWER


@given(spans, spans)
def test_of_two_spans_at_most_one_is_newer_and_a_tie_is_no_order(one: Span, other: Span) -> None:
    mirrored = {Order.NEWER: Order.OLDER, Order.OLDER: Order.NEWER, Order.UNKNOWN: Order.UNKNOWN}
    assert other.against(one) is mirrored[one.against(other)]
    assert one.against(one) is Order.UNKNOWN
    assert one.latest(other) == other.latest(one)


@pytest.mark.parametrize(
    ("mark", "span", "views"),
    [
        (b"7 1700 d=ab s=cd", Span(1700, 1700), ("d=ab", "s=cd")),
        (b"7 1700 d=ab t=7:1500:1600:d", Span(1500, 1600), ("d=ab",)),
        (b"8 1700 d=ab t=7:1500:1600:d", Span(1700, 1700), ("d=ab",)),  # a version without spans has written it since
        (b"8 1700 d=? t=?", Span(1700, 1700), ("d=?",)),
        (b"0 1", Span(1, 1), ()),
    ],
)
def test_marks_of_versions_without_spans_count_as_of_one_moment(mark: bytes, span: Span, views: tuple[str]) -> None:
    read = marks.read(mark)
    assert read is not None
    assert (read.reading.span, read.views) == (span, views)


def test_a_mark_ahead_of_the_clock_is_void() -> None:
    known = marks.read(b"7 1700 d=ab t=7:1500:1600:d")
    assert known is not None
    assert known.order(Span(1400, 1450), now_ms=1599) is Order.NEWER
    assert known.order(Span(1400, 1450), now_ms=1600) is Order.OLDER


def answer(units: int, sent: int, answered: int) -> Seen:
    cause = Cause(TARGET.shop, TARGET.source, "request", "job-1", None, "r", BEGIN + answered)
    span = Span(BEGIN + sent, BEGIN + answered)
    return Seen(b"", "10", 1, cause, snapshot("10", s1=units), span=span)


async def units(redis: Redis) -> list[int]:
    rows = await redis.xrange(TARGET.partition.stream("stock"))
    return [int(fields[b"data"].partition(b'"available":')[2].partition(b",")[0]) for _, fields in rows]


async def test_what_overlaps_is_published_only_if_it_says_the_same(redis: Redis) -> None:
    publisher = Publisher(redis)
    await settle(publisher, answer(5, 100, 200))
    counts = await settle(publisher, overlapping := answer(3, 150, 300))
    assert (counts.stale, counts.events, counts.unordered) == (1, 0, [overlapping])
    # It says the same, so that the latest look may have been as late as 400.
    assert (await settle(publisher, answer(5, 190, 400))).unchanged == 1
    assert (await settle(publisher, answer(3, 210, 500))).unordered
    assert (await settle(publisher, answer(9, 20, 90))).unordered == []
    assert (await settle(publisher, answer(3, 401, 500))).changed == 1
    assert await units(redis) == [5, 3]


@given(spans, spans, st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_scripts_rule_is_the_same(redis_url: str, known: Span, span: Span, ahead: bool, same: bool) -> None:  # noqa: FBT001
    """Against a mark of 5 units: as compare.lua decides, so does the pure rule, and both write the same mark."""

    async def play() -> None:
        redis = worker_redis.client(redis_url)
        try:
            await redis.delete(TARGET.state)
            await settle(Publisher(redis), answer(5, known.sent_ms, known.answered_ms))
            mark = await redis.hget(TARGET.state, "d:10")  # type: ignore[misc]
            assert mark is not None
            seconds, micros = await redis.time()
            now_ms = 1000 * int(seconds) + int(micros) // 1000
            if ahead:
                number, *rest = mark.decode().split(" ")
                void = Span(now_ms + 60_000, now_ms + 60_000)
                mark = marks.write(Reading(int(number), void), "d", now_ms, rest[1:-1])
                await redis.hset(TARGET.state, mapping={"d:10": mark})  # type: ignore[misc]
            before = marks.read(mark)
            assert before is not None
            seen = answer(5 if same else 3, span.sent_ms, span.answered_ms)
            order = before.order(seen.reading.span, now_ms)
            counts = await settle(Publisher(redis), seen)
            after = await redis.hget(TARGET.state, "d:10")  # type: ignore[misc]
            if same:
                view = f"d={seen.digest(TARGET.settings)}"
                assert counts.unchanged == 1
                assert after == before.confirm(seen.reading, seen.cause.observed_ms, view, now_ms)
            else:
                assert bool(counts.unordered) == (order is Order.UNKNOWN)
                assert counts.changed == (order is Order.NEWER)
                assert (after == mark) == (order is not Order.NEWER)
        finally:
            await redis.aclose()

    asyncio.run(play())
