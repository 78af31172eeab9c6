"""A Redis Cluster of real processes: three primaries and a replica each, that can be killed, frozen and emptied."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shopstream.redis.cluster.hash_slots import SLOTS, find_slot
from tests.chaos.stage import Valkey, valkey
from tests.processes import ANSWER_SECONDS, free_port, until

PASSWORD: Final = "canary-77a1"
Users = Mapping[str, Sequence[str]]
"""Rules of users of all nodes, by name."""


@dataclass(eq=False)
class Node:
    """One node: its server, a client of it alone, and its id in the cluster."""

    server: Valkey
    redis: Redis
    bus: int
    id: str

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def ask(self, *words: Any) -> Any:
        """Send a command, and wait for the answer as long as a busy machine needs."""
        return await self.redis.execute_command(*words)  # type: ignore[no-untyped-call]


@dataclass
class Cluster:
    """Nodes by port. The first three were primaries at the begin."""

    nodes: dict[int, Node]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(node.place for node in list(self.nodes.values())[:3])

    @property
    def living(self) -> list[Node]:
        return [node for node in self.nodes.values() if not node.server.dead]

    async def owner(self, key: str, asked: Node | None = None) -> Node:
        """Give the primary of a key's slot, as a living node sees it."""
        slot = find_slot(key)
        for first, last, (_, port, *_), *_ in await (asked or self.living[-1]).ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self.nodes[port]
        raise AssertionError(f"nobody has slot {slot}")

    async def replicas(self, primary: Node) -> list[Node]:
        """Give the replicas of a primary that are connected to it."""
        answer = await self.living[-1].ask("CLUSTER", "REPLICAS", primary.id)
        lines = answer if isinstance(answer, list) else answer.splitlines()
        texts = [line.decode() if isinstance(line, bytes) else str(line) for line in lines]
        return [node for node in self.nodes.values() if any(text.startswith(node.id) for text in texts)]

    async def moved(self, key: str, old: Node, seconds: float = 60) -> tuple[Node, float]:
        """Wait until every other node names another primary for a key; it, and the moment by the monotonic clock."""
        others = [node for node in self.living if node is not old]

        async def other() -> Node | None:
            found = {(await self.owner(key, node)).port for node in others}
            return self.nodes[found.pop()] if len(found) == 1 and old.port not in found else None

        return await until(other, seconds=seconds, every=0.02), time.monotonic()

    async def in_step(self) -> None:
        """Wait until all living nodes see all slots served, and each replica has all of its primary."""

        async def good() -> bool:
            for node in self.living:
                info = await node.redis.info("replication")
                if (await _facts(node))["cluster_state"] != "ok" or await _sees_failed(node):
                    return False
                if info["role"] == "slave" and (info["master_link_status"] != "up" or info["master_sync_in_progress"]):
                    return False
            return True

        await until(good, seconds=60)


async def _facts(node: Node) -> dict[str, str]:
    answer = await node.ask("CLUSTER", "INFO")
    if isinstance(answer, dict):
        return {str(name): str(value) for name, value in answer.items()}
    return dict(line.split(":", 1) for line in answer.decode().split())


async def _sees_failed(node: Node) -> bool:
    answer = await node.ask("CLUSTER", "NODES")
    return "fail" in str(answer)


@asynccontextmanager
async def cluster(
    node_timeout_ms: int = 1_500, *, primaries: int = 3, replicas: int = 1, users: Users | None = None, **config: Any
) -> AsyncIterator[Cluster]:
    """All nodes, once they know each other and serve all slots."""
    async with AsyncExitStack() as stack:
        made = Cluster({})
        count = primaries * (1 + replicas)
        found = [await start_node(stack, node_timeout_ms, users=users, **config) for _ in range(count)]
        made.nodes = {node.port: node for node in found}
        try:
            await _join(found, primaries)
            await made.in_step()
            yield made
        finally:
            for node in made.nodes.values():
                _thaw(node.server)


async def start_node(
    stack: AsyncExitStack, node_timeout_ms: int = 1_500, *, users: Users | None = None, **config: Any
) -> Node:
    """Start a node that knows no other and has no slot."""
    bus = free_port()
    settings: dict[str, Any] = {
        "cluster-enabled": "yes", "cluster-node-timeout": str(node_timeout_ms), "cluster-port": str(bus),
        "cluster-config-file": "nodes.conf", "cluster-require-full-coverage": "no", "repl-diskless-sync-delay": "0",
        "cluster-replica-validity-factor": "0", **config,
    }  # fmt: skip
    if users:
        settings |= {"masteruser": "replica", "masterauth": PASSWORD}
    server = await stack.enter_async_context(valkey(**settings))
    client = Redis.from_url(server.url, socket_timeout=ANSWER_SECONDS, protocol=2)
    stack.push_async_callback(client.aclose)
    node = Node(server, client, bus, "")
    for name, rules in (users or {}).items():
        await node.ask("ACL", "SETUSER", name, *rules)
    node.id = (await node.ask("CLUSTER", "MYID")).decode()
    return node


async def _join(nodes: list[Node], primaries: int) -> None:
    first, *others = nodes
    for epoch, node in enumerate(nodes, 1):
        await node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
    for node in others:
        await meet(first, node)
    await known_by_all(nodes)
    size = SLOTS // primaries
    for at, node in enumerate(nodes[:primaries]):
        end = SLOTS - 1 if at == primaries - 1 else (at + 1) * size - 1
        await node.ask("CLUSTER", "ADDSLOTSRANGE", at * size, end)
    for at, node in enumerate(nodes[primaries:]):
        await node.ask("CLUSTER", "REPLICATE", nodes[at % primaries].id)


async def meet(node: Node, other: Node) -> None:
    """Introduce a node to another one."""
    await node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)


async def known_by_all(nodes: list[Node]) -> None:
    """Wait until each of these nodes knows as many."""

    async def known() -> bool:
        return all([int((await _facts(node))["cluster_known_nodes"]) >= len(nodes) for node in nodes])

    await until(known, seconds=60)


def _thaw(server: Valkey) -> None:
    if not server.dead:
        server.signal(signal.SIGCONT)


async def move_slots(source: Node, target: Node, slots: Sequence[tuple[int, int]]) -> None:
    """Move ranges of slots as Valkey 9 does: each whole, at one moment. Wait for the end."""
    words = [word for first, last in slots for word in (first, last)]
    await source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words, "NODE", target.id)
    key_slots = {first for first, _ in slots}

    async def there() -> bool:
        ports = {}
        for first, last, (_, port, *_), *_ in await source.ask("CLUSTER", "SLOTS"):
            ports.update({slot: port for slot in key_slots if first <= slot <= last})
        return all(ports.get(slot) == target.port for slot in key_slots)

    await until(there, seconds=60, every=0.02)


async def move_slot_by_keys(cluster: Cluster, source: Node, target: Node, slot: int, pause: float = 0.0) -> None:
    """Move a slot as every version does: key by key, with ASK for those that have gone before."""
    await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
        await source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *keys)
        await asyncio.sleep(pause)
    for node in (target, source, *(node for node in cluster.living if node not in (source, target))):
        try:
            await node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        except RedisError:  # a replica takes no such order, and hears it from its primary
            continue
