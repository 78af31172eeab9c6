"""One process of a fleet that calls one shop as fast as somebody else's limiter allows.

`python -m benchmarks.pace.peers LIBRARY --rate 50 --seconds 120`. The limiter's state is in Redis, so the fleet shares
it, and it is set by hand to exactly the quota. Signing, HTTP and decoding are ours, so that the limiter alone differs.
What a careful team would add is here too: one task of a process waits for the limiter while the others stand behind it,
and a 429 pauses the whole process, or with --shared-pause the whole fleet, for as long as Retry-After says.

From the environment: SHOPSTREAM_REDIS_URL, SANDBOX_URL, APP_KEY, APP_SECRET, ACCESS_TOKEN, SHOP_ID, SHOP_CIPHER,
PRODUCT_IDS (comma separated). At the end one line of JSON: library, version, algorithm, calls, ok, throttled, failed
(no usable answer; any other error ends the process).
"""

import argparse
import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import cycle
from typing import Any, Final

import limits
import orjson
import pyrate_limiter
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from throttled.asyncio import RateLimiterType, RedisStore, Throttled, per_sec

from benchmarks.system import first
from worker.marketplace.call_errors import Throttled as Refused
from worker.marketplace.call_errors import Transient
from worker.marketplace.values import Access
from worker.tiktok.http import new_session
from worker.tiktok.tiktok_client import TikTokClient

Permit = Callable[[], Awaitable[None]]
"""Returns as soon as one call may leave."""

_POLL: Final = 0.005
"""Seconds: the shortest wait where the moment that the limiter gave has passed already."""
_NO_RETRY_AFTER: Final = 1.0
"""Seconds to pause if a 429 doesn't say."""


@asynccontextmanager
async def _limits(url: str, key: str, rate: int) -> AsyncIterator[Permit]:
    """`limits`: `rate` calls in any second, and the wait that its window statistics tell.

    The moving window is the only one of its strategies that never lets more than `rate` calls into a second. All of
    them begin with a burst, and windows are whole seconds by their type, so one call per 1/rate s can't be asked for.
    The sliding window counter spaces calls once a full window is behind it; against the sandbox's quotas, which refuse
    the burst, it fared no better (share below 1 % too). `redispy` is the client that the others use; the default,
    coredis, is one dependency more.
    """
    limiter = MovingWindowRateLimiter(RedisStorage(f"async+{url}", implementation="redispy"))
    item = limits.RateLimitItemPerSecond(rate)

    async def permit() -> None:
        while not await limiter.hit(item, key):
            window = await limiter.get_window_stats(item, key)
            await asyncio.sleep(max(window.reset_time - time.time(), _POLL))

    yield permit


@asynccontextmanager
async def _pyrate_limiter(url: str, key: str, rate: int) -> AsyncIterator[Permit]:
    """`pyrate-limiter`: GCRA with a burst of one, "perfectly smooth" by its manual, and its own wait.

    Its RedisBucket is a window, which lets a second's calls go in one instant. `buffer_ms` (50 by default) is added to
    each wait against clocks that differ: here they don't, and at 50 calls/s it would be more than two spacings a wait.
    """
    async with Redis.from_url(url) as redis:
        store = pyrate_limiter.RedisStateStore(redis, key)
        each = pyrate_limiter.Rate(rate, pyrate_limiter.Duration.SECOND, burst=1)
        bucket = pyrate_limiter.StateBucket([each], algorithm=pyrate_limiter.GCRA(), store=store)
        with pyrate_limiter.Limiter(bucket, buffer_ms=0) as limiter:

            async def permit() -> None:
                if not await limiter.try_acquire_async(key):
                    raise RuntimeError("pyrate-limiter gave up, although it was to wait for as long as it takes")

            yield permit


@asynccontextmanager
async def _throttled_py(url: str, key: str, rate: int) -> AsyncIterator[Permit]:
    """`throttled-py`: GCRA with a burst of one, and the wait that its result tells.

    Its leaky bucket counts in whole seconds. Its own waiting (`timeout=`) sleeps at least 0.2 s, ten spacings at
    50 calls/s, so `retry_after`, which that waiting goes by too, is slept here.
    """
    quota = per_sec(rate, burst=1)
    limiter = Throttled(key=key, using=RateLimiterType.GCRA.value, quota=quota, store=RedisStore(server=url))

    async def permit() -> None:
        while (result := await limiter.limit()).limited:  # noqa: ASYNC110 - Redis says how long
            await asyncio.sleep(result.state.retry_after)

    yield permit


