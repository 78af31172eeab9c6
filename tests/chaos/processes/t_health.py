"""Health that does not lie, and a Redis that fills up."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.proxy import Proxy, proxy
from tests.processes import free_port, until
from worker.health import check
from worker.redis.memory import FULL

P = Partition(0)
RED_SECONDS = 15.0
PACE = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}


async def honest(size: Size, seed: int) -> Result:
    """T4: health of every worker under each way in which Redis can be away, and calls only with permits."""
    away = size.pick(short=3.0, ci=30.0, nightly=30.0)
    options = ("--shops", "4", "--products", str(size.pick(short=60, ci=600, nightly=3_000)), "--seed", str(seed))
    async with stage(*options, workers=0, env=PACE) as made, proxy("127.0.0.1", made.valkey.port) as between:
        ports = [free_port() for _ in range(2)]
        for port in ports:
            await made.start_worker(SHOPSTREAM_REDIS_URL=between.url(), SHOPSTREAM_HEALTH_PORT=str(port))
        for shop in made.shops:
            await made.ask(shop, await made.products(shop))
        reds, greens = [], []
        for begin, end in _faults(made, between):
            await made.reach(await made.published() + 20)
            began = time.monotonic()
            await begin()
            if size is not Size.SHORT:
                await until(lambda: _all(ports, healthy=False), seconds=RED_SECONDS)
                reds.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, away - (time.monotonic() - began)))
            await end()
            began = time.monotonic()
            await until(lambda: _all(ports, healthy=True), seconds=RED_SECONDS)
            greens.append(time.monotonic() - began)
        await made.settle(180)
        assert len(made.living) == len(ports), "a worker has died of it"
        await made.end_workers()
        permits = sum([int(await made.redis.get(P.sequence(shop)) or 0) for shop in made.shops])
        calls = sum((await made.front.see("stats"))["by_path"]["product"].values())
        assert calls <= permits, f"{calls} calls with {permits} permits"
        result = await made.judge()
    result.runs, result.recover_seconds = len(greens), max(greens)
    result.note = f"red after {max(reds, default=0):.1f} s at the most; {calls} calls, {permits} permits"
    return result


def _faults(
    made: Stage, between: Proxy
) -> list[tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]]:
    async def freeze() -> None:
        made.valkey.signal(signal.SIGSTOP)

    async def thaw() -> None:
        made.valkey.signal(signal.SIGCONT)

    async def dark() -> None:
        between.to_server.black_hole = between.to_client.black_hole = True

    async def light() -> None:
        between.to_server.black_hole = between.to_client.black_hole = False

    return [
        (freeze, thaw),
        (dark, light),
        (between.down, between.up),
        (lambda: made.redis.replicaof("127.0.0.1", "1"), lambda: made.redis.replicaof("NO", "ONE")),
    ]


async def _all(ports: list[int], *, healthy: bool) -> bool:
    answers = await asyncio.gather(*(asyncio.to_thread(check, "127.0.0.1", port) for port in ports))
    return all(ok is healthy for ok, _ in answers)


async def filling(size: Size, seed: int) -> Result:
    """T6: others fill Redis beyond 85 %: nothing more is claimed, ids are still accepted; room, and it drains."""
    products = size.pick(short=400, ci=600, nightly=5_000)
    port = free_port()
    async with stage("--shops", "2", "--products", str(products), "--seed", str(seed), workers=0, env=PACE) as made:
        await made.start_worker(SHOPSTREAM_HEALTH_PORT=str(port))
        first, second = made.shops
        ids = await made.products(first)
        await made.ask(first, ids)
        await made.reach(products // 4)
        # So that a hundredth of it is more than the buffers that come and go; without a buffer for itself.
        await made.redis.setrange("ballast", 2**25, "x")
        used = int((await made.redis.info("memory"))["used_memory"])
        await made.redis.config_set("maxmemory", int(used / (FULL + 0.03)))
        await made.workers[0].logged("redis_nearly_full")
        await until(lambda: _quiet(made), seconds=15)
        stuck = await made.published()
        assert stuck < products
        await made.ask(second, await made.products(second))  # there is still room for it
        await asyncio.sleep(size.pick(short=3, ci=15, nightly=60))
        assert await made.published() == stuck, "claimed although Redis is nearly full"
        assert (await asyncio.to_thread(check, "127.0.0.1", port))[0], "it can write, so it is healthy"
        await made.redis.config_set("maxmemory", 0)
        recovered = await made.grows()
        await made.settle(120)
        assert len(made.living) == 1
        await made.end_workers()
        result = await made.judge(trimmed=True)
    result.recover_seconds = recovered
    result.note = f"nothing claimed above {FULL:.0%} of maxmemory, enqueueing goes on"
    return result


async def _quiet(made: Stage) -> bool:
    left = [await made.redis.zcard(P.claimed("products", shop)) for shop in made.shops]
    return not any(left)


CASES = [
    Case(
        "T4", "health while Redis is frozen, in a black hole, refused, read-only: red in 15 s, green by itself", honest
    ),
    Case("T6", "Redis fills up to 85 % of maxmemory: claims stop, enqueueing goes on", filling),
]
