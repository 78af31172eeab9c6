"""One owner at a time: what Redis refuses to whoever isn't it, and how the partitions are shared out."""

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.consume.owning.leases import _LEASE, Ownership, share
from shopstream.consume.owning.ordering import StreamEntry
from shopstream.consume.owning.tenure import Owned
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, run
from tests.processes import until
from tests.shopstream.reading import STOCK, publish, standing

LEASE = Partition(0).owner("stock", "erp")
DEAD = Partition(0).dead_of("stock", "erp")


async def ask(redis: Redis, operation: str, token: str, ms: int = 60_000) -> int:
    (answer,) = await run(redis, [Call(_LEASE, [LEASE], [operation, token, ms])])
    return int(answer)


async def test_a_lease_has_one_holder_is_renewed_by_it_alone_and_never_taken_by_a_renewal(redis: Redis) -> None:
    assert await ask(redis, "look", "") == 1
    assert await ask(redis, "renew", "a") == 0
    assert await ask(redis, "acquire", "a") == 1
    assert await ask(redis, "look", "") == 0
    assert await ask(redis, "acquire", "b") == 0
    assert await ask(redis, "renew", "b") == 0
    assert await ask(redis, "renew", "a", 30) == 1
    await until(lambda: _free(redis))
    assert await ask(redis, "renew", "a") == 0
    assert await ask(redis, "acquire", "b") == 1


async def _free(redis: Redis) -> bool:
    return await ask(redis, "look", "") == 1


async def owner(redis: Redis) -> Owned:
    ownership = Ownership(redis, "stock", "erp", seconds=60)
    await ownership.beat()
    return Owned(ownership.leases[0], stream="stock", group="erp", consumer="c", start="0", count=5)


async def test_who_has_lost_the_lease_can_neither_read_nor_ack_nor_count_nor_bury_nor_give_it_back(
    redis: Redis,
) -> None:
    ids = await publish(redis, range(20))
    stale = await owner(redis)
    for _ in range(3):
        (answer,) = await run(redis, [stale.fill()])
        stale.take_filled(answer)
    assert list(stale.lane.unsettled) == ids[:5]
    # What a pause longer than the lease comes to, as Redis sees it.
    await redis.delete(LEASE, Partition(0).members("stock", "erp"))
    heir = await owner(redis)
    for _ in range(2):
        (answer,) = await run(redis, [heir.fill()])
        heir.take_filled(answer)
    before = (
        await standing(redis, "erp"),
        await redis.xpending_range(STOCK, "erp", "-", "+", 50),
        await redis.get(LEASE),
    )
    stale_calls = [
        stale.fill(), stale.settle(ids[:5]), *stale.count([(ids[0], 9)]),
        stale.bury(StreamEntry(ids[0], {b"data": b"x"}), "r"), *stale.restore(), *stale.release(),
    ]  # fmt: skip
    assert set(await run(redis, stale_calls)) == {None}
    after = await standing(redis, "erp"), await redis.xpending_range(STOCK, "erp", "-", "+", 50), await redis.get(LEASE)
    for entry in (*before[1], *after[1]):
        del entry["time_since_delivered"]
    assert after == before
    assert not await redis.exists(DEAD)


@settings(max_examples=50)
@given(st.sets(st.text(min_size=1), min_size=1, max_size=20), st.integers(1, 200))
def test_shares_are_fair_and_add_up(members: set[str], partitions: int) -> None:
    shares = [share(list(members), member, partitions) for member in members]
    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1
