"""Run a command as a process of its own."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.processes import program

ROOT = Path(__file__).parents[2]


class Done:
    """The outcome of a command."""

    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self) -> str:
        return f"{self.code}: {self.out!r} {self.err!r}"


async def command(redis_url: str, *arguments: str, stdin: str = "", **env: str) -> Done:
    """Run `shopstream` with these arguments."""
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        more = {"SHOPSTREAM_REDIS_URL": redis_url} | env
        async with program("shopstream.cli", *arguments, env=more, stdin=given.fileno()) as child:
            out, err = await asyncio.wait_for(child.communicate(), 120)
    return Done(child.returncode, out, err)
