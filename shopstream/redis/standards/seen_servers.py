"""Read INFO of each server: one Redis, or all nodes of a cluster. Judge that the URL is of its kind."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.cluster_url import FORM
from shopstream.redis.cluster.node_choice import reach_primaries, read_nodes
from shopstream.redis.standards.server_standards import Fault


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """One server.

    Attributes:
        place: host and port of a cluster's node; "" for one Redis.
        primary: true if it takes writes.
        info: its answer to INFO; empty if this user may not ask.
        away: the class of the error with which a replica did not answer; "" if it did.
    """

    place: str
    primary: bool
    info: Mapping[str, Any]
    away: str = ""

    def name(self, text: str) -> str:
        """Name the server before a text, if there are several."""
        return f"{self.place}: {text}" if self.place else text


async def read_servers(redis: Redis) -> list[ServerSeen]:
    """Read all servers.

    Raises:
        RedisError: a primary does not answer, or refuses.
    """
    if not isinstance(redis, ClusterRedis):
        return [ServerSeen("", primary=True, info=await _read_info(redis))]
    seen: list[ServerSeen] = []
    primaries, replicas, _ = await read_nodes(redis)
    for place, node in primaries.items():
        seen.append(ServerSeen(place, primary=True, info=await _read_info(node)))
    for place, node in replicas.items():
        try:
            seen.append(ServerSeen(place, primary=False, info=await _read_info(node)))
        except (RedisError, OSError) as error:
            seen.append(ServerSeen(place, primary=False, info={}, away=type(error).__name__))
    return seen


async def read_memory(redis: Redis) -> Mapping[str, Any]:
    """Read INFO memory of the fullest primary. One that does not answer is left out, if another one does.

    Raises:
        NoPermissionError: this user may not ask.
        RedisError: no primary answers.
    """
    nodes = await reach_primaries(redis)
    answers = await asyncio.gather(*(node.info("memory") for node in nodes), return_exceptions=True)
    known = [one for one in answers if not isinstance(one, BaseException)]
    for answer in answers:
        if isinstance(answer, NoPermissionError) or (isinstance(answer, BaseException) and not known):
            raise answer
    return max(known, key=_measure_share)


def _measure_share(info: Mapping[str, Any]) -> float:
    most = int(info.get("maxmemory", 0))
    return int(info.get("used_memory", 0)) / most if most else 0.0


async def _read_info(redis: Redis) -> Mapping[str, Any]:
    try:
        info: Mapping[str, Any] = await redis.info()
    except NoPermissionError:
        return {}
    return info


def judge_kind(redis: Redis, info: Mapping[str, Any]) -> Fault | None:
    """Judge a client of one Redis whose server is a node of a cluster. The opposite is an error of each command."""
    if isinstance(redis, ClusterRedis) or not info.get("cluster_enabled"):
        return None
    return Fault(refused=True, text="this Redis is a node of a cluster", remedy=f"write its URL as {FORM}")


async def judge_coverage(redis: Redis) -> Fault | None:
    """Judge that each slot of a cluster has a node."""
    if not isinstance(redis, ClusterRedis):
        return None
    *_, uncovered = await read_nodes(redis)
    if not uncovered:
        return None
    text = f"{uncovered} of the cluster's 16384 slots have no node"
    return Fault(refused=True, text=text, remedy="bring the missing nodes back, or run valkey-cli --cluster fix")
