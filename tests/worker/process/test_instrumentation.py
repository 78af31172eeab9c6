"""The instrument alone: who is told what, what a broken backend costs, and what each answer is said to have come to."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis
from structlog.testing import capture_logs

from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from tests.builders import SHOP, TARGET, claim_of, seen, snapshot
from tests.running.recorder import Recorder
from tests.worker.pacing.test_cadence import cadence, fixed, leave
from worker.instrumentation.backends import build_instrument
from worker.instrumentation.dispatcher import HOOKS, dispatch
from worker.instrumentation.instrument import SILENT, Instrument, Settled
from worker.instrumentation.log_instrument import LogInstrument
from worker.instrumentation.refreshes import report_refreshes
from worker.instrumentation.timer import timed
from worker.marketplace.call_errors import CredentialsRefused, RefreshRefused, Unreachable
from worker.marketplace.values import Grant
from worker.order import Span
from worker.pacing.pacer import Pacer
from worker.publishing.publisher import Publisher
from worker.publishing.rehearsal import Rehearsal
from worker.publishing.seen import Seen

P = Partition(0)
SETTLED = Settled("products", "1", 10, 9, 2, 7, 3, 4, 1, 1, 1, 0.25)


class Waits(Instrument):
    """Takes in one thing."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def report_wait(self, endpoint: str, seconds: float) -> None:
        assert endpoint == "product"
        self.waited.append(seconds)


class Broken(Instrument):
    """Fails at everything that it takes."""

    def report_wait(self, endpoint: str, seconds: float) -> None:
        raise KeyError(endpoint, seconds)


def test_each_backend_is_told_of_what_it_takes_and_an_untaken_hook_stays_the_empty_one() -> None:
    first, second = Waits(), Waits()
    both = dispatch([first, second])
    both.report_wait("product", 0.5)
    both.report_cool_down("1", "product")
    assert first.waited == second.waited == [0.5]
    taken = [name for name in HOOKS if name in vars(both)]
    assert taken == ["report_wait"]
    assert dispatch([]) is SILENT


def test_a_hook_that_is_set_on_an_instance_is_taken_too() -> None:
    recorder = Recorder()
    one = dispatch([Waits(), recorder])
    assert {*HOOKS} <= {*vars(one)}
    assert (one.wants_comparisons, one.wants_latencies) == (True, True)
    one.report_comparison("1", "10", "stale", 0)
    assert recorder.heard == [("report_comparison", ("1", "10", "stale", 0))]


def test_a_backend_that_fails_harms_neither_the_work_nor_the_others_and_is_told_once() -> None:
    after = Waits()
    both = dispatch([Broken(), after])
    with capture_logs() as logs:
        both.report_wait("product", 1.0)
        both.report_wait("product", 2.0)
    assert after.waited == [1.0, 2.0]
    assert [(line["event"], line["hook"], line["log_level"]) for line in logs] == [
        ("instrument_failed", "report_wait", "error")
    ]


def test_what_needs_more_than_a_call_is_worked_out_only_for_backends_that_take_it() -> None:
    class Latencies(Instrument):
        def report_latencies(self, urgency: Any, seconds: Sequence[float]) -> None:
            raise AssertionError(urgency, seconds)

    assert (SILENT.wants_comparisons, SILENT.wants_latencies) == (False, False)
    assert (Latencies().wants_comparisons, Latencies().wants_latencies) == (False, True)
    assert dispatch([Waits(), Latencies()]).wants_latencies
    assert not dispatch([Waits(), Latencies()]).wants_comparisons
    assert [build_instrument(level).wants_comparisons for level in ("debug", "info", "warning", "error")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_the_lines_of_the_log_are_those_that_others_read() -> None:
    log = LogInstrument()
    with capture_logs() as lines:
        log.report_settled(SETTLED)
        log.report_settled(structs.replace(SETTLED, kind="stock"))
        log.report_fenced("products", "1", 7)
        log.report_fenced("delta", "1", 8)
        log.report_redis_failure("sweep", "TimeoutError", again=False)
        log.report_redis_failure("sweep", "TimeoutError", again=True)
        log.report_redis_failure("heartbeat", "ConnectionError", again=False)
        log.report_doorbell_restart("ResponseError")
        log.report_mistake("1", "10", ValueError("a mistake"))
    figures = {
        "shop": "1", "claimed": 10, "calls": 9, "throttled": 2, "events": 7, "changed": 3, "unchanged": 4, "dead": 1,
        "back": 1, "ms": 250, "log_level": "info",
    }  # fmt: skip
    assert lines[:2] == [{"event": "drained", **figures}, {"event": "stock_drained", **figures}]
    assert lines[2:8] == [
        {"event": "drain_fenced", "shop": "1", "fence": 7, "log_level": "warning"},
        {"event": "walk_fenced", "shop": "1", "walk": "delta", "log_level": "warning"},
        {"event": "sweep_failed", "error": "TimeoutError", "log_level": "warning"},
        {"event": "heartbeat_failed", "error": "ConnectionError", "log_level": "warning"},
        {"event": "doorbell_restarted", "error": "ResponseError", "log_level": "warning"},
        lines[7],
    ]
    assert (lines[7]["event"], lines[7]["product"], str(lines[7]["exc_info"])) == ("publish_failed", "10", "a mistake")


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "renewed"), (RefreshRefused("no"), "refused"), (Unreachable("away"), "unreached"),
        (CredentialsRefused("ours"), "unavailable"),
    ],
)  # fmt: skip
async def test_a_refresh_is_told_by_what_the_token_host_answered(error: Exception | None, result: str) -> None:
    recorder, grant = Recorder(), Grant("a", 1, "r", 2, "open", "seller", "VN", ())

    async def refresh(_token: str) -> Grant:
        if error:
            raise error
        return grant

    call = report_refreshes(refresh, recorder)
    if error:
        with pytest.raises(type(error)):
            await call("r")
    else:
        assert await call("r") is grant
    assert recorder.heard == [("report_refresh", (result,))]


