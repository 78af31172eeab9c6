"""`make demo` as the README has it, and what is left of it after Ctrl-C."""

import asyncio
import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from tests.processes import process, until


class Trace:
    """Whatever a demo run starts carries its mark, and writes into its own folder for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.mark = secrets.token_hex(8)
        self.folder = folder
        self.env = {"COLUMNS": "100", "TMPDIR": str(folder), "SHOPSTREAM_DEMO_MARK": self.mark}

    def left_behind(self) -> list[str]:
        found = [str(path) for path in self.folder.iterdir()]
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.environ().get("SHOPSTREAM_DEMO_MARK") == self.mark:
                    found.append(" ".join(each.cmdline()))
        return found


async def test_the_demo_shows_exactly_what_changed_and_leaves_nothing(tmp_path: Path) -> None:
    trace = Trace(tmp_path)
    async with process(sys.executable, "-m", "examples.demo", env=trace.env) as child:
        out, _ = await asyncio.wait_for(child.communicate(), 60)
    output = out.decode()
    assert child.returncode == 0, output
    assert "50 stock.changed events" in output
    assert "600 products in 3 shops" in output
    assert trace.left_behind() == []


async def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    trace = Trace(tmp_path)
    async with process(sys.executable, "-m", "examples.demo", env=trace.env) as child:
        assert child.stdout is not None
        reader = child.stdout

        async def begun() -> bool:
            return b"authorized" in await reader.readline()

        await until(begun, 20, every=0)
        assert len(trace.left_behind()) > 4  # the trace sees them
        os.kill(child.pid, signal.SIGINT)
        out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 130, out.decode()
    assert trace.left_behind() == []
