"""A fleet in daily life: rolled over, its doorbell unplugged, wrong clocks, a product that kills."""

import asyncio
import json
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from shopstream.redis.keys import Partition
from shopstream.registry import troubles
from tests.chaos.case import Case, Result, Size
from tests.chaos.redis.t_redis import busy
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.proxy import Cut, Link, proxy
from tests.chaos.upstream.t_tokens import forget_host
from tests.processes import Worker, until
from tests.sources import ROOT

P: Final = Partition(0)
PACE: Final = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}
QUEUE: Final = "arq:shopstream"


async def rolled(size: Size, seed: int) -> Result:
    """T2: SIGTERM for one worker after another, each replaced."""
    times = size.pick(short=2, ci=10, nightly=100)
    products = size.pick(short=80, ci=400, nightly=4_000)
    slowest = 0.0
    async with stage("--shops", "4", "--products", str(products), "--seed", str(seed), workers=2, env=PACE) as made:
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        for n in range(times):
            await made.reach(4 * products * (n + 1) // (times + 2))
            began = time.monotonic()
            code = await made.kill_worker(made.living[0], signal.SIGTERM)
            slowest = max(slowest, time.monotonic() - began)
            assert code == 0, f"a worker has ended with {code}"
            await made.start_worker()
        await made.settle(120)
        stats = await made.front.see("stats")
        await made.end_workers()
        result = await made.judge()
    twice = stats["by_path"]["product"]["ok"] - result.asked
    assert twice == 0, f"{twice} ids were fetched twice"
    assert result.dead == 0
    assert slowest <= 20
    result.runs = times
    result.note = f"none fetched twice; a worker ends within {slowest:.1f} s"
    return result


async def unplugged(size: Size, seed: int) -> Result:
    """T18: arq's queue flushed every second, and malformed entries in it all the time."""
    fuzzed = size.pick(short=300, ci=10_000, nightly=200_000)
    products = size.pick(short=40, ci=300, nightly=3_000)
    async with stage("--shops", "3", "--products", str(products), "--seed", str(seed), workers=2, env=PACE) as made:
        ids = {shop: await made.products(shop) for shop in made.shops}
        for shop in made.shops:
            await made.ask(shop, ids[shop])
        async with busy(made, ids):
            await _poison(made, fuzzed, random.Random(seed))  # noqa: S311 - repeatable

        async def rid() -> bool:
            return bool(await made.redis.zcard(QUEUE) == 0)

        await until(rid, seconds=60)
        await made.settle(120)
        assert len(made.living) == 2, "a worker has died of an entry in arq's queue"
        await made.end_workers()
        result = await made.judge()
    result.runs = fuzzed
    return result


async def _poison(made: Stage, count: int, draw: random.Random) -> None:
    """The malformed payloads that are known to kill arq, and random ones, some at a time; a flush a second."""
    known = [
        b'{"f":[],"t":null,"et":1,"a":[],"k":{}}', b'{"f":"drain","t":"x","et":1,"a":[0,"x"],"k":{}}',
        b'{"f":"drain","t":null,"et":null,"a":[0,"x"],"k":{}}', b'{"f":"drain","t":null,"et":1e300,"a":[0,"x"],"k":{}}',
        b'{"f":"drain","t":null,"et":99999999999999999999999,"a":[0,"x"],"k":{}}', b"\x80\x04N.", b"", b"null", b"[]",
        b'{"f":"drain","t":null,"et":1,"a":[0,"products:../x"],"k":{}}',
        b'{"f":"drain","t":null,"et":1,"a":[-7,"products:1"],"k":{}}',
        b'{"f":"drain","t":null,"et":1,"a":[0,"nonsense"],"k":{}}',
    ]  # fmt: skip
    flushed = time.monotonic()
    for n in range(0, count, 20):
        async with made.redis.pipeline(transaction=False) as pipe:
            for i in range(n, n + 20):
                job = b"%d" % i + (b"\xff\xfe" if draw.random() < 0.2 else b"")
                payload = draw.choice(known) if draw.random() < 0.5 else draw.randbytes(draw.randrange(60))
                pipe.set(b"arq:job:" + job, payload, ex=60)
                pipe.zadd(QUEUE, {job: draw.choice([0, 1, -1e18, time.time() * 1000])})
            await pipe.execute()
        if time.monotonic() - flushed > 1:
            await made.redis.delete(QUEUE)
            flushed = time.monotonic()
        await asyncio.sleep(0.05)


_CLOCK: Final = """
import os, time
_real, _off = time.time, float(os.environ["CHAOS_CLOCK"])
time.time = lambda: _real() + _off
"""


async def clocks(size: Size, seed: int) -> Result:
    """T13: workers whose clocks are wrong, by a little and by so much that TikTok refuses their calls."""
    offsets = size.pick(
        short=[-240, 86_400], ci=[-240, 25, -300, 300, -86_400, 86_400], nightly=[-240, 25, 300, 86_400]
    )
    notes = []
    total = Result(len(offsets), 0, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        (Path(folder) / "sitecustomize.py").write_text(_CLOCK)
        for offset in offsets:
            env = PACE | {"PYTHONPATH": f"{folder}:{ROOT}", "CHAOS_CLOCK": str(offset)}
            async with stage("--shops", "1", "--products", "15", "--seed", str(seed), workers=0) as made:
                notes.append(f"{offset:+} s: {await _wrong_clock(made, env)}")
                result = await made.judge()
            total.asked, total.published = total.asked + result.asked, total.published + result.published
            total.dead += result.dead
    total.note = "; ".join(notes) + "; Redis's clock set back is not run: it needs a server with a clock of its own"
    return total


async def _wrong_clock(made: Stage, env: dict[str, str]) -> str:
    """What is said; then a worker with the right clock does what is left."""
    (shop,) = made.shops
    running = await made.start_worker(**env)
    await made.ask(shop, await made.products(shop))
    line: dict[str, Any] = {}

    async def over() -> bool:
        loud = [one for one in running.logs if one.get("level") == "error" and "timestamp" in json.dumps(one)]
        line.update(loud[0] if loud else {})
        return bool(line) or not await made.redis.exists(P.backlog("products", shop), P.claimed("products", shop))

    await until(over, seconds=40)
    assert any("clock" in str(one.get("warning")) for one in running.logs), "nobody says that the clock is wrong"
    await made.kill_worker(running, signal.SIGTERM)
    if not line:
        return "all published"
    await made.start_worker()
    assert await troubles.retry(made.redis, made.partitions, shop) == [shop]  # as an operator who has mended the clock
    await made.settle()
    await made.end_workers()
    return "refused and said"


async def poisonous(size: Size, seed: int) -> Result:
    """T17: a product whose fetching kills the worker, as when its answer takes all memory."""
    products = size.pick(short=60, ci=1_000, nightly=1_000)
    env = {"SHOPSTREAM_PACING_START_RATE": "200", "SHOPSTREAM_PACING_MAX_RATE": "200"}
    async with stage("--shops", "1", "--products", str(products), "--seed", str(seed), workers=0, env=env) as made:
        (shop,) = made.shops
        ids = await made.products(shop)
        poison = random.Random(seed).choice(ids)  # noqa: S311 - repeatable
        victims: list[Worker] = []

        async def kill(_: Link, data: bytes) -> bytes:
            if f"/products/{poison}?".encode() in data:
                victims[-1].child.kill()
                raise Cut
            return data

        host, port = made.front.url.removeprefix("http://").split(":")
        for entry in await made.client.list_shops():
            await forget_host(made.redis, entry.authorization)
        async with proxy(host, int(port), tap=kill) as between:
            await made.ask(shop, ids)
            deaths = 0
            while await made.redis.exists(P.backlog("products", shop), P.claimed("products", shop)):
                assert deaths <= 10, "the poison is never given up"
                victims.append(await made.start_worker(SHOPSTREAM_API_URL=between.url("http", "")))
                await until(lambda: _over(made, shop, victims[-1]), seconds=120)
                if victims[-1].child.returncode is not None:
                    deaths += 1
                    await made.expire_leases()
        await made.end_workers()
        result = await made.judge()
        (letter,) = [letter async for letter in made.client.list_dead_letters()]
    assert (letter.data["id"], letter.data["error_class"]) == (poison, "crash")
    assert (result.published, result.dead) == (products - 1, 1)
    result.runs = deaths
    result.note = f"given up after {deaths} deaths (list: 5); leases run out by hand"
    return result


async def _over(made: Stage, shop: str, running: Worker) -> bool:
    left = await made.redis.exists(P.backlog("products", shop), P.claimed("products", shop))
    return running.child.returncode is not None or not left


CASES = [
    Case("T2", "rolling restart, a SIGTERM at a time", rolled),
    Case("T13", "workers' clocks wrong by up to a day", clocks),
    Case("T17", "a product whose fetching kills the worker", poisonous),
    Case("T18", "arq's queue flushed every second and full of malformed entries", unplugged),
]
