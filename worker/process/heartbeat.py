"""Write a heartbeat every two seconds on its own connection: proof that this worker lives and can write.

Commands of the pool retry for a long time and hide failures; a heartbeat is tried once. It also looks at Redis's
memory, since claiming stops while there is still room for what others enqueue (`FULL`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

import orjson
import structlog
from redis.exceptions import NoPermissionError, RedisError

from shopstream.redis.cluster.node_choice import is_cluster
from shopstream.redis.deployment_keys import (
    LAYOUT_KEY,
    MOVE,
    OLDEST_LAYOUT,
    PARTITIONS,
    PAUSED,
    WORKER_MS,
    refused_key,
    spare_key,
    sweepers_key,
    worker_key,
    workers_key,
)
from shopstream.redis.partition_count import MoveMark
from shopstream.redis.passing import NAMED, describe_refusal
from shopstream.redis.standards.seen_servers import read_memory
from worker.health import Health
from worker.instrumentation.instrument import SILENT, Instrument
from worker.redis import pool
from worker.redis.lua_script import WorkerScript
from worker.redis.memory import FULL, ROOM

BEAT_SECONDS: Final = 2.0
_SWEEPERS: Final = 3
_SPARE: Final = 4
_REFUSED: Final = 5
"""Numbers of the script's keys."""
_SHARING: Final = (sweepers_key, spare_key, refused_key)
"""The keys of those that share the partitions, in this order: each set while those before it are empty."""
SWEEPER_MS: Final = 6_000
"""Milliseconds after its last heartbeat for which a worker keeps its share of the partitions."""
_LOST: Final = (
    "tokens and shops are gone: restore a copy or import a backup (docs/backup.md), or check that SHOPSTREAM_REDIS_URL"
    " leads to the same Redis as before"
)


