"""What is trimmed, what is kept for whom, and that a loss is counted and told."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from config.settings import load
from config.variables.sources import SettingsError
from shopstream import SnapshotOutdated, SyncClient
from shopstream.redis.keys import Partition
from tests.processes import sandbox, settle, until, worker
from worker.redis.memory import ROOM
from worker.retention.trimming import LEAST, Limits, Trimmed, relieve, trim, used_share

P = Partition(0)
STOCK = P.stream("stock")
HOUR = 3_600_000
FAR = Limits(HOUR, 1_000_000)


def ago(hours: float) -> int:
    return int(time.time() * 1000 - hours * HOUR)


async def add(redis: Redis, count: int, *, hours: float, stream: str = STOCK) -> list[str]:
    """Entries of one moment in the past."""
    begin = ago(hours)
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(count):
            pipe.xadd(stream, {"data": "{}"}, id=f"{begin}-{n}")
        return [entry.decode() for entry in await pipe.execute()]


async def of(redis: Redis, limits: Limits, stream: str = "stock") -> Trimmed:
    return next(done for done in await trim(redis, P, limits) if done.stream == stream)


async def read(redis: Redis, group: str, count: int, *, ack: bool) -> None:
    for _, entries in await redis.xreadgroup(group, "c", {STOCK: ">"}, count=count):
        if ack:
            await redis.xack(STOCK, group, *(entry for entry, _ in entries))


async def counters(redis: Redis) -> dict[str, str]:
    stored: dict[bytes, bytes] = await redis.hgetall(P.retention)  # type: ignore[misc]
    return {key.decode(): value.decode() for key, value in stored.items()}


async def test_what_is_past_its_age_goes_to_the_entry(redis: Redis) -> None:
    old = await add(redis, 5_250, hours=2)
    new = await add(redis, 30, hours=0.5)
    done = await of(redis, FAR)
    assert (done.removed, done.first_id) == (len(old), new[0])
    assert await redis.xlen(STOCK) == 30
    assert await counters(redis) == {"stock:trimmed": old[-1], "stock:removed": "5250"}
    assert (await of(redis, FAR)).removed == 0


async def test_no_age_counts_while_redis_has_a_clock_that_is_far_ahead(redis: Redis) -> None:
    """As after a failover to a machine with a wrong clock: the cap holds, and nothing else is lost."""
    limits = Limits(HOUR, 1_000, longest_ms=2 * HOUR)
    await add(redis, 900, hours=200)
    await redis.xgroup_create(STOCK, "sleeps", id="0")
    now = ago(0)
    assert limits.judge_clock(now, now - HOUR) == limits
    assert limits.judge_clock(now, now + 300 * HOUR) == limits
    ahead = limits.judge_clock(now, now - 200 * HOUR)
    assert (await of(redis, ahead)).removed == 0
    await add(redis, 200, hours=199)
    assert (await of(redis, ahead)).removed == 100
    assert (await of(redis, limits)).removed == 1_000


async def test_what_a_group_has_not_got_or_not_acknowledged_outlives_its_age_and_is_said(redis: Redis) -> None:
    entries = await add(redis, 300, hours=2)
    for group in ("reads", "takes", "sleeps"):
        await redis.xgroup_create(STOCK, group, id="0")
    await read(redis, "reads", 300, ack=True)
    await read(redis, "takes", 120, ack=True)
    await read(redis, "takes", 20, ack=False)
    await redis.xgroup_setid(STOCK, "sleeps", entries[149])
    done = await of(redis, FAR)
    assert done.removed == 120
    assert done.first_id == entries[120]
    held = {each.group: each for each in done.held}
    assert {name: (each.oldest, each.pending) for name, each in held.items()} == {
        "takes": (entries[120], 20), "sleeps": (entries[150], 0),
    }  # fmt: skip
    assert held["takes"].undelivered == 160
    assert held["takes"].idle_ms is not None
    assert held["sleeps"].idle_ms is None
    assert not done.lost_pending + done.lost_undelivered
    # Acknowledged at last, it goes up to what the other one has not got.
    await redis.xack(STOCK, "takes", *entries[120:140])
    await read(redis, "takes", 300, ack=True)
    assert (await of(redis, FAR)).first_id == entries[150]


async def test_beyond_the_cap_the_oldest_go_and_each_groups_loss_is_counted(redis: Redis) -> None:
    entries = await add(redis, 1_000, hours=0.2)
    for group in ("reads", "takes", "sleeps"):
        await redis.xgroup_create(STOCK, group, id="0")
    await read(redis, "reads", 1_000, ack=True)
    await read(redis, "takes", 100, ack=True)
    await read(redis, "takes", 50, ack=False)
    done = await of(redis, Limits(HOUR, 600))
    assert (done.removed, await redis.xlen(STOCK), done.first_id) == (400, 600, entries[400])
    assert (done.lost_pending, done.lost_undelivered) == ({"takes": 50, "sleeps": 0}, {"takes": 250, "sleeps": 400})
    assert await counters(redis) == {
        "stock:trimmed": entries[399], "stock:removed": "400", "stock:lost:takes": "300", "stock:lost:sleeps": "400",
    }  # fmt: skip
    # What is gone holds nothing and is lost once only.
    assert (await of(redis, Limits(HOUR, 600))).removed == 0
    assert (await counters(redis))["stock:lost:takes"] == "300"


async def test_beyond_the_cap_what_nobody_needs_goes_without_a_loss(redis: Redis) -> None:
    await add(redis, 5_000, hours=0.2)
    await redis.xgroup_create(STOCK, "reads", id="0")
    await read(redis, "reads", 4_500, ack=True)
    done = await of(redis, Limits(HOUR, 1_000))
    assert await redis.xlen(STOCK) == 1_000
    assert not done.lost_pending + done.lost_undelivered
    assert done.first_id is not None
    before_first = (await counters(redis))["stock:trimmed"].split("-")
    assert tuple(map(int, before_first)) < tuple(map(int, done.first_id.split("-")))


async def test_a_group_that_stopped_loses_what_is_older_than_the_longest_time_and_no_other_does(redis: Redis) -> None:
    """One reads all, one is slow, one has stopped, one is created when most is gone."""
    ancient = await add(redis, 250, hours=9)
    old = await add(redis, 40, hours=3)
    young = await add(redis, 20, hours=0.5)
    for group in ("reads", "slow", "stopped"):
        await redis.xgroup_create(STOCK, group, id="0")
    await read(redis, "reads", 1_000, ack=True)
    await read(redis, "slow", 260, ack=True)
    await read(redis, "stopped", 30, ack=False)
    limits = Limits(HOUR, 1_000_000, longest_ms=8 * HOUR)
    done = await of(redis, limits)
    assert (done.removed, done.first_id) == (len(ancient), old[0])
    assert (done.lost_pending, done.lost_undelivered) == ({"stopped": 30}, {"stopped": 220})
    assert (await counters(redis))["stock:lost:stopped"] == "250"
    assert {one.group: one.oldest for one in done.held} == {"slow": old[10], "stopped": old[0]}
    # Once it is deleted, the slow one alone keeps entries. A new one that begins at the start keeps them too.
    await redis.xgroup_destroy(STOCK, "stopped")
    assert (await of(redis, limits)).first_id == old[10]
    await redis.xgroup_create(STOCK, "later", id="0")
    await read(redis, "slow", 1_000, ack=True)
    assert (await of(redis, limits)).removed == 0
    await read(redis, "later", 1_000, ack=True)
    assert (await of(redis, limits)).first_id == young[0]


async def test_without_any_group_a_day_is_kept(redis: Redis) -> None:
    await add(redis, 300, hours=25)
    kept = await add(redis, 3, hours=23)
    assert (await of(redis, Limits())).first_id == kept[0]


async def test_a_partition_where_nothing_is_to_be_removed_costs_one_round_trip(redis: Redis) -> None:
    for stream in ("stock", "products", "shops", "dead"):
        await add(redis, 30, hours=0.5, stream=P.stream(stream))
    await trim(redis, P, FAR)  # the script is known from now on
    for partition in (P, Partition(1)):
        before = (await redis.info("stats"))["total_reads_processed"]
        assert not any(done.removed for done in await trim(redis, partition, FAR))
        after = (await redis.info("stats"))["total_reads_processed"]
        assert after - before == 2, "this one, and the one that counts"


async def test_dead_letters_have_no_age_but_the_cap(redis: Redis) -> None:
    await add(redis, 700, hours=5_000, stream=P.stream("dead"))
    assert (await of(redis, FAR, "dead")).removed == 0
    assert (await of(redis, Limits(HOUR, 600), "dead")).removed == 100


async def test_strange_groups_do_not_stop_the_trimming(redis: Redis) -> None:
    """At the greatest id, named in bytes, at an entry that was deleted, and one that was given entries now deleted."""
    entries = await add(redis, 10, hours=2)
    await redis.xgroup_create(STOCK, "end", id="18446744073709551615-18446744073709551615")
    await redis.xgroup_create(STOCK, b"\xff:\x00", id=entries[8])
    await redis.xgroup_create(STOCK, "deleted", id="0")
    await read(redis, "deleted", 9, ack=False)
    await redis.xdel(STOCK, *entries[:3], *entries[4:9])
    first = await of(redis, FAR)
    assert first.removed == 0
    assert {each.group: each.oldest for each in first.held} == {
        "\\xff:\x00": entries[9], "deleted": entries[3],
    }  # fmt: skip
    await redis.xack(STOCK, "deleted", entries[3])
    assert (await of(redis, FAR)).first_id == entries[9]
    await add(redis, 1, hours=0.5)
    done = await of(redis, Limits(HOUR, 1))
    assert done.lost_undelivered == {"\\xff:\x00": 1, "deleted": 1}


GROUPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.sets(st.integers(0, 59))), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ancient=st.integers(0, 20), old=st.integers(0, 40), groups=GROUPS, cap=st.one_of(st.just(1_000), st.integers(1, 60))
)
async def test_no_unread_entry_goes_before_cap_and_longest_time_and_every_one_that_goes_is_counted(
    redis: Redis, ancient: int, old: int, groups: list[tuple[int, int, set[int]]], cap: int
) -> None:
    """For any groups: where each began, how much it has been given, and which of that it has acknowledged."""
    await redis.flushall()
    old += ancient
    entries = [
        *await add(redis, ancient, hours=9), *await add(redis, old - ancient, hours=2),
        *await add(redis, 60 - old, hours=0.5),
    ]  # fmt: skip
    needs: dict[str, set[str]] = {}
    for number, (begin, given_, acked) in enumerate(groups):
        name = f"g{number}"
        await redis.xgroup_create(STOCK, name, id=entries[begin - 1] if begin else "0")
        await redis.xreadgroup(name, "c", {STOCK: ">"}, count=given_) if given_ else None
        acks = [entries[n] for n in acked if begin <= n < begin + given_]
        await redis.xack(STOCK, name, *acks) if acks else None
        needs[name] = set(entries[begin:]) - set(acks)
    done = await of(redis, Limits(HOUR, cap, longest_ms=8 * HOUR))
    left = [entry.decode() for entry, _ in await redis.xrange(STOCK)]
    assert left == entries[len(entries) - len(left) :]
    gone = set(entries) - set(left)
    lost = {name: len(mine & gone) for name, mine in needs.items() if mine & gone}
    assert dict(+(done.lost_pending + done.lost_undelivered)) == lost
    assert len(left) <= cap
    assert not set(entries[:ancient]) & set(left)
    if cap == 1_000:
        assert all(mine & gone <= set(entries[:ancient]) for mine in needs.values())
    first_needed = min([entries.index(entry) for mine in needs.values() for entry in mine], default=60)
    assert len(gone) >= min(old, first_needed)
    held = {each.group for each in done.held}
    assert held == {name for name, mine in needs.items() if mine & set(entries[:old]) & set(left)}
    if gone:
        trimmed = tuple(map(int, (await counters(redis))["stock:trimmed"].split("-")))
        assert max(tuple(map(int, each.split("-"))) for each in gone) <= trimmed
        assert all(trimmed < tuple(map(int, each.split("-"))) for each in left)


async def test_a_follower_whose_next_events_were_trimmed_is_told(redis: Redis) -> None:
    await redis.hset(P.registry, "7495", "{}")  # type: ignore[misc]
    await add(redis, 1, hours=3)
    await settle(redis)
    client = SyncClient(redis)
    taken = await client.take_snapshot("7495")
    await trim(redis, P, FAR)
    fresh = await client.take_snapshot("7495")
    await add(redis, 5, hours=2)
    await add(redis, 1, hours=0)
    assert (await of(redis, FAR)).removed == 5
    with pytest.raises(SnapshotOutdated, match="trimmed"):
        await anext(taken.follow())
    assert fresh.position["stock"] == taken.position["stock"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("RETENTION_HOURS", "0"), ("RETENTION_HOURS", "-5"), ("RETENTION_HOURS", "1e9"), ("RETENTION_HOURS", "nan"),
     ("TOMBSTONE_DAYS", "0"),
     ("STREAM_MAX_ENTRIES", "10"), ("STREAM_MAX_ENTRIES", "-1"), ("STREAM_MAX_ENTRIES", "1e30")],
)  # fmt: skip
def test_absurd_limits_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for needed in ("APP_KEY", "APP_SECRET", "TOKEN_KEYS"):
        monkeypatch.setenv(f"SHOPSTREAM_{needed}", "x")
    monkeypatch.setenv(f"SHOPSTREAM_{name}", value)
    with pytest.raises(SettingsError, match=f"^SHOPSTREAM_{name}: .*set it in the environment or in .env"):
        load()


async def fill(redis: Redis, stream: str, count: int) -> None:
    """Entries of 1 kB."""
    for begin in range(0, count, 500):
        async with redis.pipeline(transaction=False) as pipe:
            for _ in range(min(500, count - begin)):
                pipe.xadd(stream, {"data": "x" * 1_000})
            await pipe.execute()


async def nearly_full(redis: Redis, share: float) -> None:
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(used / share))


@pytest.fixture
async def limited(redis: Redis) -> AsyncIterator[Redis]:
    """A Redis whose limit of memory is taken off afterwards."""
    yield redis
    await redis.config_set("maxmemory", 0)


async def test_near_the_limit_of_memory_what_no_group_needs_goes_first(limited: Redis) -> None:
    redis = limited
    await fill(redis, STOCK, 12_000)
    await redis.xgroup_create(STOCK, "reads", id="0")
    await read(redis, "reads", 8_000, ack=True)
    next_one = (await redis.xreadgroup("reads", "c", {STOCK: ">"}, count=1))[0][1][0][0].decode()
    await nearly_full(redis, 0.9)
    done = {each.stream: each for each in await relieve(redis, P, FAR)}
    assert await used_share(redis, Partition(0)) <= ROOM
    assert 1_000 < done["stock"].removed <= 8_000, "no more than it takes"
    assert not done["stock"].lost_pending + done["stock"].lost_undelivered
    assert (await redis.xpending_range(STOCK, "reads", "-", "+", 1))[0]["message_id"].decode() == next_one
    assert (await relieve(redis, P, FAR))[0].removed == 0, "there is room now"


async def test_where_that_is_not_enough_the_oldest_go_and_each_loss_is_counted(limited: Redis) -> None:
    redis = limited
    await fill(redis, STOCK, 12_000)
    await redis.xgroup_create(STOCK, "sleeps", id="0")
    await redis.xadd(P.stream("dead"), {"data": "owed"})
    await nearly_full(redis, 0.9)
    done = {each.stream: each for each in await relieve(redis, P, FAR)}
    assert await used_share(redis, Partition(0)) <= ROOM
    lost = done["stock"].lost_undelivered["sleeps"]
    assert lost == done["stock"].removed
    assert (await counters(redis))["stock:lost:sleeps"] == str(lost)
    assert await redis.xlen(STOCK) == 12_000 - lost
    assert await redis.xlen(P.stream("dead")) == 1
    # Where the streams are not what fills it, some of each stays.
    await nearly_full(redis, 30)
    await relieve(redis, P, FAR)
    assert await redis.xlen(STOCK) == LEAST


async def test_a_full_redis_recovers_by_itself_and_says_what_was_lost(limited: Redis, redis_url: str) -> None:
    redis = limited
    await fill(redis, STOCK, 20_000)
    await redis.xgroup_create(STOCK, "sleeps", id="0")
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        SyncClient(redis_url) as client,
        worker(front.env(redis_url)) as running,
    ):
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        await nearly_full(redis, 0.92)
        await running.logged("redis_nearly_full")
        asked = await client.sync_products(shop, (await front.see(f"shops/{shop}/products"))["products"])
        await redis.zadd(P.due, {"trim:0": 0})  # as at the end of the minute
        await running.logged("redis_has_room")
        assert (await client.wait(asked, timeout=60)).given_up == 0
        await until(lambda: _told_alike(redis, running.logs))


async def _told_alike(redis: Redis, logs: Sequence[dict[str, Any]]) -> bool:
    """Tell if log and events name the same losses. There are two of them if a minute has ended meanwhile."""
    lines = [line for line in logs if line["event"] == "stream_trimmed_unread"]
    assert all(line["advice"].startswith("redis is nearly full") for line in lines)
    published = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("shops"))]
    trimmed = [data["groups"] for data in published if data["event_type"].endswith("stream.trimmed")]
    return bool(lines) and trimmed == [[{"group": "sleeps", "lost": line["undelivered"]}] for line in lines]


@pytest.fixture
async def lossy(redis: Redis, redis_url: str) -> dict[str, str]:
    """A stream past its cap of 1,000, of which a group has read nothing; another stream with what is too old."""
    await add(redis, 1_200, hours=0.2)
    await redis.xgroup_create(STOCK, "erp", id="0")
    await add(redis, 10, hours=3, stream=P.stream("products"))
    await redis.xgroup_create(P.stream("products"), "web", id="0")
    return {
        "SHOPSTREAM_REDIS_URL": redis_url,
        "SHOPSTREAM_RETENTION_HOURS": "1",
        "SHOPSTREAM_STREAM_MAX_ENTRIES": "1000",
    }


async def test_workers_trim_by_themselves_and_tell_the_loss_in_log_counter_and_event(
    redis: Redis, redis_url: str, lossy: dict[str, str]
) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front:
        env = front.env(redis_url, **lossy)
        async with worker(env) as one, worker(env) as two:

            async def read_losses() -> list[Any]:
                return list(await redis.xrange(P.stream("shops")))

            ((_, fields),) = await until(read_losses)
            assert fields[b"type"] == b"io.shopstream.stream.trimmed"
            assert (fields[b"subject"], fields[b"seq"], b"shopid" in fields) == (b"stream/stock", b"1", False)
            data = json.loads(fields[b"data"])
            assert data["groups"] == [{"group": "erp", "lost": 200}]
            first = (await redis.xrange(STOCK, count=1))[0][0].decode()
            assert (data["stream"], data["first_id"]) == ("stock", first)

            async def logged() -> list[dict[str, Any]]:
                return [line for line in one.logs + two.logs if line["event"] == "stream_trimmed_unread"]

            (line,) = await until(logged)
            assert (line["stream"], line["group"], line["undelivered"]) == (STOCK, "erp", 200)

            async def marked() -> bool:
                return (await counters(redis)).get("stock:told:erp") == "200"

            await until(marked)

            async def held() -> list[dict[str, Any]]:
                return [line for line in one.logs + two.logs if line["event"] == "stream_held"]

            kept = await until(held)
            assert (kept[0]["group"], kept[0]["undelivered"]) == ("web", 10)
            assert await redis.xlen(P.stream("products")) == 10
            # Due again at the end of a minute, for one of them.
            assert await redis.zscore(P.due, "trim:0") % 60_000 == 0
