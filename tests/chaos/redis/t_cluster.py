"""A Redis Cluster whose nodes die, freeze, come and go, and whose slots move, under the load of T44 to T48."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream import SyncClient
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.cluster.node_choice import reach_node
from shopstream.redis.deployment_keys import CLUSTER_PARTITIONS
from shopstream.redis.keys import Partition, partition_for
from shopstream.redis.server import server_id
from shopstream.slot_moves.moving_slots import move
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check, settled
from tests.chaos.redis.t_sentinel import PACE, Load
from tests.chaos.stage import valkey
from tests.processes import sandbox, until, worker
from tests.running.clusters import Cluster, Node, cluster, known_by_all, meet, move_slot_by_keys, move_slots, start_node

FAILOVER_SECONDS: Final = 3.0
"""Seconds after the promotion within which every call is answered and the consumer has its next event."""
MOVE_SECONDS: Final = 3.0
"""The same while slots move, from the begin of the move."""
_SHOPS: Final = 6
_WAIT_MS: Final = 1_000


@dataclass
class Scene:
    """What a fault may touch."""

    servers: Cluster
    redis: Redis
    stack: AsyncExitStack
    keys: list[str]
    """One key of the partition of each shop."""

    async def other(self, node: Node) -> Node:
        """A primary that is not this one."""
        for number in range(CLUSTER_PARTITIONS):
            owner = await self.servers.owner(Partition(number).due)
            if owner is not node:
                return owner
        raise AssertionError("one node has all")

    async def slots_of(self, node: Node) -> list[int]:
        """The slots of the partitions that a node has."""
        keys = [Partition(number).due for number in range(CLUSTER_PARTITIONS)]
        return [find_slot(key) for key in keys if await self.servers.owner(key) is node]


Fault = Callable[[Scene], Awaitable[float]]
"""Does it, and gives the seconds until nothing is in the way any more: those to the promotion, or 0 for moves."""


class ClusterLoad(Load):
    """The load, whose ids count once a replica of their own node has them."""

    async def ask(self) -> None:
        """Enqueue until nothing is left: one product a call, again if no replica has it."""
        while self.left:
            shop, product = self.left[-1]
            partition = partition_for(shop, CLUSTER_PARTITIONS)
            server, began = None, time.monotonic()
            try:
                server = await server_id(self.client.redis, partition)
                await self.client.sync_products(shop, [product])
            except (RedisError, OSError) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            self.calls.append((began, time.monotonic() - began))
            if await self._has_replica(partition, server):
                self.asked.setdefault(shop, set()).add(product)
                self.left.pop()
            else:
                self.repeated += 1
            await asyncio.sleep(0.02)

    async def _has_replica(self, partition: Partition, server: str | None) -> bool:
        redis = self.client.redis
        try:
            node = await reach_node(redis, partition.prefix, anew=True)
            async with node.pipeline(transaction=False) as pipe:
                pipe.set(f"{partition.prefix}:chaos", 1)
                pipe.wait(1, _WAIT_MS)
                _, replicas = await pipe.execute()
            return replicas > 0 and await server_id(redis, partition) == server
        except (RedisError, OSError):
            return False


async def disturbed(size: Size, seed: int, name: str, fault: Fault, *, after: float, kept: bool) -> Result:
    """One fault in the middle of the load. `kept`: no epoch may begin."""
    each = size.pick(short=90, ci=600, nightly=2_000)
    options = ("--shops", str(_SHOPS), "--products", str(each // _SHOPS), "--seed", str(seed))
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(cluster(2_000))
        queue = await stack.enter_async_context(valkey())
        front = await stack.enter_async_context(sandbox(*options))
        client = await stack.enter_async_context(SyncClient(servers.url))
        env = front.env(servers.url, SHOPSTREAM_QUEUE_URL=queue.url, **PACE)
        running = [await stack.enter_async_context(worker(env)) for _ in range(1 if size is Size.SHORT else 2)]
        load = await ClusterLoad.prepare(stack, client, front, servers.url)
        keys = [partition_for(shop["shop_id"], CLUSTER_PARTITIONS).due for shop in front.shops]
        epochs = Counter[str]()
        async with load.under_way() as asking:
            await load.has_seen(len(load.left) // 5)
            epochs.update(await _epochs(client.redis))
            began = time.monotonic()
            took = await fault(Scene(servers, client.redis, stack, keys=keys))
            ended, count = time.monotonic(), len(load.events)

            async def goes_on() -> bool:
                return (len(load.events) > count + 5 and load.calls[-1][0] > ended) or not load.left

            await until(goes_on, seconds=60)
            end = time.monotonic()
            slowest, gap = load.slowest(began, end), load.gap(began, min(end, load.events[-1]))
            note = f"{name}: {ended - began:.1f} s, slowest call {slowest:.1f} s, consumer's gap {gap:.1f} s"
            late = max(slowest, gap) - took
            assert late < after or size is Size.SHORT, note
            await asking
            await settled(client.redis, load.asked, partitions=CLUSTER_PARTITIONS, seconds=120)
            await load.has_seen(sum(map(len, load.asked.values())))
            new = sum((Counter(await _epochs(client.redis)) - epochs).values())
        assert not (kept and new), f"{new} new epochs"
        await load.end_workers(running)
        result = await check(client.redis, front, load.asked, partitions=CLUSTER_PARTITIONS, continuous=False)
        await _check_once(client.redis)
    assert {one for some in load.asked.values() for one in some} <= load.seen, "the consumer has missed a product"
    result.recover_seconds = gap
    result.note = f"{note}; {new} new epochs; {load.repeated} ids enqueued again: no replica had them"
    return result


async def _epochs(redis: Redis) -> list[str]:
    """The epochs of all partitions."""
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(CLUSTER_PARTITIONS):
            pipe.hget(Partition(number).epoch, "epoch")
        stored = await pipe.execute()
    return [f"{number} {one.decode()}" for number, one in enumerate(stored) if one]


async def _check_once(redis: Redis) -> None:
    """No subject has two events of one number within an epoch."""
    for number in range(CLUSTER_PARTITIONS):
        for stream in ("products", "stock"):
            entries = await redis.xrange(Partition(number).stream(stream))
            names = Counter((one[b"subject"], one[b"seq"], one[b"epoch"]) for _, one in entries)
            assert not [name for name, count in names.items() if count > 1], f"{stream} of partition {number}"


async def _replace(scene: Scene, key: str, number: int) -> float:
    old, began = await scene.servers.owner(key), time.monotonic()
    old.server.signal(number)
    _, promoted = await scene.servers.moved(key, old)
    if number == signal.SIGSTOP:
        old.server.signal(signal.SIGCONT)
    else:  # the new primary has no other replica
        await old.server.restart()
    return promoted - began


async def _kill(scene: Scene) -> float:
    home = await scene.servers.owner(Partition(0).due)
    owners = {key: await scene.servers.owner(key) for key in scene.keys}
    return await _replace(
        scene, next((key for key, one in owners.items() if one is not home), scene.keys[0]), signal.SIGKILL
    )


async def _kill_home(scene: Scene) -> float:
    return await _replace(scene, Partition(0).due, signal.SIGKILL)


async def _freeze(scene: Scene) -> float:
    return await _replace(scene, scene.keys[0], signal.SIGSTOP)


async def _move_whole(scene: Scene) -> float:
    """Move the slots of shops to other nodes by the code of `shopstream slots move`."""
    for key in scene.keys[:3]:
        slot, target = find_slot(key), await scene.other(await scene.servers.owner(key))
        moved = await move(scene.redis, CLUSTER_PARTITIONS, slot, slot, ("127.0.0.1", target.port), seconds=60)
        assert moved.kept == 1
        await asyncio.sleep(0.5)
    return 0.0


async def _move_by_keys(scene: Scene) -> float:
    """The same key by key, slowly, so that work is in its middle."""
    for key in scene.keys[:3]:
        source = await scene.servers.owner(key)
        await move_slot_by_keys(scene.servers, source, await scene.other(source), find_slot(key), pause=0.02)
    return 0.0


async def _come_and_go(scene: Scene) -> float:
    """A fourth primary joins, gets the slots of one node's partitions, and gives all of them back."""
    source = await scene.servers.owner(scene.keys[0])
    new = await start_node(scene.stack, 2_000)
    scene.servers.nodes[new.port] = new
    await meet(source, new)
    await known_by_all(scene.servers.living)
    slots = await scene.slots_of(source)
    await move_slots(source, new, [(slot, slot) for slot in slots])
    await asyncio.sleep(1)
    await move_slots(new, source, [(slot, slot) for slot in slots])
    return 0.0


def _case(key: str, fault: str, name: str, act: Fault, after: float, *, kept: bool = False) -> Case:
    async def run(size: Size, seed: int) -> Result:
        return await disturbed(size, seed, name, act, after=after, kept=kept)

    return Case(key, fault, run)


CASES = [
    _case("T50", "a cluster's primary killed; its replica is promoted", "killed", _kill, FAILOVER_SECONDS),
    _case("T51", "a cluster's primary frozen, and thawed after the failover", "frozen", _freeze, FAILOVER_SECONDS),
    _case("T52", "the primary with partition 0 killed", "killed", _kill_home, FAILOVER_SECONDS),
    _case("T53", "slots moved by `shopstream slots move`", "3 moves", _move_whole, MOVE_SECONDS, kept=True),
    _case("T54", "slots moved key by key (SETSLOT and MIGRATE)", "3 moves", _move_by_keys, MOVE_SECONDS),
    _case("T55", "a node added to a cluster, filled and emptied", "both", _come_and_go, MOVE_SECONDS),
]
