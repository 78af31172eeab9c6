"""T42, T43: flash sales whose pushes are reordered, repeated and lost, or in whose middle everything is killed."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.flash_record import FlashRecord
from benchmarks.gateway.flash_stand import Stand, sell_in_rounds
from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, stage
from tests.gateway.process import Gateway, gateway
from tests.processes import free_port, until

P: Final = Partition(0)
FAST: Final = {"SHOPSTREAM_PACING_START_RATE": "1000"}
PATIENCE_SECONDS: Final = 120
"""A push is verified within 55 s, and the last one of a sale once more, 55 s later."""
RETRY_SECONDS: Final = 121
"""Seconds after which TikTok sends a push again that had no answer."""
RETRIES: Final = [120, *[5] * 60]
"""Seconds until each sending after the first. Many that wait for the second may come at once and be too slow again."""
PARTS: Final = ("gateway", "worker", "redis")


async def flash_sale(size: Size, seed: int) -> Result:
    """Each SKU of all shops sells a unit every few seconds; of the pushes 1 % are lost, 1 % repeated, 5 % late."""
    shops, each = size.pick(short=(2, 20), ci=(10, 100), nightly=(50, 200))
    every, rounds, faultless = size.pick(short=(2, 4, 1), ci=(5, 12, 0), nightly=(10, 60, 0))
    options = ("--shops", str(shops), "--shops-per-seller", str(shops), "--products", str(each), "--seed", str(seed))
    async with stage(*options, env=FAST) as made:
        door = await _Door(made, free_port()).start()
        stand = Stand(made.front, made.client, door.public)
        await stand.load()
        skus = {shop: await stand.skus(shop, each) for shop in stand.shops}
        await stand.fill(skus)
        await sell_in_rounds(stand, skus, rounds=rounds, every=every, faultless=faultless, seed=seed)
        record = await stand.settled(PATIENCE_SECONDS)
        if size is not Size.SHORT:  # calls that still follow count too
            await until(lambda: _has_looked(stand), seconds=PATIENCE_SECONDS)
        calls, pushes, repairs = await stand.calls(), len(record.pushes), record.repairs()
        assert pushes == shops * each * rounds
        _check(record)
        assert max(repairs, default=0) < float("inf"), f"{repairs.count(float('inf'))} lost pushes were not repaired"
        assert calls <= pushes // 100 + 10, f"{calls} calls of {pushes} pushes"
        result = await _judge(made, stand)
        result.runs = pushes
        result.recover_seconds = max(repairs, default=None)
        result.note = (
            f"{pushes:,} pushes, {len(repairs)} of them lost: {calls} calls (at most {pushes // 100 + 10}), "
            f"{record.share():.0%} of the others have an event of their own; recovery: from a lost push to its repair"
        )
    return result


@dataclass
class _Door:
    """A gateway that comes back on its port."""

    made: Stage
    port: int

    async def start(self) -> Gateway:
        """Start it; it ends with the stage if it lives so long."""
        app = {name: self.made.env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        address = f"127.0.0.1:{self.port}"
        door = gateway(self.made.valkey.url, SHOPSTREAM_GATEWAY_PUBLIC=address, **app)
        return await self.made.stack.enter_async_context(door)


@dataclass
class _Crew:
    """Gateway, worker and Redis, of which any may be killed and comes back."""

    made: Stage
    door: _Door
    running: Gateway

    async def kill(self, parts: Sequence[str]) -> None:
        """kill -9 of parts, all at once, and start them again."""
        made = self.made
        if "gateway" in parts:
            self.running.child.kill()
        if "redis" in parts:
            await asyncio.to_thread(made.valkey.kill)
        if "worker" in parts:
            await asyncio.gather(*(made.kill_worker(one, signal.SIGKILL) for one in made.living))
        if "redis" in parts:
            await made.valkey.restart()
        if "gateway" in parts:
            await self.running.child.wait()
            self.running = await self.door.start()
        if "worker" in parts:
            await made.start_worker()


async def killed(size: Size, seed: int) -> Result:
    """Kill gateway, worker and Redis in the middle of a sale, one after another and together."""
    rate, skus = size.pick(short=(40, 20), ci=(100, 100), nightly=(200, 200))
    rounds = size.pick(short=1, ci=4, nightly=40)
    deaths = [*([part] for part in PARTS), list(PARTS)] * rounds
    draw = random.Random(seed)  # noqa: S311 - repeatable
    options = ("--shops", "1", "--products", str(skus), "--seed", str(seed))
    config = {"appendonly": "yes", "appendfsync": "always"}
    async with stage(*options, env=FAST, config=config) as made:
        door = _Door(made, free_port())
        crew = _Crew(made, door, await door.start())
        stand = Stand(made.front, made.client, crew.running.public)
        (shop,) = stand.shops
        await stand.load()
        sold = await stand.skus(shop, skus)
        await stand.fill({shop: sold})
        await stand.mark(retry_seconds=RETRIES)
        await made.front.control("sale", shop_id=shop, sku_ids=sold, per_second=rate, sales=10**9)
        await _goes_on(stand, rate)
        slowest = 0.0
        for parts in deaths:
            await asyncio.sleep(draw.uniform(0, 0.5))  # strike at any point of the work
            began = time.monotonic()
            await crew.kill(parts)
            await _goes_on(stand, rate)
            slowest = max(slowest, time.monotonic() - began)
        await made.front.control("sale", shop_id=shop, stop=True)
        # Before anything comes again, so that no repeat hides what was answered and lost.
        await until(lambda: _knows_all(stand), seconds=PATIENCE_SECONDS)
        # What had no answer comes again, as TikTok does after two minutes.
        await made.front.control("clock", offset_seconds=RETRY_SECONDS)
        record = await stand.settled(PATIENCE_SECONDS)
        _check(record)
        again = sum(push.sendings > 1 for push in record.pushes)
        result = await _judge(made, stand)
        result.runs = len(deaths)
        result.recover_seconds = slowest
        result.note = (
            f"{len(record.pushes):,} pushes, {again} of them sent again, {record.share():.0%} with an event of their "
            "own; recovery: from a kill to the next second of the sale"
        )
    return result


async def _knows_all(stand: Stand) -> bool:
    return not (await stand.record()).count_unknown()


async def _has_looked(stand: Stand) -> bool:
    """Tell whether no look waits or is under way."""
    left = [
        await stand.client.redis.zcard(key("stock", shop)) for shop in stand.shops for key in (P.backlog, P.claimed)
    ]
    return not any(left)


async def _goes_on(stand: Stand, more: int) -> None:
    """Wait until so many more pushes are published."""
    stream = P.stream("stock")
    wanted = await stand.client.redis.xlen(stream) + more

    async def enough() -> bool:
        return bool(await stand.client.redis.xlen(stream) >= wanted)

    await until(enough, seconds=120)


def _check(record: FlashRecord) -> None:
    """Each push was answered, and each SKU's events end with the last number, in order and without a gap."""
    assert all(push.answered or push.lost for push in record.pushes)
    assert not (faults := record.list_faults()), "\n".join(faults)


async def _judge(made: Stage, stand: Stand) -> Result:
    """Have everything fetched once more, and let the checker compare it with the sandbox."""
    await stand.front.control("webhooks", reset=True)
    for shop in stand.shops:
        await made.ask(shop, await made.products(shop))
    await made.settle(120)
    await made.end_workers()
    return await made.judge()


CASES = [
    Case("T42", "a flash sale whose pushes are reordered, repeated and lost", flash_sale),
    Case("T43", "kill -9 of gateway, worker and Redis in the middle of a flash sale", killed),
]
