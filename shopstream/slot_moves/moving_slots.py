"""Move slots by CLUSTER MIGRATESLOTS of Valkey 9, after their partitions have been prepared for the next server."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.errors import ShopstreamError
from shopstream.ids import InvalidArgument
from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.hash_slots import SLOTS, SlotMap, find_slot
from shopstream.redis.cluster.nodes import Nodes
from shopstream.redis.keys import Partition
from shopstream.redis.passing import AWAY
from shopstream.redis.scripts import Call, Script, run
from shopstream.redis.urls.host_list import Address, read_host

_PLAN: Final = Script("slot_moves/plan_move.lua")
_LOOK_SECONDS: Final = 0.2
Range = tuple[int, int]


class CanNotMove(ShopstreamError):
    """The slots can't be moved so. The text names the remedy."""


@dataclass(frozen=True, slots=True)
class SlotsMoved:
    """The outcome of a move.

    `slots` counts the slots, `partitions` those of shopstream in them, and `kept` the ones whose epoch goes on. Those
    without an event yet have none.
    """

    slots: int
    partitions: int
    kept: int


def read_place(text: str) -> Address:
    """Read HOST:PORT.

    Raises:
        InvalidArgument: it is none.
    """
    if not (found := read_host(text, 0)):
        raise InvalidArgument("the target is HOST:PORT, as node4:6379")
    return found


async def move(redis: Redis, partitions: int, first: int, last: int, target: Address, *, seconds: float) -> SlotsMoved:
    """Move a range of slots to a primary, and wait until a node of the cluster names it as theirs.

    Raises:
        InvalidArgument: the range is none.
        CanNotMove: this is no cluster, the target is none, or the server has no such command. Or the slots have not
            arrived within `seconds`; they may still.
    """
    if not isinstance(redis, ClusterRedis):
        raise CanNotMove("one Redis has no slots: write redis+cluster:// for a cluster")
    if not 0 <= first <= last < SLOTS:
        raise InvalidArgument(f"slots are 0 to {SLOTS - 1}, the smaller one first")
    nodes = redis.router.nodes
    found = await nodes.renew()
    node = nodes.client(target)
    try:
        info = await node.info("replication")
    except AWAY as error:
        place = f"{target[0]}:{target[1]}"
        raise CanNotMove(f"the target {place} was not reached ({type(error).__name__}): check --to") from None
    if info.get("role") != "master":
        raise CanNotMove("the target is a replica: name its primary")
    name = await node.execute_command("CLUSTER", "MYID")  # type: ignore[no-untyped-call]
    # The nodes may announce it by another name than the operator's.
    target = next((place for place, one in found.ids.items() if one == name), target)
    ranges = group_ranges(found, first, last, target)
    moving = [Partition(number) for number in range(partitions)]
    moving = [one for one in moving if first <= find_slot(one.prefix) <= last and _is_elsewhere(found, one, target)]
    # Before the move: a failover meanwhile leaves another server than this one, and so begins a new epoch.
    answers = await run(redis, [Call(_PLAN, [one.epoch], [str(info["master_replid"])]) for one in moving])
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    for source, some in ranges.items():
        words = [word for begin, end in some for word in ("SLOTSRANGE", begin, end, "NODE", name)]
        try:
            await nodes.client(source).execute_command("CLUSTER", "MIGRATESLOTS", *words)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if "unknown subcommand" in str(error).lower():
                raise CanNotMove("this server has no CLUSTER MIGRATESLOTS: Valkey 9 has it") from None
            raise
    await _wait(nodes, name, first, last, seconds)
    slots = sum(end + 1 - begin for some in ranges.values() for begin, end in some)
    return SlotsMoved(slots=slots, partitions=len(moving), kept=sum(answers))


def group_ranges(found: SlotMap, first: int, last: int, target: Address) -> dict[Address, list[Range]]:
    """Group the slots by the nodes that they leave, as ranges.

    Raises:
        CanNotMove: a slot has no node.
    """
    ranges: dict[Address, list[Range]] = {}
    before: Address | None = None
    for slot in range(first, last + 1):
        source = found.nodes[slot]
        if source is None:
            raise CanNotMove(f"slot {slot} has no node: see `shopstream doctor`")
        if source != target:
            some = ranges.setdefault(source, [])
            if before == source:
                some[-1] = some[-1][0], slot
            else:
                some.append((slot, slot))
        before = source
    return ranges


def _is_elsewhere(found: SlotMap, partition: Partition, target: Address) -> bool:
    return found.nodes[find_slot(partition.prefix)] != target


async def _wait(nodes: Nodes, name: bytes, first: int, last: int, seconds: float) -> None:
    """Wait until the node with an id has all slots of a range."""
    end = time.monotonic() + seconds
    found = await nodes.renew()
    while any(one is None or found.ids.get(one) != name for one in found.nodes[first : last + 1]):
        if time.monotonic() > end:
            raise CanNotMove(
                f"the slots have not arrived within {seconds:g} s, and may still: see CLUSTER GETSLOTMIGRATIONS"
            )
        await asyncio.sleep(_LOOK_SECONDS)
        found = await nodes.renew()