@dataclass(frozen=True)
class Library:
    """A limiter, and which of its algorithms is used."""

    algorithm: str
    open: Callable[[str, str, int], AbstractAsyncContextManager[Permit]]


LIBRARIES: Final = {
    "limits": Library("moving window", _limits),
    "pyrate-limiter": Library("GCRA, burst 1", _pyrate_limiter),
    "throttled-py": Library("GCRA, burst 1", _throttled_py),
}


@dataclass
class Pause:
    """After a 429: this process's own, or with `redis` the whole fleet's, under `key`."""

    redis: Redis | None
    key: str
    _until: float = 0.0

    async def left(self) -> float:
        """Seconds until calls may leave again; 0 or less: now."""
        own = self._until - asyncio.get_running_loop().time()
        return own if self.redis is None else max(own, await self.redis.pttl(self.key) / 1000)

    async def begin(self, seconds: float) -> None:
        """Send nothing for so many seconds. The fleet goes by the latest one: a cool-down only grows while it lasts."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)
        if self.redis is not None and seconds > 0:
            await self.redis.set(self.key, "", px=math.ceil(seconds * 1000))


@dataclass
class Caller:
    """The tasks of one process, and what became of their calls. `until` is the loop's time at which they stop."""

    client: TikTokClient
    access: Access
    products: list[str]
    permit: Permit
    pause: Pause
    until: float
    calls: int = 0
    ok: int = 0
    throttled: int = 0
    failed: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, tasks: int) -> None:
        """So many calls in flight at most, until the time is over; none is cut off."""
        products = cycle(self.products)
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self._task(products))

    async def _task(self, products: "cycle[str]") -> None:
        while True:
            try:
                async with asyncio.timeout_at(self.until) as over:
                    await self._may_call()
            except TimeoutError:
                if over.expired():
                    return
                raise
            await self._call(next(products))

    async def _may_call(self) -> None:
        """Wait for a permit; one that comes while the process pauses is not used."""
        async with self._turn:
            while True:
                await asyncio.sleep(await self.pause.left())
                await self.permit()
                if await self.pause.left() <= 0:
                    return

    async def _call(self, product: str) -> None:
        self.calls += 1
        try:
            await self.client.product(self.access, product)
        except Refused as refused:
            self.throttled += 1
            await self.pause.begin(_NO_RETRY_AFTER if refused.retry_after is None else refused.retry_after)
        except Transient:
            self.failed += 1
        else:
            self.ok += 1


async def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Call for so many seconds; the figures of this process."""
    env = os.environ
    access = Access(env["SHOP_ID"], env["SHOP_CIPHER"], env["ACCESS_TOKEN"])
    library = LIBRARIES[asked.library]
    key, url = f"peers:{asked.library}:{access.shop}", env["SHOPSTREAM_REDIS_URL"]
    async with new_session() as session, Redis.from_url(url) as redis, library.open(url, key, asked.rate) as permit:
        client = TikTokClient(session, env["SANDBOX_URL"], env["APP_KEY"], env["APP_SECRET"])
        pause = Pause(redis if asked.shared_pause else None, f"{key}:pause")
        await asyncio.sleep(asked.start_at - time.time())
        until = asyncio.get_running_loop().time() + asked.seconds
        caller = Caller(client, access, env["PRODUCT_IDS"].split(","), permit, pause, until)
        await caller.run(asked.tasks)
    described = {"library": asked.library, "version": version(asked.library), "algorithm": library.algorithm}
    counts = {"calls": caller.calls, "ok": caller.ok, "throttled": caller.throttled, "failed": caller.failed}
    return described | counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.pace.peers", description="Calls paced by another limiter.")
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--rate", type=int, required=True, help="calls per second, over all processes")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--tasks", type=int, default=8, help="calls in flight at most")
    parser.add_argument("--start-at", type=float, default=0.0, help="Unix seconds: when a fleet begins together")
    parser.add_argument("--shared-pause", action="store_true", help="a 429 pauses the fleet, through Redis")
    arguments = parser.parse_args()
    first(0)  # as our own workers are in the benchmark beside it
    print(orjson.dumps(asyncio.run(run(arguments))).decode())


if __name__ == "__main__":
    main()
