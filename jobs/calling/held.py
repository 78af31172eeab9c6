"""Keep a lease while work runs under it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from worker.backlog.claims import LEASE_MS
from worker.publishing.publisher import Fenced
from worker.tasks import end


@asynccontextmanager
async def hold(renew: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Renew a lease after each third of it, until the work is done. The work's next script notices a lost lease."""
    keeping = asyncio.create_task(_keep(renew))
    try:
        yield
    finally:
        await end(keeping)


async def _keep(renew: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(LEASE_MS / 3000)
        try:
            await renew()
        except RedisError:
            continue  # the lease may run out meanwhile, and then the fence decides
        except Fenced:
            return
