"""Hear which partitions of a stream have new entries: on a cluster no blocking XREAD spans their slots.

The publish script sends the number of the partition to the channel of the stream. Each node passes it on to all others,
so one subscription at any node hears of all. News may be lost; readers poll besides.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from shopstream.redis.cluster.cluster_client import ClusterRedis
from shopstream.redis.cluster.cluster_errors import NoCluster
from shopstream.redis.keys import PREFIX
from shopstream.redis.passing import passes

_log = logging.getLogger(__name__)
CHECK_SECONDS: Final = 2.0
"""Seconds of silence after which the node is asked for a sign of life, and for which it may take to give it."""
_AGAIN_SECONDS: Final = 0.2
_REFUSED_SECONDS: Final = 60.0
"""Seconds between two tries of a user who may not subscribe."""


def news_channel(stream: str) -> str:
    """Name the channel on which the numbers of partitions with new entries are published."""
    return f"{PREFIX}:news:{stream}"


class News:
    """One subscription.

    Attributes:
        on: true while the subscription stands, so that few polls are enough.
    """

    def __init__(self, redis: ClusterRedis, stream: str, hear: Callable[[int | None], None]) -> None:
        """Prepare without sending anything. `hear` gets a partition's number; None if some may have been missed."""
        self._redis = redis
        self._channel = news_channel(stream)
        self._hear = hear
        self._node = itertools.count()
        self._heard_at = 0.0
        self.on = False

    async def listen(self) -> NoReturn:
        """Listen until cancelled. A node that fails or falls silent is left for the next one."""
        while True:
            pause = _AGAIN_SECONDS
            try:
                await self._listen_at_one()
            except (RedisError, OSError) as error:
                if not passes(error):
                    _log.warning("no news of %s (%s): polling each second", self._channel, type(error).__name__)
                    pause = _REFUSED_SECONDS
            finally:
                self.on = False
            await asyncio.sleep(pause)

    async def _listen_at_one(self) -> NoReturn:
        nodes = self._redis.router.nodes
        primaries = (nodes.map or await nodes.renew()).primaries
        if not primaries:
            raise NoCluster
        node = nodes.client(primaries[next(self._node) % len(primaries)])
        pubsub = node.pubsub()
        try:
            await pubsub.subscribe(self._channel)
            self._heard_at = time.monotonic()
            while True:
                self._take(await pubsub.get_message(timeout=CHECK_SECONDS))
                silent = time.monotonic() - self._heard_at
                if silent > 2 * CHECK_SECONDS:
                    raise RedisConnectionError("the node has fallen silent")
                if silent > CHECK_SECONDS * 0.9:
                    await pubsub.ping()
        finally:
            with suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _take(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        self._heard_at = time.monotonic()
        if message["type"] == "subscribe":
            self.on = True
            self._hear(None)
        elif message["type"] == "message" and message["data"].isdigit():
            self._hear(int(message["data"]))