@pytest.mark.parametrize(
    ("error", "end"), [(None, "done"), (ValueError, "failed"), (asyncio.CancelledError, "cancelled")]
)
def test_a_piece_of_work_is_told_by_its_end(error: type[BaseException] | None, end: str) -> None:
    recorder = Recorder()
    with pytest.raises(error) if error else nullcontext(), timed(recorder, "trim", "0"):
        if error:
            raise error
    ((kind, name, said, seconds),) = recorder.of("report_end")
    assert (kind, name, said) == ("trim", "0", end)
    assert seconds >= 0


async def test_permits_that_came_too_late_throttles_and_caps_are_told(redis: Redis) -> None:
    recorder = Recorder()
    pacer = Pacer(redis, fixed(20), recorder)
    calls = cadence(pacer)
    ((_, permit), *_) = await leave(calls, 3, want=100)
    time.sleep(0.5)  # noqa: ASYNC251 - the whole loop stands still, and what is in hand is late
    await leave(calls, 1, want=100)
    dropped = recorder.of("report_dropped_permit", "product")
    assert len(dropped) == pacer.lateness.dropped >= 1
    assert all(seconds > 0 for _, seconds in dropped)
    await calls.report_throttle(permit, None)
    await calls.report_cap(2.0)
    assert recorder.of("report_cool_down") == [("1", "product")]
    assert recorder.of("report_cap") == [("1", "product", 2.0)]


def at(one: Seen, sent_ms: int, answered_ms: int) -> Seen:
    return structs.replace(one, span=Span(sent_ms, answered_ms))


async def test_each_answer_is_told_with_its_verdict_and_what_was_published(redis: Redis) -> None:
    recorder = Recorder()
    publisher = Publisher(redis, recorder)
    claim = await claim_of(redis, "10", "404")
    await publisher.settle(TARGET, claim, [seen("10", 1, snapshot("10", s1=17, s2=4)), seen("404", 1, None)])
    assert recorder.of("report_comparison") == [(SHOP, "10", "published", 3), (SHOP, "404", "given_up", 0)]
    assert recorder.of("report_event") == [(SHOP, name) for name in [
        "product.created", "stock.changed", "stock.changed", "dead.letter",
    ]]  # fmt: skip
    assert recorder.of("report_letter") == [(SHOP, "not_found")]
    recorder.heard.clear()
    base = 1_700_000_000_000
    await publisher.settle(TARGET, None, [at(seen("10", 2, snapshot("10", s1=17, s2=4)), base + 100, base + 200)])
    await publisher.settle(TARGET, None, [at(seen("10", 3, snapshot("10", s1=9, s2=4)), base + 20, base + 50)])
    await publisher.settle(TARGET, None, [at(seen("10", 4, snapshot("10", s1=8, s2=4)), base + 150, base + 250)])
    assert [verdict for _, _, verdict, _ in recorder.of("report_comparison")] == ["unchanged", "stale", "out_of_order"]
    assert recorder.of("report_event") == []


async def test_an_answer_whose_events_a_setting_keeps_back_is_told_as_such(redis: Redis) -> None:
    recorder = Recorder()
    publisher = Publisher(redis, recorder)
    target = replace(TARGET, settings=ShopSettings(publish="stock"))
    await publisher.settle(target, None, [seen("10", 1, snapshot("10", s1=17))])
    await publisher.settle(target, None, [seen("11", 2, snapshot("11"))])
    assert [given[1:] for given in recorder.of("report_comparison")] == [
        ("10", "published", 1), ("11", "suppressed_by_setting", 0),
    ]  # fmt: skip


async def test_a_mistake_of_ours_is_told_with_its_product_and_said_to_have_come_to_nothing(redis: Redis) -> None:
    recorder = Recorder()
    publisher = Publisher(redis, recorder)
    await publisher.settle(TARGET, None, [seen("10", 1, snapshot("10", s1=17))])
    await redis.hset(P.state(SHOP), "p:10", "no JSON")  # type: ignore[misc]
    recorder.heard.clear()
    await publisher.settle(TARGET, None, [seen("10", 2, snapshot("10", s1=16))])
    ((shop, product, mistake),) = recorder.of("report_mistake")
    assert (shop, product, isinstance(mistake, ValueError)) == (SHOP, "10", True)
    assert recorder.of("report_comparison") == []


async def test_a_dry_run_is_told_of_mistakes_alone(redis: Redis) -> None:
    recorder = Recorder()
    await Rehearsal(redis, recorder).settle(TARGET, None, [seen("10", 1, snapshot("10", s1=17))])
    assert recorder.heard == []
    await redis.hset(P.state(SHOP), mapping={"p:10": "no JSON", "d:10": "1 1 d=?"})  # type: ignore[misc]
    await Rehearsal(redis, recorder).settle(TARGET, None, [seen("10", 2, snapshot("10", s1=17))])
    assert [name for name, _ in recorder.heard] == ["report_mistake"]
