"""Run a command as a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Done:
    """The outcome of a command."""

    def __init__(self, ended: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = ended.returncode, ended.stdout, ended.stderr

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self) -> str:
        return f"{self.code}: {self.out!r} {self.err!r}"


async def command(redis_url: str, *arguments: str, stdin: str = "", **env: str) -> Done:
    """Run `shopstream` with these arguments."""
    return Done(
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "shopstream.cli", *arguments],
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"SHOPSTREAM_REDIS_URL": redis_url} | env,
            check=False,
        )
    )
