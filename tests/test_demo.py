"""`make demo` as the README has it, and what is left of it after Ctrl-C."""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import psutil

from tests.processes import process, until

ROOT = Path(__file__).parent.parent


def left_behind() -> list[str]:
    ours = ("-m sandbox", "-m worker", "-m shopstream.cli", "shopstream-demo-")
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    found = [line for line in lines if any(mark in line for mark in ours)]
    return found + [str(path) for path in Path(tempfile.gettempdir()).glob("shopstream-demo-*")]


async def test_the_demo_shows_exactly_what_changed_and_leaves_nothing() -> None:
    async with process(sys.executable, "-m", "examples.demo", env={"COLUMNS": "100"}) as child:
        out, _ = await asyncio.wait_for(child.communicate(), 60)
    told = out.decode()
    assert child.returncode == 0, told
    assert "50 stock.changed events" in told
    assert "1500 products in 3 shops" in told
    assert left_behind() == []


async def test_ctrl_c_ends_it_and_leaves_nothing() -> None:
    async with process(sys.executable, "-m", "examples.demo", env={"COLUMNS": "100"}) as child:
        assert child.stdout is not None
        reader = child.stdout

        async def begun() -> bool:
            return b"authorized" in await reader.readline()

        await until(begun, 20, every=0)
        os.kill(child.pid, signal.SIGINT)
        out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 130, out.decode()
    assert left_behind() == []
