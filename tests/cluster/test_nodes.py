"""The map of slots and the tasks that renew it, without a server."""

import asyncio
from typing import Any

import pytest

from shopstream.redis.cluster.cluster_errors import NoCluster
from shopstream.redis.cluster.nodes import Nodes
from shopstream.redis.connection import connect
from shopstream.redis.urls.host_list import Address

GONE, THERE = ("gone", 1), ("there", 1)
ALL = [[0, 16_383, [b"there", 1, b"id-there"]]]


def make(answers: dict[Address, Any]) -> Nodes:
    async def ask(node: Address) -> Any:
        if node not in answers:
            raise OSError("away")
        return answers[node]

    return Nodes(list(answers), ask, lambda _: pytest.fail("no client is needed"))


async def test_a_node_that_has_left_the_cluster_is_not_believed() -> None:
    """After CLUSTER RESET it answers that no slot has a node."""
    answers = {GONE: [[0, 5_000, [b"gone", 1, b"id-gone"]], [5_001, 16_383, [b"there", 1, b"id-there"]]], THERE: ALL}
    nodes = make(answers)
    assert (await nodes.renew()).primaries == (GONE, THERE)
    answers[GONE] = []
    assert (await nodes.renew()).primaries == (THERE,)
    assert await nodes.find(5) == THERE
    # Nor while the others are away.
    del answers[THERE]
    with pytest.raises(OSError, match="away"):
        await nodes.renew()
    assert await nodes.find(5) == THERE
    # Nor by a process that starts later.
    answers[THERE] = ALL
    assert (await make(answers).renew()).primaries == (THERE,)
    nobody = make({GONE: []})
    assert (await nobody.renew()).nodes.count(None) == 16_384
    with pytest.raises(NoCluster):
        await nobody.find(5)


async def test_a_closed_client_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    redis = connect("redis+cluster://127.0.0.1:1")
    redis.router.nodes.suspect(("127.0.0.1", 1))  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert asyncio.all_tasks() > before
    await redis.aclose()
    assert asyncio.all_tasks() == before
