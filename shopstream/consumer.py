"""Read the events, as one of a group that shares the work; what a dead member had in hand comes to the others.

async for event in EventConsumer("redis://127.0.0.1:6379/0", stream="stock", group="erp"):
    ...
    await event.ack()
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.connection import connect
from shopstream.events import Event, InvalidEntry, parse
from shopstream.names import PARTITIONS, STREAMS, Partition

_log = logging.getLogger(__name__)
_BLOCK_MS = 1_000


class EventConsumer:
    """Events of one stream, of all partitions, for one consumer group. At least once, in order per partition.

    An event that isn't acknowledged is delivered again: to this consumer when it starts anew under the same name, to
    any other of the group after `min_idle` seconds.

    Attributes:
        invalid: entries passed over because they are not shopstream events; each is logged and acknowledged.
    """

    def __init__(
        self,
        redis: str | Redis,
        *,
        stream: str,
        group: str,
        consumer: str | None = None,
        start: str = "0",
        count: int = 100,
        min_idle: float = 60.0,
    ) -> None:
        """Nothing is sent yet.

        Args:
            redis: a URL, or a client of the caller's, which is left open. It must not decode responses.
            stream: `products`, `stock`, `shops` or `dead`.
            group: the consumer group; created at the first use.
            consumer: this consumer's name in it; by default host and process id.
            start: where a new group begins: `0` the oldest entry, `$` the end, or an entry id.
            count: entries fetched at once.
            min_idle: seconds after which another consumer's unacknowledged entries are taken over.
        """
        if stream not in STREAMS:
            raise ValueError(f"{stream!r} is not a stream: one of {', '.join(STREAMS)}")
        self._own = isinstance(redis, str)
        self._redis: Redis = connect(redis) if isinstance(redis, str) else redis
        self._stream = stream
        self._group = group
        self._consumer = consumer or f"{socket.gethostname()}-{os.getpid()}"
        self._start = start
        self._count = count
        self._min_idle = min_idle
        self.invalid = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, if they are this consumer's own."""
        if self._own:
            await self._redis.aclose()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Events, for ever. Redis away: tries again each second; the group deleted: it is created again."""
        while True:
            try:
                async for event in self._session():
                    yield event
            except (RedisConnectionError, RedisTimeoutError, OSError) as error:
                _log.warning("redis is away (%s): trying again", type(error).__name__)
                await asyncio.sleep(1)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                _log.warning("group %s is gone from %s: creating it again", self._group, self._stream)

    async def _session(self) -> AsyncIterator[Event]:
        """First what this consumer left unacknowledged, then what is new, and what others abandoned in between."""
        keys = await self._join()
        positions: dict[Any, Any] = dict.fromkeys(keys, "0")
        recovered = time.monotonic()
        while True:
            if time.monotonic() - recovered > self._min_idle / 4:
                recovered = time.monotonic()
                for key in keys:
                    async for event in self._abandoned(key):
                        yield event
            answer = await self._redis.xreadgroup(
                self._group, self._consumer, positions, count=self._count, block=_BLOCK_MS
            )
            for raw_key, entries in answer:
                key = raw_key.decode()
                if positions[key] != ">":
                    positions[key] = entries[-1][0].decode() if entries else ">"
                async for event in self._events(key, entries):
                    yield event

    async def _join(self) -> list[str]:
        partitions = int(await self._redis.get(PARTITIONS) or 1)
        keys = [Partition(number).stream(self._stream) for number in range(partitions)]
        for key in keys:
            try:
                await self._redis.xgroup_create(key, self._group, id=self._start, mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        return keys

    async def _abandoned(self, key: str) -> AsyncIterator[Event]:
        """What others of the group took and have not acknowledged for `min_idle` seconds."""
        cursor = "0-0"
        while True:
            answer = await self._redis.xautoclaim(
                key, self._group, self._consumer, int(self._min_idle * 1000), start_id=cursor, count=self._count
            )
            cursor = answer[0].decode()
            async for event in self._events(key, answer[1]):
                yield event
            if cursor == "0-0":
                return

    async def _events(self, key: str, entries: list[Any]) -> AsyncIterator[Event]:
        for entry_id, fields in entries:
            if fields is None:
                continue  # trimmed while it was pending
            acknowledge = partial(self._acknowledge, key, entry_id)
            try:
                yield parse(key, entry_id.decode(), fields, acknowledge=acknowledge)
            except InvalidEntry as invalid:
                self.invalid += 1
                _log.warning("%s", invalid)
                await acknowledge()

    async def _acknowledge(self, key: str, entry_id: bytes) -> None:
        await self._redis.xack(key, self._group, entry_id)
