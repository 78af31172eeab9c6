"""A source with replicas keeps through a failover what a move has said of it."""

import signal

import pytest
from redis.exceptions import ResponseError

from shopstream.errors import MoveRefused
from shopstream.move.move_places import MoveSide, finish_source
from shopstream.move.work_stop import close_for_requests, stop_work
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from shopstream.redis.partition_count import MoveMark, read_move
from tests.move.planted import plant
from tests.processes import ANSWER_SECONDS
from tests.running.sentinels import trio

MARK = MoveMark("ab", "redis://127.0.0.1:1/0", 17, 1)


async def test_the_marks_of_a_move_outlive_the_primary_or_the_move_does_not_go_on() -> None:
    async with trio() as servers, connect(servers.url, retry=True, seconds=ANSWER_SECONDS) as redis:
        source, old = MoveSide(redis, 1), await servers.primary()
        await plant(redis, 1)
        await stop_work(source, MARK)
        others = [one for one in servers.servers.values() if one is not old]
        for one in others:
            one.signal(signal.SIGSTOP)
        for step in (close_for_requests, finish_source):
            with pytest.raises(MoveRefused, match="no replica of the source has confirmed the mark"):
                await step(source, MARK)
        for one in others:
            one.signal(signal.SIGCONT)
        await servers.in_step()
        await close_for_requests(source, MARK)
        await finish_source(source, MARK)
        old.kill()
        await servers.moved(old)
        move = await read_move(redis)
        assert move
        assert move.state == "moved"
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await redis.zadd(Partition(0).due, {"products:7": 0})
