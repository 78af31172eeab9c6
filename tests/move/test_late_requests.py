"""Services that go on asking a closed source, against its errors, don't keep the move from its end."""

import pytest
from redis import Redis as Synchronous
from redis.asyncio import Redis

from shopstream.errors import Moved
from shopstream.move.move_places import MoveSide
from shopstream.move.moving import move_deployment
from shopstream.move.work_stop import close_for_requests, stop_work
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import MoveMark
from shopstream.registry import settings_store
from tests.chaos.stage import valkey
from tests.move.planted import name_shop, plant
from tests.processes import ANSWER_SECONDS

BACKLOG = Partition(0).backlog("products", name_shop(0))


async def test_an_id_that_came_after_the_copy_moves_too(redis: Redis, redis_url: str) -> None:
    """A request writes its ids before it fails at `due`."""
    await plant(redis, 3)

    def ask(line: str) -> None:
        if line.startswith("copied: requests"):
            with Synchronous.from_url(redis_url) as late:
                late.zadd(BACKLOG, {"17": 5})
                late.zadd(Partition(0).backlog("stock", name_shop(1)), {"18": 5})

    async with valkey() as server, Redis.from_url(server.url, socket_timeout=ANSWER_SECONDS) as target:
        done = await move_deployment(redis, redis_url, server.url, say=ask)
        assert done.target
        assert done.target.ids.number == 3 * 4 + 2
        assert await target.zscore(BACKLOG, "17") == 5


async def test_a_pause_of_all_shops_during_the_copy_holds_at_the_target(redis: Redis, redis_url: str) -> None:
    await plant(redis, 1)
    await redis.delete(PAUSED)

    def pause(line: str) -> None:
        if line.startswith("copied: requests"):
            with Synchronous.from_url(redis_url) as operator:
                operator.set(PAUSED, 19)

    async with valkey() as server, Redis.from_url(server.url, socket_timeout=ANSWER_SECONDS) as target:
        await move_deployment(redis, redis_url, server.url, say=pause)
        assert await target.get(PAUSED) == b"19"


@pytest.mark.parametrize("changes", [{"low": 9}, {"full_interval": 7_200}])
async def test_a_closed_source_takes_no_settings(redis: Redis, changes: dict[str, object]) -> None:
    await plant(redis, 1)
    source, mark = MoveSide(redis, 1), MoveMark("ab", "redis://127.0.0.1:1/0", 17, 1)
    await stop_work(source, mark)
    await close_for_requests(source, mark)
    before = await redis.hget(Partition(0).settings, name_shop(0))  # type: ignore[misc]
    with pytest.raises(Moved):
        await settings_store.change(redis, Partition(0), name_shop(0), changes)
    assert await redis.hget(Partition(0).settings, name_shop(0)) == before  # type: ignore[misc]
