"""Check Redis: its version, memory, persistence and clock, and the rights of the user."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from shopstream.doctor.checks import Check, bad, ok, warn
from shopstream.errors import NodeOfCluster, NotRedis, TlsTimeout, UntrustedRedis
from shopstream.redis import clock
from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.cluster_errors import name_server
from shopstream.redis.cluster.cluster_url import FORM as CLUSTER_FORM
from shopstream.redis.cluster.node_choice import is_cluster, read_nodes
from shopstream.redis.deployment_keys import LAYOUT_KEY, OLDEST_LAYOUT, PARTITIONS
from shopstream.redis.keys import Partition
from shopstream.redis.passing import NAMED
from shopstream.redis.sentinel.primary import Primary
from shopstream.redis.sentinel.sentinel_errors import NoPrimary, WrongSentinel
from shopstream.redis.sentinel.sentinel_url import FORM
from shopstream.redis.sentinel.to_primary import PrimaryPool
from shopstream.redis.standards.seen_servers import judge_coverage, judge_kind, read_servers
from shopstream.redis.standards.server_standards import (
    FULL,
    ROOM,
    Fault,
    judge_clock,
    judge_layout,
    judge_persistence,
    judge_policy,
    judge_version,
)

_MEGABYTE: Final = 1_048_576
_RIGHTS: Final = """
local missing = {}
for i = 1, #ARGV, 2 do
  local may = ARGV[i] == 'GET' and redis.acl_check_cmd('GET', ARGV[i + 1])
    or ARGV[i] == 'ZADD' and redis.acl_check_cmd('ZADD', ARGV[i + 1], '0', 'm')
    or ARGV[i] == 'XADD' and redis.acl_check_cmd('XADD', ARGV[i + 1], '*', 'f', 'v')
    or ARGV[i] == 'HSET' and redis.acl_check_cmd('HSET', ARGV[i + 1], 'f', 'v')
    or ARGV[i] == 'DEL' and redis.acl_check_cmd('DEL', ARGV[i + 1])
  if not may then missing[#missing + 1] = ARGV[i] .. ' ' .. ARGV[i + 1] end
end
return missing
"""
"""Ask for the user's own rights, without doing anything. A script alone may ask: ACL DRYRUN is for administrators."""


async def check_reached(redis: Redis) -> Check:
    """Check that Redis answers this user."""
    try:
        began = time.monotonic()
        await redis.exists(PARTITIONS)
    except AuthenticationError as error:
        return bad("Redis", f"{name_server(error)} refused user or password", "check SHOPSTREAM_REDIS_URL")
    except NoPermissionError:
        return ok("Redis", "it answers; this user may not look for keys")
    except ResponseError as error:
        return _judge_refusal(error)
    except NAMED as error:
        return _judge_absence(error)
    except (RedisError, OSError) as error:
        return bad("Redis", f"it was not reached ({type(error).__name__})", "is it running at SHOPSTREAM_REDIS_URL?")
    return ok("Redis", f"it answers within {(time.monotonic() - began) * 1000:.0f} ms")


def _judge_absence(error: Exception) -> Check:
    if isinstance(error, UntrustedRedis):
        remedy = "check the host in SHOPSTREAM_REDIS_URL, and ssl_ca_certs=FILE behind it for an authority of your own"
        return bad("Redis", "its certificate was not accepted", remedy)
    if isinstance(error, TlsTimeout):
        remedy = "check scheme, host and port of SHOPSTREAM_REDIS_URL"
        return bad("Redis", str(error), remedy)
    servers = "Sentinels" if isinstance(error, WrongSentinel | NoPrimary) else "nodes"
    return bad("Redis", str(error), f"check SHOPSTREAM_REDIS_URL and the {servers}")


def _judge_refusal(error: ResponseError) -> Check:
    if NotRedis.fits(error):
        return bad("Redis", "it is a Sentinel", f"write {FORM}")
    if NodeOfCluster.fits(error):
        return bad("Redis", "it is a node of a cluster", f"write {CLUSTER_FORM}")
    return bad("Redis", f"it refuses commands ({str(error).split(' ', 1)[0][:20]})", "look at its log")


async def check_server(redis: Redis) -> list[Check]:
    """Check the server itself, or each node of a cluster, by one INFO, and its clock; and the user's rights."""
    checks: list[Check] = []
    if is_cluster(redis):
        checks.append(_grade("slots", await judge_coverage(redis), "each has a node"))
    if isinstance(redis.connection_pool, PrimaryPool):
        checks.append(await _check_sentinels(redis.connection_pool.primary))
    for server in await read_servers(redis):
        if server.away:
            text = f"the replica {server.place} does not answer ({server.away})"
            checks.append(warn("Redis server", text, "start it: its primary has no successor meanwhile"))
        else:
            kind = judge_kind(redis, server.info)
            judged = [_grade("Redis", kind, "")] if kind else _judge_info(server.info)
            checks += [replace(one, text=server.name(one.text)) for one in judged]
    primaries = (await read_nodes(redis))[0] if isinstance(redis, ClusterRedis) else {"": redis}
    for place, node in primaries.items():
        off = await clock.measure_offset(node)
        one = _grade("clock", judge_clock(off), "this machine's and Redis's agree")
        checks.append(replace(one, text=f"{place}: {one.text}") if place else one)
    checks.append(await _check_rights(redis))
    return checks


async def _check_sentinels(primary: Primary) -> Check:
    name, silent, number = "Sentinels", await primary.list_silent(), len(primary.sentinels)
    if not silent:
        return ok(name, f"all {number} answer")
    places = ", ".join(f"{host}:{port}" for host, port in silent)
    grade = warn if 2 * len(silent) < number else bad
    text = f"{len(silent)} of {number} do not answer: {places}"
    return grade(name, text, "start them: a minority promotes no replica when the primary dies")


async def check_layout(redis: Redis) -> list[Check]:
    """Check that this version knows the layout of the keys."""
    stored = await redis.get(LAYOUT_KEY) or str(OLDEST_LAYOUT).encode()
    return [_grade("data", judge_layout(stored), f"layout {stored.decode(errors='replace')[:20]}")]


def _judge_info(info: Mapping[str, Any]) -> Iterator[Check]:
    if not info:
        yield warn("Redis server", "not checked: this user may not call INFO", "run the doctor as the user worker")
        return
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "of unknown version")
    facts: tuple[tuple[str, Callable[[Mapping[str, Any]], Fault | None], str], ...] = (
        ("Redis version", judge_version, f"{name} {version}"),
        ("maxmemory-policy", judge_policy, "noeviction"),
        ("append-only file", judge_persistence, "on"),
    )
    for title, judge, well in facts:
        yield _grade(title, judge(info), well)
    yield _check_memory(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))


