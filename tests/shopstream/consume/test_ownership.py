"""One owner at a time: what Redis refuses to whoever isn't it, and how the partitions are shared out."""

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.consume.owning.leases import _LEASE, Ownership, share
from shopstream.consume.owning.ordering import StreamEntry
from shopstream.consume.owning.tenure import Owned
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.scripts import Call, run
from tests.processes import until
from tests.shopstream.consume.reading import STOCK, publish, standing

LEASE = Partition(0).owner("stock", "erp")
MEMBERS = Partition(0).members("stock", "erp")
DEAD = Partition(0).dead_of("stock", "erp")


async def ask(redis: Redis, operation: str, token: str = "", ms: int = 60_000, kept: int = 0, seen: str = "") -> Any:
    (answer,) = await run(redis, [Call(_LEASE, [LEASE], [operation, token, ms, kept, seen])])
    return answer


async def test_a_lease_has_one_holder_is_renewed_by_it_alone_and_never_taken_by_a_renewal(redis: Redis) -> None:
    assert await ask(redis, "look") == b""
    assert await ask(redis, "renew", "a") == 0
    assert await ask(redis, "acquire", "a") == 1
    assert await ask(redis, "look") is None
    assert await ask(redis, "acquire", "b") == 0
    assert await ask(redis, "renew", "b") == 0
    assert await ask(redis, "renew", "a", 30) == 1
    await until(lambda: _free(redis))
    assert await ask(redis, "renew", "a") == 0
    assert await ask(redis, "acquire", "b") == 1


async def test_a_lease_that_has_ended_by_itself_is_taken_only_as_it_was_seen(redis: Redis) -> None:
    assert await ask(redis, "acquire", "a", kept=60_000) == 1
    assert await ask(redis, "acquire", "a", kept=60_000) == 1, "repeated, since the answer was lost"
    assert await ask(redis, "look") is None
    seen = await end_lease(redis, "a")
    assert await ask(redis, "look") == seen
    assert await ask(redis, "renew", "a", kept=60_000) == 1
    assert await ask(redis, "acquire", "b", kept=60_000, seen=seen.decode()) == 0
    seen = await end_lease(redis, "a")
    assert await ask(redis, "acquire", "b", kept=60_000, seen=seen.decode()) == 1
    assert await ask(redis, "renew", "a") == 0
    assert 0 < await redis.pttl(LEASE) <= 60_000, "its answer may be lost"
    assert await ask(redis, "renew", "b", kept=60_000) == 1
    assert await ask(redis, "acquire", "b", kept=60_000) == 1, "late"
    assert 60_000 < await redis.pttl(LEASE) <= 120_000


async def test_a_lease_of_a_version_before_holds_while_it_exists(redis: Redis) -> None:
    await redis.set(LEASE, "a-1", px=60_000)
    assert await ask(redis, "look") is None
    assert await ask(redis, "acquire", "b") == 0


async def end_lease(redis: Redis, token: str) -> bytes:
    """Have a lease end by itself, as time does; return it."""
    seen = f"{token} 1".encode()
    await redis.set(LEASE, seen)
    return seen


async def test_a_lease_is_taken_once_it_has_ended_and_its_member_has_died(redis: Redis) -> None:
    first, second = (Ownership(redis, "stock", "erp", seconds=60) for _ in range(2))
    await first.beat()
    token = first.leases[0].token
    await first.leave()
    await second.beat()
    assert not second.leases, "it has not ended: its member may be unable to say that it lives"
    await end_lease(redis, token)
    await second.beat()
    assert second.leases[0].holds(time.monotonic())


async def test_a_living_member_keeps_a_lease_that_has_ended_by_itself(redis: Redis) -> None:
    first, second = (Ownership(redis, "stock", "erp", seconds=60) for _ in range(2))
    await redis.set(PARTITIONS, 2)
    await first.beat()
    assert len(first.leases) == 2
    await end_lease(redis, first.leases[0].token)
    await second.beat()
    assert not second.leases
    await first.beat()
    assert [first.leases[number].asked_back is None for number in range(2)] == [True, False]


async def test_members_that_the_list_has_forgotten_join_again_and_keep_their_leases(redis: Redis) -> None:
    """As after a failover to a replica that had no list."""
    first, second = (Ownership(redis, "stock", "erp", seconds=60) for _ in range(2))
    await first.beat()
    await second.beat()
    lease = first.leases[0]
    await end_lease(redis, lease.token)
    lease.until = 0.0
    await redis.delete(MEMBERS)
    await second.beat()
    assert not second.leases, "the others need a moment to join again"
    await first.beat()
    assert first.leases == {0: lease}
    assert lease.holds(time.monotonic())
    assert await redis.zcard(MEMBERS) == 2


async def test_a_member_that_was_forgotten_and_replaced_joins_behind_the_others(redis: Redis) -> None:
    first, second = (Ownership(redis, "stock", "erp", seconds=60) for _ in range(2))
    await first.beat()
    lease = first.leases[0]
    await end_lease(redis, lease.token)
    lease.until = 0.0
    await redis.delete(MEMBERS)
    await second.beat()
    assert set(second.leases) == {0}
    await first.beat()
    assert lease.lost
    assert not first.leases
    await second.beat()
    assert second.leases[0].asked_back is None


async def test_a_lease_whose_answer_was_lost_is_found_again(redis: Redis) -> None:
    ownership = Ownership(redis, "stock", "erp", seconds=60)
    await ownership.beat()
    lease = ownership.leases.pop(0)
    await ownership.beat()
    assert not ownership.leases, "until it has ended"
    await end_lease(redis, lease.token)
    await ownership.beat()
    assert set(ownership.leases) == {0}


async def _free(redis: Redis) -> bool:
    return bool(await ask(redis, "look") == b"")


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
    await redis.delete(LEASE, MEMBERS)
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
