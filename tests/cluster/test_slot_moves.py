"""A planned move of a slot keeps the epoch of its partition, and a failover never does."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shopstream.redis.cluster.hash_slots import SlotMap, find_slot
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.slot_moves.moving_slots import CanNotMove, group_ranges
from tests.commands.running import command
from tests.processes import ANSWER_SECONDS
from tests.running.clusters import Cluster, Node, cluster, move_slots
from worker.changes.drafts import Cause
from worker.publishing.publish_entries import PublishEntry
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target

P = Partition(3)
CAUSE = Cause("7495000000001000000", "https://test", "request", "job", None, None, 1_700_000_000_000)


@pytest.fixture
async def servers() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        async with connect(made.url) as redis:
            await redis.set(PARTITIONS, 256)
        yield made


@pytest.fixture
async def redis(servers: Cluster) -> AsyncIterator[Redis]:
    async with connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as client:
        yield client


async def publish(redis: Redis) -> str:
    """Run the publish script of a worker that knows no epoch yet, and give the one that it found or began."""
    target = Target(partition=P, shop="7495000000001000000", region="", source="https://test", seller_type="")
    publisher = Publisher(redis)
    await publisher.send(target, None, [PublishEntry.without_state(b"", CAUSE)])
    return publisher._epochs[P.number]


async def other(servers: Cluster, node: Node) -> Node:
    owners = [await servers.owner(Partition(number).due) for number in range(256)]
    return next(one for one in owners if one is not node)


async def move_planned(servers: Cluster, target: Node) -> None:
    done = await command(servers.url, "slots", "move", "--partition", "3", "--to", target.place)
    assert done.code == 0, done
    assert "1 slots moved, with 1 partitions; 1 epochs go on" in done.out


async def test_a_planned_move_keeps_the_epoch_and_a_failover_never_does(servers: Cluster, redis: Redis) -> None:
    first = await publish(redis)
    source = await servers.owner(P.due)
    target = await other(servers, source)
    await move_planned(servers, target)
    assert await servers.owner(P.due) is target
    assert await publish(redis) == first
    # Moved back and on without an event in between.
    await move_planned(servers, source)
    await move_planned(servers, target)
    assert await publish(redis) == first
    # Planned, and then the source fails over before the move.
    await move_planned(servers, source)
    source.server.kill()
    new, _ = await servers.moved(P.due, source)
    second = await publish(redis)
    assert second != first
    assert await redis.hget(P.epoch, "next") is None  # type: ignore[misc]
    # Planned in vain, then a failover without an event after it, and a move to the server of the old plan.
    planned = str((await target.redis.info("replication"))["master_replid"])
    await redis.hset(P.epoch, mapping={"server": "f" * 40, "next": planned})  # type: ignore[misc]
    done = await command(servers.url, "slots", "move", "--partition", "3", "--to", target.place)
    assert "1 slots moved, with 1 partitions; 0 epochs go on" in done.out, done
    third = await publish(redis)
    assert third not in {first, second}
    # Not planned: nobody can tell it from a failover.
    await move_slots(target, new, [(find_slot(P.due), find_slot(P.due))])
    assert await publish(redis) not in {first, second, third}


async def test_the_target_may_have_another_name_than_the_one_that_nodes_announce(servers: Cluster) -> None:
    """Nodes announce addresses, and an operator writes a name."""
    target = await other(servers, await servers.owner(P.due))
    arguments = ("slots", "move", "--partition", "3", "--to", f"localhost:{target.port}", "--seconds", "10")
    for moved in (1, 0):
        done = await command(servers.url, *arguments)
        assert (done.code, done.out.split(" slots")[0]) == (0, str(moved)), done
    assert await servers.owner(P.due) is target
    source = await other(servers, target)
    done = await command(servers.url, "slots", "move", "--partition", "3", "--to", source.place, "--seconds", "0")
    assert (done.code, "the slots have not arrived within 0 s, and may still" in done.err) == (1, True), done


async def test_what_can_not_be_moved_is_said_in_one_line(servers: Cluster) -> None:
    (replica,) = await servers.replicas(await servers.owner(P.due))
    cases = {
        (servers.url, "--to", replica.place, "--slots", "1"): "the target is a replica",
        (servers.url, "--to", replica.place, "--slots", "9-1"): "slots are 0 to 16383",
        (servers.url, "--to", replica.place, "--slots", "x"): "slots are A-B",
        (servers.url, "--to", replica.place): "one of the two",
        (servers.url, "--to", replica.place, "--partition", "256"): "partitions are 0 to 255",
        (servers.url, "--to", "nowhere", "--slots", "1"): "the target is HOST:PORT",
        (servers.url, "--to", "n4:70000", "--slots", "1"): "the target is HOST:PORT",
        (
            servers.url,
            "--to",
            "127.0.0.1:1",
            "--slots",
            "1",
        ): "127.0.0.1:1 was not reached (ConnectionError): check --to",
    }
    for (url, *arguments), reason in cases.items():
        done = await command(url, "slots", "move", *arguments)
        code = 1 if "replica" in reason or "reached" in reason else 2
        assert (done.code, reason in done.err) == (code, True), done


def test_slots_are_grouped_by_the_nodes_that_they_leave() -> None:
    a, b, c = ("a", 1), ("b", 1), ("c", 1)
    found = SlotMap([a, a, b, a, c, None], (a, b, c), ())
    assert group_ranges(found, 0, 4, c) == {a: [(0, 1), (3, 3)], b: [(2, 2)]}
    with pytest.raises(CanNotMove, match="slot 5 has no node"):
        group_ranges(found, 4, 5, c)
