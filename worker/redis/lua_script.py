"""Load the scripts beside the modules that use them. Each is read once and called by its digest."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_ROOT = Path(__file__).parents[1]


class WorkerScript:
    """A Lua file, behind the files whose functions it uses.

    It is sent whole only if the server doesn't know it, after a restart, a SCRIPT FLUSH or a failover of its node.
    """

    def __init__(self, redis: Redis, *names: str) -> None:
        self._redis = redis
        self._text = "".join((_ROOT / name).read_text() for name in names)
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self, keys: Sequence[str], args: Sequence[str | bytes | int | float], *, client: Redis | None = None
    ) -> Any:
        """Run the script. Gives redis-py's answer: bytes, integers and lists of them."""
        redis = client or self._redis
        try:
            return await redis.execute_command("EVALSHA", self._digest, len(keys), *keys, *args)  # type: ignore[no-untyped-call]
        except NoScriptError:
            return await redis.execute_command("EVAL", self._text, len(keys), *keys, *args)  # type: ignore[no-untyped-call]
