"""Answers wait for others, but not if a client waits for one. Each id costs a drain as many steps as any other."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from redis.asyncio import Redis

from jobs.drain import batch as jobs_batch
from jobs.drain.batch import FLUSH_AT, FLUSH_SKUS, Drain
from jobs.products import detail_calls, product_drain
from jobs.products.detail_calls import Calls
from shopstream.registry.shop import Shop
from tests.builders import SHOP, TARGET, P, seen, snapshot
from tests.jobs.rooms import runtime_of
from worker.backlog.claims import Asked, Claim, HandBack
from worker.marketplace.call_errors import Transient
from worker.runtime import Runtime
from worker.shops.standing import Standing

ENTRY = Shop(SHOP, "", "VN", "", "auth", "active", None, "", 0)
TURNS = 20
"""Turns of the event loop in which everything has been said that does not wait for time."""
_MODULES = {str(module.__file__) for module in (jobs_batch, detail_calls)}
Press = Callable[[Drain], None]


@pytest.fixture
async def runtime(redis: Redis) -> AsyncIterator[Runtime]:
    async with runtime_of(redis) as found:
        yield found


def asked(name: str, score: bytes = b"1700000000000") -> Asked:
    return Asked(name.encode(), score, 0, 0, b"")


def answer(batch: Drain, name: str, skus: int = 2, score: bytes = b"1700000000000") -> None:
    product = snapshot(name, **{f"s{sku}": 1 for sku in range(1, skus + 1)})
    batch.take_answer(asked(name, score), seen(name, 1, product))


def fill(batch: Drain) -> None:
    for number in range(1, FLUSH_AT):
        answer(batch, str(number))


def stop(batch: Drain) -> None:
    batch.runtime.stopping.set()


async def waits(batch: Drain, press: Press) -> bool:
    """Tell whether the first answer goes on waiting for others after `press`."""
    answer(batch, "10")
    stopping = product_drain._press_at_stop(batch)
    sending = asyncio.create_task(asyncio.sleep(3_600))
    waiting = asyncio.create_task(product_drain._wait(batch, sending))
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert not waiting.done()
        press(batch)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return not waiting.done()
    finally:
        for task in (stopping, sending, waiting):
            task.cancel()


@pytest.mark.parametrize(
    ("press", "goes_on"),
    [
        (lambda batch: answer(batch, "11"), True),
        (lambda batch: batch.bury(asked("11"), "not_found", "gone"), True),
        (lambda batch: batch.give_back(HandBack(asked("11"), 1_000)), True),
        (lambda batch: answer(batch, "11", score=b"0"), False),
        (lambda batch: batch.bury(asked("11", b"-0.5"), "not_found", "gone"), False),
        (lambda batch: batch.give_back(HandBack(asked("11", b"0"), 1_000)), False),
        (fill, False),
        (lambda batch: answer(batch, "11", skus=FLUSH_SKUS - 2), False),
        (lambda batch: answer(batch, "11", skus=FLUSH_SKUS - 3), True),
        (stop, False),
    ],
)
async def test_an_answer_waits_for_others_unless_one_is_urgent_or_the_batch_full_or_the_worker_stops(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, press: Press, goes_on: object
) -> None:
    monkeypatch.setattr(product_drain, "FLUSH_AFTER", 3_600.0)  # that no time passes here
    batch = Drain(runtime, Claim(P, "products", SHOP, 1, 0, b"{}", ()))
    assert await waits(batch, press) is goes_on


async def test_answers_that_were_given_away_no_longer_count(runtime: Runtime) -> None:
    batch = Drain(runtime, Claim(P, "products", SHOP, 1, 0, b"{}", ()))
    answer(batch, "10", skus=FLUSH_SKUS)
    assert batch.pressing.is_set()
    assert [one.id for one, _ in batch.give_answers()] == [b"10"]
    assert not batch.pressing.is_set()
    answer(batch, "11")
    assert not batch.pressing.is_set()


@pytest.mark.parametrize("calls", ["_count", "_doubt"])
async def test_an_urgent_id_that_failed_is_handed_back_at_once(runtime: Runtime, calls: str) -> None:
    batch = Drain(runtime, Claim(P, "products", SHOP, 1, 0, b"{}", ()))
    sent = Calls(batch, ENTRY, TARGET, Standing())
    error = Transient("HTTP 503")
    if calls == "_count":
        sent._count(asked("11", b"0"), error)
    else:
        sent._doubtful = [(asked(str(number), b"0"), error) for number in range(11, 16)]
        await sent._doubt(error)
    assert batch.pressing.is_set()


@contextmanager
def counting(counts: list[int]) -> Iterator[None]:
    """Count the calls of functions of `jobs`, and the steps of their generators."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename in _MODULES:
            counts[-1] += 1

    counts.append(0)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


async def test_a_drain_takes_as_many_steps_for_each_id_however_many_it_has_taken(
    redis: Redis, runtime: Runtime
) -> None:
    counts: list[int] = []
    for number in (500, 4_000):
        await redis.flushdb()
        await redis.hset(P.registry, SHOP, ENTRY.to_json())  # type: ignore[misc]
        await redis.zadd(P.backlog("products", SHOP), {str(one): 1 for one in range(1, number + 1)})
        claim = await runtime.backlog.claim(P, "products", SHOP, endpoint="product", start_rate=1_000)
        assert claim is not None
        batch = Drain(runtime, claim, begun=time.monotonic() + 3_600)  # its 10 s don't pass here
        with counting(counts):
            batch.sort_out(claim.ids, ENTRY)
            calls = Calls(batch, ENTRY, TARGET, Standing())
            batch.waiting.clear()
            while await calls._more():
                batch.waiting.clear()
        assert len(batch.all) == number
    few, many = counts
    assert many <= few * 8 * 1.1
