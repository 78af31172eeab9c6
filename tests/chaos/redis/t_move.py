"""T60: a move to 256 partitions, killed at any moment and repeated, to one Redis and to a cluster."""

import asyncio
import random
import signal
import time
from contextlib import AsyncExitStack

from redis.asyncio import Redis

from shopstream.redis.connection import connect
from shopstream.redis.keys import partition_for
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import valkey
from tests.processes import ANSWER_SECONDS

_IDS = 4
"""Ids of each planted shop that wait or are claimed."""


async def moved(size: Size, seed: int) -> Result:
    """Each attempt is killed sooner or later, and the last one ends; the ids that waited are counted at the target."""
    from tests.move.deployment import end, start_move
    from tests.move.planted import name_shop, plant
    from tests.running.clusters import cluster

    chance = random.Random(seed)  # noqa: S311 - repeatable
    shops = size.pick(short=100, ci=2_000, nightly=20_000)
    kills = size.pick(short=2, ci=20, nightly=50)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(valkey())
        nodes = await stack.enter_async_context(cluster())
        redis = await stack.enter_async_context(Redis.from_url(source.url, socket_timeout=ANSWER_SECONDS))
        await plant(redis, shops)
        killed = 0
        for _ in range(kills):
            moving = await start_move(source.url, nodes.url)
            await asyncio.sleep(chance.uniform(0.3, size.pick(short=2, ci=15, nightly=90)))
            if moving.returncode is None:
                moving.send_signal(signal.SIGKILL)
                killed += 1
            await moving.communicate()
        began = time.monotonic()
        done = await end(await start_move(source.url, nodes.url))
        assert done.code == 0, done
        seconds = time.monotonic() - began
        found = 0
        async with connect(nodes.url, seconds=ANSWER_SECONDS) as target:
            for number in range(shops):
                shop = name_shop(number)
                home = partition_for(shop, 256)
                found += await target.zcard(home.backlog("products", shop))
                found += await target.zcard(home.claimed("products", shop))
    note = f"{killed} attempts killed; {shops:,} shops; the last attempt took {seconds:.1f} s"
    return Result(runs=kills, asked=shops * _IDS, published=found, dead=0, lost=shops * _IDS - found, note=note)


CASES = [Case("T60", "a move of a deployment to a cluster, killed at any moment and repeated", moved)]
