"""What TikTok may answer: T8, every kind of wrong answer; T9, answers made to exhaust time and memory."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import psutil

from jobs.products.detail_calls import OUTAGE_AFTER
from shopstream.redis.keys import Partition
from shopstream_sandbox.fault.faults import KINDS
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.processes import until

THROTTLED = ("http_429", "http_429_date", "http_429_garbage")
TRANSIENT = (
    "http_500", "http_502", "http_503", "timeout", "reset", "half_closed", "truncated", "slowloris", "redirect",
    "code_nonzero", "html_200", "encoding_wrong", "br", "zstd", "br_bomb", "zstd_bomb", "huge_header",
)  # fmt: skip
UNREADABLE = (
    "bad_json", "nested", "nan", "lone_surrogate", "null_data", "missing_data", "other_product",
    "other_generation",
)  # fmt: skip
TOO_LARGE = ("gzip_bomb", "deflate_bomb")
CLASSES = (
    dict.fromkeys(TRANSIENT, "transient")
    | dict.fromkeys(UNREADABLE, "unreadable")
    | dict.fromkeys(TOO_LARGE, "too_large")
)
READ = ("wrong_content_type", "duplicate_keys", "bigint", "huge_field", "gzip", "deflate", "encoding_unknown")
"""Odd, and yet an answer: what can be read of it is published."""
EXHAUSTING = (
    "gzip_bomb", "deflate_bomb", "br_bomb", "zstd_bomb", "nested", "huge_header", "huge_field", "slowloris", "timeout",
)  # fmt: skip
SECONDS_MOST = 20
GROWTH_MOST = 50 * 2**20
"""Bytes of memory that answers may take which are given up."""
GROWTH_OF_READ = 2 * 2**20
"""The same for each answer that is read, as one with a title of a megabyte: it is there as text and as an event."""
LAST_TRY = 11
P = Partition(0)


async def lying(size: Size, seed: int) -> Result:
    """T8: throttles only, then each kind for a product of its own, then 30 % of everything."""
    assert sorted((*THROTTLED, *CLASSES, *READ)) == sorted(KINDS), "a kind without a class"
    products = size.pick(short=60, ci=1_000, nightly=20_000)
    options = ("--shops", "1", "--products", str(products), "--seed", str(seed))
    # A throttle halves the pace; here the throttles lie, and the case should end.
    async with stage(*options, env={"SHOPSTREAM_PACING_MIN_RATE": "200"}) as made, elsewhere() as other:
        (shop,) = made.shops
        ids = await made.products(shop)
        hold = size.pick(short=1.0, ci=25.0, nightly=25.0)  # longer than the 20 s that a call may take
        more = {"redirect_to": other.url, "seconds": hold, "seed": seed}
        await made.front.control("faults", rate=1, kinds=THROTTLED, **more)
        await made.ask(shop, ids)
        await until(lambda: _throttled(made, size.pick(short=2, ci=4, nightly=6)), 60)
        counted = await made.redis.hlen(P.tries("products", shop))  # type: ignore[misc]
        assert counted == 0, f"{counted} ids had a try counted by a throttle"
        await made.front.control("faults")
        kinds = (*CLASSES, *READ)
        spoilt = dict(zip(ids, kinds, strict=False))
        await made.settle()
        await made.front.control("faults", products=spoilt, **more)
        await made.redis.hset(P.tries("products", shop), mapping=dict.fromkeys(spoilt, LAST_TRY))  # type: ignore[misc]
        # Four at a time, since five failures in a row make the drain pause for 2 s.
        for begin in range(0, len(kinds), 4):
            await made.ask(shop, (*ids[begin : begin + 4], *ids[-8:]))
            await made.settle(120)
        dead = await _dead(made)
        right = {one: CLASSES[kind] for one, kind in spoilt.items() if kind in CLASSES}
        assert dead == right, f"given up otherwise: {set(dead.items()) ^ set(right.items())}"
        await made.front.control("faults", rate=0.3, **(more | {"seconds": 1.0}))
        await made.ask(shop, ids)
        await asyncio.sleep(size.pick(short=2, ci=45, nightly=900))
        await made.front.control("faults")
        began = time.monotonic()
        await made.settle(600)
        recovered = time.monotonic() - began
        wrong = set((await _dead(made)).values()) - set(CLASSES.values())
        assert not wrong, f"given up as {wrong}"
        letters = await made.redis.xlen(P.stream("dead"))
        # Once more in peace: what was read of odd answers gives way to the truth.
        await made.ask(shop, ids)
        await made.settle(120)
        await made.end_workers()
        assert not other.heard, f"{len(other.heard)} requests followed a redirect: {other.heard[0][:80]!r}"
        result = await made.judge()
        planted = sum(n for what, n in (await _answers(made)).items() if what == "429" or what.startswith("fault:"))
    result.runs, result.recover_seconds = planted, recovered
    result.note = f"{len(KINDS)} kinds; {letters} dead letters while they lasted, each of the right class"
    return result


async def exhausting(size: Size, seed: int) -> Result:
    """T9: 32 answers at once of each kind that would fill memory or never end."""
    each = size.pick(short=16, ci=32, nightly=64)
    mib = size.pick(short=64, ci=1_000, nightly=1_000)
    kinds = size.pick(short=EXHAUSTING[:-1], ci=EXHAUSTING, nightly=EXHAUSTING)
    options = ("--shops", "1", "--products", str(2 * each), "--seed", str(seed))
    draw = random.Random(seed)  # noqa: S311 - repeatable
    worst, growth = 0.0, 0
    async with stage(*options, env={"SHOPSTREAM_PACING_MIN_RATE": "200"}) as made:
        (shop,) = made.shops
        ids = await made.products(shop)
        # Answers of the usual kind first: what they take is not growth.
        for _ in range(2):
            await made.ask(shop, ids)
            await made.settle()
        for kind in kinds:
            bad = draw.sample(ids, each)
            seconds = size.pick(short=2.0, ci=30.0, nightly=30.0)
            await made.front.control("faults", products=dict.fromkeys(bad, kind), bomb_mib=mib, seconds=seconds)
            await made.redis.hset(P.tries("products", shop), mapping=dict.fromkeys(bad, LAST_TRY))  # type: ignore[misc]
            began = time.monotonic()
            before = (await _answers(made)).get(f"fault:{kind}", 0)
            letters = await made.redis.xlen(P.stream("dead"))
            async with rss(made.workers[0].child.pid) as memory:
                await made.ask(shop, ids)
                # Each that is too large is given up for itself; what else fails five times in a row pauses the shop.
                await until(partial(_met, made, kind, before + (each if kind in TOO_LARGE else OUTAGE_AFTER)), 30)
                failed = time.monotonic() - began  # what comes after it is 10 s behind: see BEHIND_MS
                await made.front.control("faults")
                await made.settle()
            worst, growth = max(worst, failed), max(growth, memory.growth)
            most = each * GROWTH_OF_READ if kind in READ else GROWTH_MOST
            assert memory.growth <= most, f"{kind}: {memory.growth / 2**20:.0f} MiB more memory"
            assert failed <= SECONDS_MOST + 10, f"{kind}: {failed:.0f} s"
            dead = await made.redis.xlen(P.stream("dead")) - letters
            right = {each} if kind in TOO_LARGE else {0} if kind in READ else range(each + 1)
            assert dead in right, f"{kind}: {dead} given up"
        await made.ask(shop, ids)
        await made.settle()
        await made.end_workers()
        result = await made.judge()
    result.runs = each * len(kinds)
    result.note = f"{mib} MiB a bomb, {each} at once: memory +{growth / 2**20:.0f} MiB, slowest kind {worst:.1f} s"
    return result


async def _throttled(made: Stage, count: int) -> bool:
    return (await _answers(made)).get("429", 0) >= count


async def _met(made: Stage, kind: str, count: int) -> bool:
    """Say if so many answers of that kind have been given, and nothing is in hand any more."""
    in_hand = await made.redis.zcard(P.claimed("products", made.shops[0]))
    return not in_hand and (await _answers(made)).get(f"fault:{kind}", 0) >= count


async def _answers(made: Stage) -> dict[str, int]:
    answers: dict[str, int] = (await made.front.see("stats"))["by_path"].get("product", {})
    return answers


async def _dead(made: Stage) -> dict[str, str]:
    """Class by id."""
    letters = [json.loads(fields[b"data"]) for _, fields in await made.redis.xrange(P.stream("dead"))]
    return {letter["id"]: letter["error_class"] for letter in letters}


class Memory:
    """The most that a process took, against what it had at the start."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._first = self._peak = self._process.memory_info().rss

    def look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)

    @property
    def growth(self) -> int:
        return self._peak - self._first


@asynccontextmanager
async def rss(pid: int) -> AsyncIterator[Memory]:
    """Looks at the memory of a process every 5 ms."""
    memory = Memory(pid)

    async def watch() -> None:
        while True:
            memory.look()
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    try:
        yield memory
    finally:
        memory.look()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class Elsewhere:
    """A host of somebody else's: hears what is sent to it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(4096))
        writer.close()


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    host = Elsewhere()
    server = await asyncio.start_server(host.answer, "127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield host


CASES = [
    Case("T8", "every kind of wrong answer, then 30 % of all calls", lying),
    Case("T9", "bombs, drips, a header of 1 MB, 100,000 brackets", exhausting),
]
