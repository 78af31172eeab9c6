"""A URL of the wrong kind and a cluster that loses data are refused in one line by workers, gateways and commands."""

import pytest
from redis.exceptions import RedisError

from shopstream.cli.terminal import describe_redis_error
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from tests.commands.running import command
from tests.processes import until
from tests.running.clusters import Node, cluster
from tests.running.refused_start import read_refusal
from tests.running.sentinels import trio

PASSWORD = "canary-90b1"


async def refuse(url: str, module: str, **env: str) -> str:
    """Start a worker or a gateway that does not start; the line that it says, without a password."""
    line = await read_refusal(url, module, **env)
    assert PASSWORD not in line
    return line


async def test_the_kind_of_a_url_is_judged_in_both_directions(redis_url: str) -> None:
    plain = redis_url.removeprefix("redis://").removesuffix("/0")
    async with trio(replicas=0, sentinels=1) as sentinels, cluster(replicas=0) as servers:
        wrong = {
            f"redis+cluster://u:{PASSWORD}@127.0.0.1:1": "Redis",
            f"redis+cluster://{plain}": "is no node of a cluster: write redis://",
            f"redis+cluster://127.0.0.1:{sentinels.sentinels[0].port}": "is a Sentinel, not a node of a cluster",
        }
        wrong |= {node.server.url: "node of a cluster" for node in servers.nodes.values()}
        for url, reason in list(wrong.items())[1:]:
            assert reason in await refuse(url, "worker", QUEUE_URL=redis_url)
        for url, reason in wrong.items():
            said = await command(url, "doctor", "--offline")
            assert reason in said.out, said
            assert PASSWORD not in said.out + said.err
            assert said.code == 2
        for url in list(wrong)[1:3]:
            assert wrong[url] in await refuse(url, "gateway")


async def test_a_cluster_needs_a_queue_beside_it_and_all_of_its_slots(redis_url: str) -> None:
    async with cluster(replicas=0) as servers:
        first = next(iter(servers.nodes.values()))
        line = await refuse(servers.url, "worker")
        assert "SHOPSTREAM_QUEUE_URL is required beside a cluster" in line
        line = await refuse(servers.url, "worker", QUEUE_URL=servers.url)
        assert "names a cluster, and arq's notifications need one Redis" in line
        await first.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        line = await refuse(servers.url, "worker", QUEUE_URL=redis_url)
        assert f"{first.place}: maxmemory-policy is allkeys-lru" in line
        await first.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        line = await refuse(servers.url, "worker", QUEUE_URL=redis_url, PARTITIONS="16")
        assert "a cluster has 256 partitions: remove SHOPSTREAM_PARTITIONS" in line
        for node in servers.nodes.values():
            await node.ask("CLUSTER", "DELSLOTS", 5)
        await until_forgotten(list(servers.nodes.values()), 5)
        line = await refuse(servers.url, "worker", QUEUE_URL=redis_url)
        assert "1 of the cluster's 16384 slots have no node" in line


async def test_the_node_that_refuses_a_user_is_named(redis_url: str) -> None:
    async with cluster(replicas=0) as servers:
        home = await servers.owner(Partition(0).due)
        others = [node for node in servers.nodes.values() if node is not home]
        for node in servers.nodes.values():
            await node.ask("ACL", "SETUSER", "ops", "on", f">{PASSWORD}", "~*", "&*", "+@all")
        url = servers.url.replace("://", f"://ops:{PASSWORD}@")
        await home.ask("ACL", "SETUSER", "ops", "resetpass", ">another")
        said = await command(url, "shops")
        assert (said.code, f"node {home.place} of the cluster refused user or password" in said.err) == (1, True)
        assert (
            f"node {home.place} of the cluster refused user or password"
            in (await command(url, "doctor", "--offline")).out
        )
        assert f"node {home.place} of the cluster refused" in await refuse(url, "worker", QUEUE_URL=redis_url)
        line = await refuse(url, "gateway")
        assert f"SHOPSTREAM_REDIS_URL: node {home.place} of the cluster refused user or password" in line
        await home.ask("ACL", "SETUSER", "ops", f">{PASSWORD}")
        said = await command(url, "doctor", "--offline")
        for node in servers.nodes.values():
            assert f"clock\t{node.place}: this machine's and Redis's agree" in said.out, said
        await others[0].ask("ACL", "SETUSER", "ops", "-eval")
        line = await refuse(url, "worker", QUEUE_URL=redis_url)
        assert f"user of node {others[0].place} of the cluster lacks rights" in line


async def test_the_node_that_is_away_is_named(redis_url: str) -> None:
    async with cluster(replicas=0) as servers:
        home = await servers.owner(Partition(0).due)
        async with connect(servers.url) as redis:
            await redis.get(Partition(0).due)
            home.server.kill()
            with pytest.raises(RedisError) as lost:
                await redis.get(Partition(0).due)
        said = describe_redis_error(lost.value)
        reason = f"node {home.place} of the cluster (ConnectionError): is it running?"
        assert said.startswith(f"cannot connect to {reason}"), said
        line = await refuse(servers.url, "worker", QUEUE_URL=redis_url)
        assert f"node {home.place} of the cluster does not answer (ConnectionError)" in line


async def until_forgotten(nodes: list[Node], slot: int) -> None:
    """Wait until no node names an owner of a slot."""

    async def forgotten() -> bool:
        for node in nodes:
            for first, last, *_ in await node.ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    await node.ask("CLUSTER", "DELSLOTS", slot)
                    return False
        return True

    await until(forgotten)
