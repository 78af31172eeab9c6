"""A seller's consent on its way to a worker, which alone can redeem it."""

import asyncio
import re
import secrets
from typing import Final

import orjson
from redis.asyncio import Redis

from shopstream.errors import AuthorizationFailed, NoWorker
from shopstream.ids import InvalidArgument
from shopstream.redis import due
from shopstream.redis.keys import partition_for
from shopstream.registry.shop import Shop

_CODE_SECONDS: Final = 600
_CODE: Final = re.compile(r"(?!https?:)[!-~]{1,2000}")
"""A code as TikTok gives it: one word. A whole URL is a common mistake."""


def write_app_code(app: str, code: str) -> str:
    """Write a code for an app, by its name, as workers read it. A code for the default app, "", stands alone.

    Raises:
        InvalidArgument: this can't be a code. The text doesn't show it, since it may hold one.
    """
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise InvalidArgument(
            "this is no authorization code: it is the value of `code=` in the URL TikTok redirects to"
        )
    return f"{app} {code}" if app else code


def read_app_code(text: str) -> tuple[str, str]:
    """Read the app and the code that `write_app_code` wrote. A code itself has no space."""
    app, _, code = text.rpartition(" ")
    return app, code


async def redeem(redis: Redis, partitions: int, code: str, timeout: float) -> list[Shop]:
    """The shops that a one-use authorization code opened; it is gone from Redis when used, or not used in time.

    `code` is one for the default app, or what `write_app_code` wrote.

    Raises:
        AuthorizationFailed: TikTok refused the code, or could not be asked.
        NoWorker: none answered within `timeout` seconds.
    """
    request = secrets.token_hex(8)
    partition = partition_for(request, partitions)
    await redis.set(partition.code(request), code, ex=_CODE_SECONDS)
    await due.add(redis.pipeline(transaction=False), partition, {f"authorize:{request}": 0})
    try:
        async with asyncio.timeout(timeout):
            while (stored := await redis.getdel(partition.reply(request))) is None:  # noqa: ASYNC110 - Redis
                await asyncio.sleep(0.1)
    except TimeoutError:
        await redis.delete(partition.code(request))
        await redis.zrem(partition.due, f"authorize:{request}")
        failure = NoWorker(f"no worker has answered within {timeout:g} s: is `python -m worker` running?")
    else:
        reply = orjson.loads(stored)
        if "shops" in reply:
            return [Shop(**shop) for shop in reply["shops"]]
        raise AuthorizationFailed(reply["error"])
    raise failure
