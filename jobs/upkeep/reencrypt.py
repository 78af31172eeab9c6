"""Encrypt the token records by the first token key, at each start, so that keys can be renewed while workers run.

Each worker does so itself, since the others may not have the new key yet.
"""

import asyncio

from redis.exceptions import RedisError

from shopstream.redis.keys import TOKENS
from worker.runtime import Runtime
from worker.tokens.vault import Undecryptable

_AGAIN_SECONDS = 5
"""Seconds until the next try if Redis can't be reached."""


async def reencrypt(runtime: Runtime) -> None:
    """Encrypt every token record by this worker's first key, and try again until Redis answers.

    The old key may be removed once each worker with the new one has logged `token_keys_checked` with `unreadable` 0.
    """
    while True:
        try:
            renewed, unreadable = await _reencrypt(runtime)
            break
        except (RedisError, OSError) as error:
            runtime.log.warning("token_keys_unchecked", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)
    runtime.log.info("token_keys_checked", renewed=renewed, unreadable=unreadable)


async def _reencrypt(runtime: Runtime) -> tuple[int, int]:
    renewed = unreadable = 0
    async for key in runtime.redis.scan_iter(match=TOKENS, count=1_000):
        authorization = key.decode().rpartition(":")[2]
        try:
            renewed += await runtime.tokens.rotate(authorization)
        except Undecryptable as error:
            unreadable += 1
            runtime.log.error("token_unreadable", authorization=authorization, reason=str(error))  # noqa: TRY400 - known
    return renewed, unreadable
