"""Load the scripts beside the modules that use them. Each is read once and called by its digest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript  # noqa: TC002 - the annotation is kept at run time

_ROOT = Path(__file__).parents[1]


class WorkerScript:
    """A Lua file, behind the files whose functions it uses.

    It is sent whole only if the server doesn't know it (EVALSHA, then EVAL after a SCRIPT FLUSH).
    """

    def __init__(self, redis: Redis, *names: str) -> None:
        # Digest and NOSCRIPT handling are redis-py's.
        self._script: AsyncScript = redis.register_script("".join((_ROOT / name).read_text() for name in names))

    async def __call__(
        self, keys: Sequence[str], args: Sequence[str | bytes | int | float], *, client: Redis | None = None
    ) -> Any:
        """Run the script. Gives redis-py's answer: bytes, integers and lists of them."""
        return await self._script(keys=keys, args=args, client=client)
