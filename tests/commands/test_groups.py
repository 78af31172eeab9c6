"""Consumer groups are listed by few commands, and deleted only when nobody reads."""

import asyncio

import pytest
from redis.asyncio import Redis

from shopstream import EventConsumer, GroupInUse, SyncClient, UnknownGroup
from shopstream.redis.keys import STREAMS, Partition
from tests.commands.running import command
from tests.processes import settle, until

P = Partition(0)


@pytest.fixture
async def client(redis: Redis) -> SyncClient:
    await settle(redis)
    return SyncClient(redis)


async def add(redis: Redis, number: int, stream: str = "stock", partition: Partition = P) -> list[str]:
    """Entries that no reader of the contract ever sees: they are removed before the fixture looks."""
    return [(await redis.xadd(partition.stream(stream), {"n": str(one)})).decode() for one in range(number)]


async def clear(redis: Redis, partitions: int = 1) -> None:
    for number in range(partitions):
        await redis.delete(*(Partition(number).stream(stream) for stream in STREAMS))


async def test_lag_pending_members_age_and_losses(redis: Redis, client: SyncClient) -> None:
    entries = await add(redis, 5)
    await redis.xgroup_create(P.stream("stock"), "erp", "0")
    await redis.xreadgroup("erp", "one", {P.stream("stock"): ">"}, count=2)
    await redis.xack(P.stream("stock"), "erp", entries[0])
    seconds, _ = await redis.time()
    await redis.zadd(P.members("stock", "erp"), {"a": seconds * 1000 + 60_000, "gone": seconds * 1000 - 60_000})
    await redis.hset(P.retention, "stock:lost:erp", "7")  # type: ignore[misc]
    (found,) = await client.list_groups()
    assert (found.stream, found.group, found.unread, found.pending, found.members) == ("stock", "erp", 3, 1, 1)
    assert (found.lost, found.exact) == (7, True)
    assert found.oldest_unread_ms == int(entries[2].split("-")[0])
    assert found.oldest_unread_seconds is not None
    assert found.oldest_unread_seconds >= 0
    await clear(redis)


async def test_unread_entries_that_were_trimmed_or_deleted_count_no_more(redis: Redis, client: SyncClient) -> None:
    entries = await add(redis, 6)
    await redis.xgroup_create(P.stream("stock"), "trimmed", "0")
    await redis.xgroup_create(P.stream("stock"), "holed", "0")
    await redis.xreadgroup("holed", "one", {P.stream("stock"): ">"}, count=4)
    await redis.xtrim(P.stream("stock"), minid=entries[2], approximate=False)
    await redis.xdel(P.stream("stock"), entries[4])  # Redis knows the lag of `holed` no more
    holed, trimmed = await client.list_groups()
    assert (trimmed.unread, trimmed.oldest_unread_ms) == (4 - 1, int(entries[2].split("-")[0]))
    assert (holed.unread, holed.pending, holed.exact) == (1, 4, True)
    await clear(redis)


async def test_partitions_are_summed_up_and_streams_without_groups_left_out(redis: Redis) -> None:
    await settle(redis, 4)
    client = SyncClient(redis)
    assert await client.list_groups() == []
    for number in range(4):
        await add(redis, number + 1, partition=Partition(number))
        await redis.xgroup_create(Partition(number).stream("stock"), "erp", "0")
    await redis.xgroup_create(P.stream("shops"), "erp", "0", mkstream=True)
    stock, shops = await client.list_groups()
    assert (stock.stream, stock.unread, stock.pending) == ("stock", 1 + 2 + 3 + 4, 0)
    assert (shops.stream, shops.unread, shops.oldest_unread_ms) == ("shops", 0, None)
    await clear(redis, 4)


@pytest.mark.parametrize("partitions", [1, 4])
async def test_however_many_groups_and_members_the_commands_are_few(redis: Redis, partitions: int) -> None:
    await settle(redis, partitions)
    client = SyncClient(redis)
    seconds, _ = await redis.time()
    for number in range(partitions):
        for stream in STREAMS:
            await add(redis, 2, stream, Partition(number))
            for group in range(10):
                await redis.xgroup_create(Partition(number).stream(stream), f"g{group}", "0")
    for stream in STREAMS:
        for group in range(10):
            members = {f"m{one}": seconds * 1000 + 60_000 for one in range(50)}
            await redis.zadd(P.members(stream, f"g{group}"), members)
    assert len(await client.list_groups()) == 40  # and the scripts are known now
    before = await redis.info("commandstats")
    found = await client.list_groups()
    after = await redis.info("commandstats")
    inside = {"cmdstat_xrange", "cmdstat_xlen", "cmdstat_zcount", "cmdstat_info", "cmdstat_client|setinfo"}
    sent = sum(after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after if name not in inside)
    assert {one.members for one in found} == {50}
    # TIME of the script that counts members is among them.
    assert sent <= 4 * len(STREAMS) * partitions
    await clear(redis, partitions)


async def test_a_group_is_deleted_when_nobody_reads(redis: Redis, redis_url: str, client: SyncClient) -> None:
    await redis.xgroup_create(P.stream("stock"), "erp", "0", mkstream=True)
    consumer = EventConsumer(redis_url, stream="stock", group="erp")

    async def members() -> bool:
        return bool((await client.list_groups())[0].members)

    async with consumer:
        reading = asyncio.create_task(anext(aiter(consumer), None))
        await until(members)
        with pytest.raises(GroupInUse, match="a member lives"):
            await client.delete_group("stock", "erp")
        refused = await command(redis_url, "groups", "delete", "stock", "erp", "--yes")
        assert (refused.code, "a member lives" in refused.err) == (1, True), refused
        consumer.stop()
        await reading

    async def nobody() -> bool:
        return not (await client.list_groups())[0].members

    await until(nobody)
    asked = await command(redis_url, "groups", "delete", "stock", "erp")
    assert (asked.code, "0 unread and 0 unacknowledged" in asked.err, "--yes" in asked.err) == (1, True, True), asked
    assert len(await client.list_groups()) == 1
    done = await command(redis_url, "groups", "delete", "stock", "erp", "--yes")
    assert done.code == 0, done
    assert await client.list_groups() == []
    assert not await redis.exists(P.members("stock", "erp"), P.owner("stock", "erp"))
    with pytest.raises(UnknownGroup):
        await client.delete_group("stock", "erp")


async def test_the_command_for_people_and_for_programs(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    nobody = await command(redis_url, "groups")
    assert (nobody.code, nobody.out) == (0, "")
    await add(redis, 2)
    await redis.xgroup_create(P.stream("stock"), "erp", "0")
    shown, (document,) = await command(redis_url, "groups"), (await command(redis_url, "groups", "--json")).documents
    assert shown.out.split("\t")[:5] == ["stock", "erp", "2", "0", "0"]
    assert (document["group"], document["unread"], document["lost"]) == ("erp", 2, 0)
    await clear(redis)