def _grade(name: str, fault: Fault | None, well: str) -> Check:
    if fault is None:
        return ok(name, well)
    return (bad if fault.refused else warn)(name, fault.text, fault.remedy)


def _check_memory(used: int, limit: int) -> Check:
    name = "memory"
    if not limit:
        text = f"Redis uses {used / _MEGABYTE:.0f} MB and has no maxmemory: the system may kill it"
        return warn(name, text, "set maxmemory below the machine's memory")
    share = used / limit
    text = f"Redis uses {share:.0%} of {limit / _MEGABYTE:.0f} MB"
    if share >= FULL:
        return bad(name, f"{text}: nothing is fetched above {FULL:.0%}", "raise maxmemory, or trim events")
    if share >= ROOM:
        return warn(name, f"{text}: nothing is fetched above {FULL:.0%}", "raise maxmemory, or trim events")
    return ok(name, text)


async def _check_rights(redis: Redis) -> Check:
    partition = Partition(0)
    needed = (
        ("GET", PARTITIONS),
        ("ZADD", partition.due),
        ("XADD", partition.stream("stock")),
        ("HSET", partition.registry),
        ("DEL", partition.token("1")),
    )
    name, arguments = "rights", [part for pair in needed for part in pair]
    try:
        missing: list[bytes] = await redis.eval(_RIGHTS, 0, *arguments)  # type: ignore[misc]
    except NoPermissionError:
        return warn(name, "this user may not run scripts, as workers and operators do", "use the user worker")
    except ResponseError:
        return ok(name, "not checked: this server can't tell (Redis 7 or Valkey can)")
    if missing:
        lacking = ", ".join(one.decode() for one in missing)
        return warn(name, f"this user lacks {lacking}", "operators' commands need the user worker: docs/operations.md")
    return ok(name, "this user has a worker's rights")