class Heartbeat:
    """The heartbeats of one worker.

    Attributes:
        full: Redis has used more than FULL of its `maxmemory`, and not less than ROOM since; False where there is no
            limit, or INFO is not allowed.
        paused: an operator has paused all shops, by the key PAUSED.
        moving: the deployment is moved to another Redis, by the key MOVE: nothing begins here.
        sweepers: names of the workers that share the partitions, this one too unless it has left them.
        left: this worker can't do all work, and leaves its share of the partitions to those that can.
    """

    def __init__(
        self,
        redis_url: str,
        name: str,
        about: Callable[[], Mapping[str, Any]],
        health: Health,
        *,
        partitions: int | None = None,
        instrument: Instrument = SILENT,
        slots: Callable[[], tuple[int, int]] = lambda: (0, 0),
        stop: Callable[[], None] = lambda: None,
        unfit: Callable[[], bool] = lambda: False,
        partly: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make the heartbeats.

        Args:
            redis_url: the address of Redis.
            name: of the worker.
            about: gives this worker's description, for JSON.
            health: keeps the last write and the last turn.
            partitions: their number, to be written again after a loss; None for never.
            instrument: the receiver of writes, turns and failures.
            slots: gives the number of slots, and of those that have work.
            stop: ends this worker, since its deployment has moved to another Redis.
            unfit: tells whether all work is better left to other workers.
            partly: tells whether some of it is. Who takes a share tries all of its work first.
        """
        self._redis = pool.single(redis_url)
        self._script = WorkerScript(self._redis, "process/heartbeat.lua")
        self._name = name
        self._partitions = partitions
        self._about = about
        self._health = health
        self._instrument = instrument
        self._slots = slots
        self._stop = stop
        self._unfit = unfit
        self._partly = partly
        self._log = structlog.get_logger("worker.heartbeat")
        self._may_look = True
        self.full = False
        self.paused = False
        self.moving = False
        self.sweepers = frozenset({name})
        self.left = False
        self._sweeps = True
        self._soon = asyncio.Event()

    @property
    def aside(self) -> bool:
        """Tell whether this worker leaves all work to others: it is unfit, and another one takes a share."""
        return self._unfit() and self.left

    async def run(self) -> NoReturn:
        """Write heartbeats and note the loop's turns, until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._turn())
            both.create_task(self._beats())
        raise AssertionError  # neither ends

    def leave(self) -> None:
        """Give this worker's share of the partitions to the others at once, since it begins nothing any more."""
        self._sweeps = False
        self._soon.set()

    async def close(self) -> None:
        """Leave the list of living workers, unless Redis has failed lately, and close the connection."""
        if not self._health.failure:
            with suppress(RedisError, OSError):
                async with self._redis.pipeline(transaction=False) as pipe:
                    pipe.zrem(workers_key(), self._name)
                    for key in _SHARING:  # `leave` may have come too late for another heartbeat
                        pipe.zrem(key(), self._name)
                    pipe.delete(worker_key(self._name))
                    await pipe.execute()
        await self._redis.aclose()

    async def _turn(self) -> NoReturn:
        while True:
            self._health.turned = time.monotonic()
            self._instrument.report_turn(*self._slots())
            await asyncio.sleep(Health.TURN_SECONDS)

    async def _beats(self) -> NoReturn:
        while True:
            try:
                await self._beat()
            except (RedisError, OSError) as error:
                failure = type(error).__name__
                self._instrument.report_redis_failure(
                    "heartbeat", failure, again=failure == self._health.failure,
                    reason=str(error) if isinstance(error, NAMED) else describe_refusal(error),
                )  # fmt: skip
                self._health.failure = failure
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._soon.wait()
            self._soon.clear()

    async def _beat(self) -> None:
        about = orjson.dumps({**self._about(), "full": self.full})
        keys = [workers_key(), worker_key(self._name), *(key() for key in _SHARING)]
        # One that can do nothing stands behind those that can do a part: a token that none can read makes all of these.
        place = _REFUSED if self._unfit() else _SPARE if self._partly() else _SWEEPERS
        names = await self._script(keys, [self._name, about, WORKER_MS, SWEEPER_MS, place if self._sweeps else 0])
        found = frozenset(name.decode() for name in names)
        self.left = place != _SWEEPERS and self._name not in found
        self.sweepers = found if self.left else found | {self._name}
        if self._health.failure:
            self._log.info("heartbeat_back", silent_seconds=round(time.monotonic() - self._health.written, 1))
        self._health.written, self._health.failure = time.monotonic(), ""
        self._instrument.report_write()
        await self._look()

    def _note_pause(self, there: object) -> None:
        """Note that all shops are paused, or not any more."""
        if isinstance(there, int) and self.paused != bool(there):
            self.paused = bool(there)
            self._log.warning("all_paused" if there else "all_resumed")

    def _note_move(self, stored: bytes | Exception | None) -> None:
        """Note that the deployment is moved to another Redis, and end this worker when it has been."""
        if isinstance(stored, Exception):  # a user of an older version may not read it, or its node is away
            return
        move = MoveMark.from_json(stored)
        if bool(move) != self.moving:
            self.moving = bool(move)
            self._log.warning("move_begins" if move else "move_undone", to=move.place if move else "")
        if move and move.state == "moved":
            self._log.error("redis_moved", advice=str(move.error))
            self._stop()

    async def _read_fullest(self) -> Mapping[str, Any] | Exception:
        """Read the memory of the fullest primary: while one is full, nothing is claimed."""
        try:
            return await read_memory(self._redis)
        except NoPermissionError as error:
            return error

    async def _look(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            if self._partitions:
                # Clients take a Redis without this key for another one: after a FLUSHALL it must come back soon.
                pipe.set(PARTITIONS, self._partitions, nx=True)
                pipe.set(LAYOUT_KEY, OLDEST_LAYOUT, nx=True)
            pipe.exists(PAUSED)
            pipe.get(MOVE)
            if self._may_look and not is_cluster(self._redis):
                pipe.info("memory")
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        if self._partitions and answers[0] is True:
            self._log.error("redis_lost_its_data", advice=_LOST)
        paused, move = answers[2:4] if self._partitions else answers[:2]
        self._note_pause(paused)
        self._note_move(move)
        if not self._may_look:
            return
        info = await self._read_fullest() if is_cluster(self._redis) else answers[-1]
        if isinstance(info, NoPermissionError):
            self._may_look = False  # the guard has warned
            return
        if isinstance(info, Exception):
            raise info
        used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
        full = most > 0 and used > (ROOM if self.full else FULL) * most
        if full != self.full:
            write = self._log.error if full else self._log.info
            write("redis_nearly_full" if full else "redis_has_room", used_bytes=used, maxmemory_bytes=most)
        self.full = full
