"""A node of a cluster that comes back without its data is told by the worker that notices it first."""

from types import SimpleNamespace
from typing import Any

import structlog
from structlog.testing import capture_logs

from jobs.upkeep.trim import Schedule
from shopstream.redis.cluster.hash_slots import find_slot
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from tests.processes import ANSWER_SECONDS
from tests.running.clusters import cluster

PARTITIONS = 256


async def test_an_emptied_node_is_one_line_with_its_partitions() -> None:
    async with (
        cluster(node_timeout_ms=15_000, replicas=0) as servers,
        connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as redis,
    ):
        runtime: Any = SimpleNamespace(redis=redis, partitions=PARTITIONS, log=structlog.get_logger())
        first, second = Schedule(runtime), Schedule(runtime)
        home = await servers.owner(Partition(0).due)
        with capture_logs() as lines:
            for each in (first, second, first):
                await each.put()
            assert lines == []
            await home.ask("FLUSHALL")
            for each in (second, first):
                await each.put()
        (line,) = lines
        slots = await home.ask("CLUSTER", "SLOTS")
        own = {slot for begin, end, (_, port, *_), *_ in slots if port == home.port for slot in range(begin, end + 1)}
        assert line["event"] == "redis_lost_its_data"
        assert line["partitions"] == [one for one in range(PARTITIONS) if find_slot(Partition(one).due) in own]
