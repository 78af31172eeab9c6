import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.enqueue.walk_requests import WalkKind, ask
from shopstream.redis.keys import WALKS, Partition
from worker.publishing.publisher import Fenced
from worker.walks.checkpoint import LEASE_MS, Place, Walk, Walks
from worker.walks.windows import Window

P = Partition(0)
SHOP = "7495"
ACTIVE = '{"shop_id":"7495","status":"active"}'


@pytest.fixture
async def walks(redis: Redis) -> Walks:
    await redis.hset(P.registry, SHOP, ACTIVE)  # type: ignore[misc]
    return Walks(redis)


async def begun(walks: Walks, name: str = "full") -> Walk:
    walk = await walks.begin(P, name, SHOP)
    assert walk is not None
    return walk


def place(walk: Walk, **fields: int) -> Place:
    return Place(run="full-1-abc", kind="full", started_ms=walk.claim.now_ms, **fields)  # type: ignore[arg-type]


async def due_in(redis: Redis, name: str = "full") -> float | None:
    """Milliseconds."""
    at = await redis.zscore(P.due, f"{name}:{SHOP}")
    seconds, micros = await redis.time()
    return None if at is None else at - seconds * 1000 - micros / 1000


async def dies(redis: Redis) -> None:
    """As when the holder is dead and its lease has run out."""
    await redis.hset(P.lease("walk", SHOP), "until", "1")  # type: ignore[misc]


async def test_one_walk_of_a_shop_at_a_time_of_whatever_kind(redis: Redis, walks: Walks) -> None:
    started = await asyncio.gather(*(Walks(redis).begin(P, name, SHOP) for name in WALKS * 5))
    (walk,) = [one for one in started if one]
    for name in WALKS:
        if name != walk.name:
            assert 0 < (await due_in(redis, name) or 0) <= 1_000, "the others try again in a second"
    await walks.end(walk, place(walk))
    assert await walks.begin(P, "poll", SHOP)


@pytest.mark.parametrize("name", ["full", "poll"])
async def test_one_that_has_begun_and_kept_no_place_yet_is_joined(redis: Redis, walks: Walks, name: WalkKind) -> None:
    walk = await begun(walks, name)
    asked = await ask(redis, P, SHOP, name)
    assert asked.asked_ms == walk.claim.now_ms
    assert (await due_in(redis, name) or 0) > LEASE_MS / 2, "it is not to run once more"
    await walks.end(walk, place(walk))
    assert await due_in(redis, name) is None
    assert (await ask(redis, P, SHOP, name)).asked_ms >= walk.claim.now_ms
    assert (await due_in(redis, name) or 0) <= 0, "nothing is left of it to join"


async def test_whoever_takes_over_has_the_place_and_the_first_one_can_do_nothing_any_more(
    redis: Redis, walks: Walks
) -> None:
    first = await begun(walks)
    assert first.place is None
    await walks.keep(first, place(first, pages=7))
    await dies(redis)
    second = await begun(walks)
    assert second.place == place(first, pages=7)
    assert second.claim.fence > first.claim.fence
    for act in (walks.keep(first), walks.leave(first, place(first)), walks.end(first, place(first))):
        with pytest.raises(Fenced):
            await act
    await walks.leave(second, place(first, pages=9))
    assert (await begun(walks)).place == place(first, pages=9)


async def test_kinds_keep_places_of_their_own(walks: Walks) -> None:
    full = await begun(walks)
    await walks.leave(full, place(full, pages=3))
    poll = await begun(walks, "poll")
    assert poll.place is None
    await walks.end(poll, place(poll))
    assert (await begun(walks)).place == place(full, pages=3)


async def test_rung_for_twice_it_runs_once_and_asked_for_while_it_runs_once_more(redis: Redis, walks: Walks) -> None:
    walk = await begun(walks)
    assert await walks.begin(P, "full", SHOP) is None  # a ring that came late
    await walks.keep(walk, place(walk))
    await walks.end(walk, place(walk), next_ms=walk.claim.now_ms + 60_000)
    assert 50_000 < (await due_in(redis) or 0) <= 60_000
    walk = await begun(walks)
    await redis.zadd(P.due, {f"full:{SHOP}": 0}, lt=True)  # somebody asks
    await walks.keep(walk, place(walk))
    await walks.end(walk, place(walk), next_ms=walk.claim.now_ms + 60_000)
    assert (await due_in(redis) or 0) <= 0
    walk = await begun(walks)
    await walks.end(walk, place(walk))
    assert await due_in(redis) is None


async def test_a_dead_walk_is_due_when_its_lease_ends(redis: Redis, walks: Walks) -> None:
    walk = await begun(walks)
    assert LEASE_MS - 2_000 < (await due_in(redis) or 0) <= LEASE_MS
    await redis.zadd(P.due, {f"full:{SHOP}": 1})
    await walks.keep(walk)
    assert LEASE_MS - 2_000 < (await due_in(redis) or 0) <= LEASE_MS


async def test_a_parked_shops_walks_wait_and_are_remembered(redis: Redis, walks: Walks) -> None:
    walk = await begun(walks)
    await redis.hset(P.registry, SHOP, ACTIVE.replace("active", "deauthorized"))  # type: ignore[misc]
    await walks.leave(walk, place(walk, pages=2))
    assert await walks.begin(P, "full", SHOP) is None
    assert await due_in(redis) is None
    assert await redis.hexists(P.walk(SHOP), "parked:full")  # type: ignore[misc]
    await redis.hset(P.registry, SHOP, ACTIVE)  # type: ignore[misc]
    assert (await begun(walks)).place == place(walk, pages=2)


async def test_what_is_known_of_a_shop_outlives_its_walks_and_a_dry_runs_is_forgotten(
    redis: Redis, walks: Walks
) -> None:
    walk = await begun(walks)
    assert walk.watermark is None
    await walks.end(walk, place(walk), watermark=5, seen_ms=5_000)
    walk = await begun(walks, "delta")
    await walks.end(walk, place(walk))
    assert (await begun(walks, "poll")).watermark == 5
    assert await redis.hget(P.walk(SHOP), "seen") == b"5000"  # type: ignore[misc]
    dry = await walks.begin(P, "dry", "request")
    assert dry is not None
    await walks.end(dry, place(dry), forget=60)
    assert 0 < await redis.ttl(P.walk("request")) <= 60
    assert not await redis.exists(P.lease("walk", "request"))


moments = st.none() | st.integers(0, 2**34)


@given(
    st.lists(st.builds(Window, moments, moments)), st.none() | st.builds(Window, moments, moments), st.text(),
    st.integers(0, 2**53), st.dictionaries(st.text(), st.integers(0, 2**53)),
)  # fmt: skip
def test_a_place_comes_back_as_it_was_kept(
    windows: list[Window], window: Window | None, token: str, number: int, types: dict[str, int]
) -> None:
    kept = Place(
        "r", "full", number, windows=windows, window=window, token=token, types=types, products=number, since=number,
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Place) == kept
