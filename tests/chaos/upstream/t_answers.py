"""T14, T15: answers out of order, and changes while an id is in hand, against the real scripts."""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from shopstream.redis.keys import STREAMS, Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import valkey
from tests.chaos.tools.machine import SHOP, TARGET, Machine, World, seen_now
from worker.backlog.claims import HandBack

P: Final = Partition(0)


async def any_order(size: Size, seed: int) -> Result:
    """T14: a Hypothesis machine, so many orders."""
    runs = size.pick(short=40, ci=2_000, nightly=100_000)
    async with valkey(appendonly="no") as server:
        return await asyncio.to_thread(_machine, server.url, runs, seed)


def _machine(url: str, runs: int, seed: int) -> Result:
    with asyncio.Runner() as runner:
        world = World(url, runner)

        class Here(Machine):
            pass

        Here.world = world
        checks = settings(
            max_examples=runs, stateful_step_count=50, deadline=None, database=None, print_blob=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        run_state_machine_as_test(seeded(seed)(Here), settings=checks)
        runner.run(world.redis.aclose())
    return Result(
        runs, world.asked, world.asked, 0, 0, note=f"{world.overtaken} answers overtaken, {world.unordered} in no order"
    )


async def changed_in_hand(size: Size, seed: int) -> Result:
    """T15: each id changes and is asked for again at some moment of its drain, over and over."""
    wakes = size.pick(short=4_000, ci=100_000, nightly=1_000_000)
    async with valkey(appendonly="no") as server:
        return await asyncio.to_thread(_wakes, server.url, wakes, seed)


def _wakes(url: str, wakes: int, seed: int) -> Result:
    with asyncio.Runner() as runner:
        world = World(url, runner)
        result = runner.run(_wake(world, wakes, random.Random(seed)))  # noqa: S311 - repeatable
        runner.run(world.redis.aclose())
    return result


async def _wake(world: World, wakes: int, draw: random.Random) -> Result:
    await world.begin()
    ids = [str(n) for n in range(1, 101)]
    truth, published, done = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0), 0
    moments: list[list[str]] = [[] for _ in range(5)]

    async def change(some: Sequence[str]) -> None:
        for one in some:
            truth[one] += 1
        if some:
            await world.client.sync_products(SHOP, some)

    while done < wakes or truth != published:
        if done < wakes:
            moments = [[] for _ in range(5)]
            for one in ids:
                draw.choice(moments).append(one)
            done += len(ids)
        else:
            moments = [[] for _ in range(5)]
        await change(moments[0])
        drain = await world.claim()
        if drain is None:
            assert done < wakes or truth == published, f"lost: {[one for one in ids if truth[one] != published[one]]}"
            continue
        await change(moments[1])
        answers = [await seen_now(world, one, truth[one.id.decode()]) for one in drain.waiting]
        await change(moments[2])
        counts = await world.publisher.settle(TARGET, drain.claim, answers)
        unordered = {one.asked for one in counts.unordered}
        await change(moments[3])
        assert await world.backlog.finish(drain.claim, [HandBack(a) for a in drain.waiting if a.id in unordered])
        await change(moments[4])
        await _read(world, published)
    return Result(1, wakes, wakes, 0, 0)


async def _read(world: World, published: dict[str, int]) -> None:
    """Take in the events since the last look, and remove them."""
    for _, fields in await world.redis.xrange(P.stream("stock")):
        event = json.loads(fields[b"data"])
        one = event["product_id"]
        assert event["available"] > published[one], "older stock after newer"
        published[one] = event["available"]
    await world.redis.delete(*(P.stream(name) for name in STREAMS))


CASES = [
    Case("T14", "answers late, twice, overtaken; drains that die or come back: in any order", any_order),
    Case("T15", "an id that changes and is asked for again while it is in hand", changed_in_hand),
]
