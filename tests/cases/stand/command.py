"""The command `shopstream` in a process that stays: a start of it costs a second, and many cases want it at once."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.processes import process

_PROGRAM: Final = """
import sys
from shopstream.cli import main
for line in sys.stdin:
    sys.argv = ["shopstream", *line.split()]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    print("\\nended", code, flush=True)
"""


class Command:
    """Runs one command line after the other."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._one = asyncio.Lock()

    async def run(self, *arguments: str) -> int:
        """Run a command line; its exit code."""
        assert self._child.stdin
        assert self._child.stdout
        async with self._one, asyncio.timeout(60):
            self._child.stdin.write(shlex.join(arguments).encode() + b"\n")
            await self._child.stdin.drain()
            while line := await self._child.stdout.readline():
                if line.startswith(b"ended "):
                    return int(line.split()[1])
        raise AssertionError("the command's process has ended")


@asynccontextmanager
async def command(redis_url: str) -> AsyncIterator[Command]:
    env = {"SHOPSTREAM_REDIS_URL": redis_url}
    async with process(sys.executable, "-c", _PROGRAM, env=env, stdin=asyncio.subprocess.PIPE) as child:
        yield Command(child)
