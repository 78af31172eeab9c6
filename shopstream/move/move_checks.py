"""Check both sides of a move before anything is written. Each refusal is one line."""

from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from shopstream.errors import MoveRefused
from shopstream.ids import InvalidArgument
from shopstream.move.move_places import MoveSide, read_arrival
from shopstream.move.work_stop import judge_workers
from shopstream.redis.cluster.cluster_url import is_cluster_url
from shopstream.redis.cluster.node_choice import reach_primaries
from shopstream.redis.deployment_keys import CLUSTER_PARTITIONS, LAYOUT_KEY, PARTITIONS
from shopstream.redis.keys import PREFIX, STREAMS
from shopstream.redis.standards.seen_servers import judge_coverage, judge_kind
from shopstream.redis.standards.server_standards import (
    judge_layout,
    judge_persistence,
    judge_policy,
    judge_version,
)
from shopstream.registry.workers import workers

_ROOM: Final = 1.2
"""The memory that the target must have free, as a multiple of what the moved keys take at the source."""
_PARTITIONS_MOST: Final = 1_024
_PROBE: Final = f"{PREFIX}:probe"


def choose_partitions(url: str, wanted: int | None, source: int) -> int:
    """Choose the number of the target's partitions: 256 of a cluster, else `wanted`, or that of the source.

    Raises:
        InvalidArgument: the number can't be had.
    """
    if is_cluster_url(url):
        if wanted not in {None, CLUSTER_PARTITIONS}:
            raise InvalidArgument(f"a cluster has {CLUSTER_PARTITIONS} partitions: leave --partitions out")
        return CLUSTER_PARTITIONS
    number = source if wanted is None else wanted
    if not 1 <= number <= _PARTITIONS_MOST:
        raise InvalidArgument(f"there are 1 to {_PARTITIONS_MOST} partitions, not {number}")
    return number


def judge_source_url(url: str) -> None:
    """Refuse a cluster as source.

    Raises:
        MoveRefused: it is one.
    """
    if is_cluster_url(url):
        raise MoveRefused("a cluster is no source: it grows by moving slots to new nodes")


async def check_sides(source: MoveSide, target: MoveSide, move_id: str | None) -> list[str]:
    """Check both sides. Give the warnings, one line each.

    Args:
        source: where the deployment is.
        target: where it shall go.
        move_id: of a move of the source that is under way; None if none is.

    Raises:
        MoveRefused: the move can't succeed, or would lose something.
    """
    judge_workers(await workers(source.redis))
    if (layout := await source.redis.get(LAYOUT_KEY)) and (fault := judge_layout(layout)):
        raise MoveRefused(f"{fault.text}: {fault.remedy}")
    info = await _read_info(source.redis, "the source")
    if fault := await judge_coverage(target.redis):
        raise MoveRefused(f"the target: {fault.text}: {fault.remedy}")
    nodes = [await _read_info(node, "the target") for node in await reach_primaries(target.redis)]
    warnings = [warning for node in nodes for warning in _judge_node(target.redis, node)]
    if info.get("run_id") in {node.get("run_id") for node in nodes}:
        raise MoveRefused("source and target are the same server: name another one by --to")
    await _check_empty(target, move_id)
    await _check_room(source, info, nodes)
    await _check_restore(source.redis, target.redis)
    return list(dict.fromkeys(warnings))


async def _read_info(redis: Redis, side: str) -> Mapping[str, Any]:
    try:
        info: Mapping[str, Any] = await redis.info()
    except NoPermissionError:
        raise MoveRefused(f"the user of {side} may not call INFO: move as the user worker") from None
    return info


def _judge_node(redis: Redis, info: Mapping[str, Any]) -> list[str]:
    if fault := judge_kind(redis, info):
        raise MoveRefused(f"the target: {fault.text}: {fault.remedy}")
    if info.get("role") != "master":
        raise MoveRefused("the target is a read-only replica: name the primary by --to")
    judges = (judge_version, judge_policy, judge_persistence)
    faults = [fault for judge in judges if (fault := judge(info))]
    for fault in faults:
        if fault.refused:
            raise MoveRefused(f"the target: {fault.text}: {fault.remedy}")
    return [f"the target: {fault.text}" for fault in faults]


async def _check_empty(target: MoveSide, move_id: str | None) -> None:
    """Refuse a target with a deployment of its own, or with the rest of another move."""
    arrival = await read_arrival(target.redis)
    if arrival is not None:
        if arrival.id != move_id:
            raise MoveRefused("the target has the rest of another move, or of one that was undone: empty it first")
        return
    names = [PARTITIONS, LAYOUT_KEY]
    for partition in target.list_partitions():
        names += [partition.registry, partition.due, partition.epoch, partition.settings, partition.stream("dead")]
    async with target.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.exists(name)
        found = await pipe.execute()
    if any(found):
        raise MoveRefused("the target is not empty: shopstream has been used there; name an empty one by --to")


async def _check_room(source: MoveSide, info: Mapping[str, Any], nodes: list[Mapping[str, Any]]) -> None:
    """Compare what moves, which is all but the streams, with the free memory of nodes that have a limit."""
    limits = [int(node.get("maxmemory", 0)) for node in nodes]
    if not all(limits):
        return
    free = sum(limits) - sum(int(node.get("used_memory", 0)) for node in nodes)
    needed = int(info.get("used_memory_dataset", 0))
    async with source.redis.pipeline(transaction=False) as pipe:
        for partition in source.list_partitions():
            for stream in STREAMS:
                pipe.memory_usage(partition.stream(stream))
        sizes = await pipe.execute(raise_on_error=False)
    needed -= sum(size for size in sizes if isinstance(size, int))
    if needed * _ROOM > free:
        raise MoveRefused(
            f"the target has too little memory: {free / 1e9:.1f} GB are free below its maxmemory, and"
            f" {needed * _ROOM / 1e9:.1f} GB are needed"
        )


async def _check_restore(source: Redis, target: Redis) -> None:
    """Move a key of our own, since a server restores nothing of a newer one, and not for every user."""
    try:
        await source.set(_PROBE, "1")
        dumped = await source.dump(_PROBE)
        await source.delete(_PROBE)
        await target.restore(_PROBE, 0, dumped or b"", replace=True)
        await target.delete(_PROBE)
    except NoPermissionError:
        raise MoveRefused("a user lacks the right to DUMP or RESTORE: move as the user worker, with +restore") from None
    except ResponseError as error:
        if "payload version" not in str(error) and "checksum" not in str(error):
            raise
        raise MoveRefused("the target is older than the source, and can't read its keys: update the target") from None
