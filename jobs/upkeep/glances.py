"""Write the glances of all shops of a partition once a minute, and sample its history.

What happens in a worker is in the glances within a second. Here comes what others change: requests, settings, and shops
of a version that had no glances.
"""

from typing import Final

from shopstream.glance import rings
from shopstream.glance.overview import Overview, judge_all
from shopstream.glance.shop_states import IN_TURN
from shopstream.redis import clock
from shopstream.redis.keys import PAUSED, Partition
from worker.glances.glance_keeper import PORTION
from worker.glances.glance_script import Counts, GlanceScript, RingScript, ShopNews
from worker.retention.trimming import used_share
from worker.runtime import Runtime

_MOST: Final = 65_535
"""The largest value of a slot."""


async def write_all(runtime: Runtime, partition: Partition) -> None:
    """Write the glances of all shops of a partition, remove those of forgotten ones, and sample the history."""
    redis, script = runtime.redis, GlanceScript(runtime.redis)
    shops = {name.decode() for key in (partition.registry, partition.glance) for name in await redis.hkeys(key)}  # type: ignore[misc]
    listed = sorted(shops)
    for begin in range(0, len(listed), PORTION):
        await script.write(partition, [(shop, ShopNews()) for shop in listed[begin : begin + PORTION]])
    stored: list[bytes] = await redis.hvals(partition.glance)  # type: ignore[misc]
    now_ms = await clock.read_ms(redis)
    overview = judge_all(now_ms, stored, paused=bool(await redis.exists(PAUSED)))
    await RingScript(redis).add(partition, await _sample(runtime, overview))


async def look(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Have the glance of one shop written, after somebody has changed its settings: the end of this work does so."""
    await runtime.redis.zrem(partition.due, f"glance:{shop}")
    return True


async def _sample(runtime: Runtime, overview: Overview) -> dict[rings.Ring, Counts]:
    states = overview.states
    in_step = states["in_step"] + states["first_load"]
    active = in_step + states["late"] + states["throttled"]
    in_turn = [shop.glance.oldest_ms for shop in overview.shops if shop.state in IN_TURN]
    oldest = max((overview.now_ms - moment for moment in in_turn if moment is not None), default=0)
    fresh = Counts(in_step, active)
    return {
        rings.FRESH: fresh,
        rings.FRESH_DAYS: fresh,
        rings.OLDEST: Counts(value=min(_MOST, max(0, oldest) // 1000)),
        rings.MEMORY: Counts(value=min(_MOST, int(1000 * await used_share(runtime.redis)))),
    }
