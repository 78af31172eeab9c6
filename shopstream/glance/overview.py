"""Read the state of all shops: one command a partition, however many shops there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from redis.asyncio import Redis

from shopstream.errors import EmptyRedis
from shopstream.glance.shop_glance import ShopGlance, read_glance
from shopstream.glance.shop_states import STATES, ShopState, judge
from shopstream.redis import clock
from shopstream.redis.keys import PARTITIONS, PAUSED, Partition


class ShopOverview(NamedTuple):
    """A shop in an overview: its state, the reason, and the facts behind it."""

    state: ShopState
    reason: str
    glance: ShopGlance


@dataclass(frozen=True)
class Overview:
    """The state of all authorized shops at one moment.

    Attributes:
        now_ms: that moment, in ms of Redis's clock.
        paused: true if all shops are paused.
        shops: the shops, worst first: by state, and within a state by the age of their picture.
        states: the number of shops by state. Every state is there.
    """

    now_ms: int
    paused: bool
    shops: list[ShopOverview]
    states: dict[ShopState, int] = field(init=False)

    def __post_init__(self) -> None:
        counts: dict[ShopState, int] = dict.fromkeys(STATES, 0)
        for shop in self.shops:
            counts[shop.state] += 1
        object.__setattr__(self, "states", counts)

    def find(self, shop_id: str) -> ShopOverview | None:
        """Find a shop by its id; None if it isn't there."""
        return next((shop for shop in self.shops if shop.glance.shop_id == shop_id), None)


async def read_overview(redis: Redis) -> Overview:
    """Read the state of all shops, as workers have written it within the last second; a new shop's takes a minute.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    partitions, paused = await redis.mget(PARTITIONS, PAUSED)
    if partitions is None:
        raise EmptyRedis
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        for number in range(int(partitions)):
            pipe.hvals(Partition(number).glance)
        time, *stored = await pipe.execute()
    return judge_all(clock.convert(time), (one for values in stored for one in values), paused=paused is not None)


def judge_all(now_ms: int, stored: Iterable[bytes], *, paused: bool) -> Overview:
    """Judge all shops by their stored glances."""
    return judge_glances(now_ms, map(read_glance, stored), paused=paused)


def judge_glances(now_ms: int, glances: Iterable[ShopGlance | None], *, paused: bool) -> Overview:
    """Judge all shops by their glances. Those that could not be decoded are left out."""
    known = (glance for glance in glances if glance is not None)
    shops = [ShopOverview(*judge(glance, now_ms, paused=paused), glance) for glance in known]
    ranks = {state: rank for rank, state in enumerate(STATES)}
    shops.sort(key=lambda shop: (ranks[shop.state], shop.glance.seen_ms or 0))
    return Overview(now_ms, paused, shops)
