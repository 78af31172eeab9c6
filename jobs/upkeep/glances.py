"""Write the glances of all shops of a partition every five minutes, a fifth each minute, and sample its history.

Workers write a shop's glance when something happens at it. Here comes the rest: requests while nothing is fetched, and
shops of a version that had no glances.
"""

from typing import Final
from zlib import crc32

from shopstream.glance import rings
from shopstream.glance.overview import Overview, judge_all
from shopstream.glance.shop_states import IN_TURN
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition
from shopstream.redis.scanning import read_hashes, read_names
from worker.glances.glance_script import GlanceScript, RingCounts, RingScript, ShopNews
from worker.instrumentation.glance_keeper import PORTION
from worker.retention.trimming import used_share
from worker.runtime import Runtime

_MINUTES: Final = 5
"""Minutes in which each shop has its turn."""
_MOST: Final = 65_535
"""The largest value of a slot."""


async def write_turn(runtime: Runtime, partition: Partition) -> None:
    """Write the glances of the minute's shops and of those without one, and sample the history."""
    redis, script = runtime.redis, GlanceScript(runtime.redis)
    now_ms = await clock.read_ms(redis, partition)
    turn = now_ms // 60_000 % _MINUTES
    authorized, written = await read_names(redis, [partition.registry, partition.glance])
    # Glances of forgotten shops are removed in their turn.
    due = (name for name in authorized | written if name not in written or crc32(name) % _MINUTES == turn)
    listed = sorted(name.decode() for name in due)
    for begin in range(0, len(listed), PORTION):
        await script.write(partition, [(shop, ShopNews()) for shop in listed[begin : begin + PORTION]])
    stored = await read_hashes(redis, [partition.glance])
    overview = judge_all(now_ms, list(stored.values()), paused=bool(await redis.exists(PAUSED)))
    await RingScript(redis).add(partition, await _sample(runtime, partition, overview))


async def look(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Have the glance of one shop written, after somebody has changed its settings: the end of this work does so."""
    await runtime.redis.zrem(partition.due, f"glance:{shop}")
    return True


async def _sample(runtime: Runtime, partition: Partition, overview: Overview) -> dict[rings.Ring, RingCounts]:
    states = overview.states
    in_step = states["in_step"] + states["first_load"]
    active = in_step + states["late"] + states["throttled"]
    in_turn = [one.oldest_ms for one in overview.shops.judged if one.state in IN_TURN and one.oldest_ms]
    oldest = overview.now_ms - min(in_turn, default=overview.now_ms)
    fresh = RingCounts(in_step, active)
    return {
        rings.FRESH: fresh,
        rings.FRESH_DAYS: fresh,
        rings.OLDEST: RingCounts(value=min(_MOST, int(max(0, oldest)) // 1000)),
        rings.MEMORY: RingCounts(value=min(_MOST, int(1000 * await used_share(runtime.redis, partition)))),
    }
