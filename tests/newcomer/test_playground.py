"""`make playground` as a newcomer uses it: what it prints is copied, and works; Ctrl-C leaves nothing."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.newcomer.test_demo import Trace
from tests.processes import process
from tests.sources import ROOT

_POST = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], sys.argv[2].encode()).read()"


async def test_what_it_prints_can_be_copied_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    trace = Trace(tmp_path)
    async with process(sys.executable, "-m", "examples.playground", env=trace.env, cwd=ROOT) as child:
        assert child.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(60):
            while not (lines and lines[-1].startswith("More control calls")):
                line = await child.stdout.readline()
                assert line, (await child.communicate())[1].decode()
                lines.append(line.decode().rstrip())
        exported = dict(re.findall(r"export (\w+)=(\S+)", "\n".join(lines)))
        env = os.environ | {"SHOPSTREAM_REDIS_URL": exported["SHOPSTREAM_REDIS_URL"]}
        env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        commands = [
            line.partition("   #")[0].strip() for line in lines if line.startswith("  ") and "export" not in line
        ]
        assert len(commands) == 6
        for command in commands:
            if " tail " in command:
                continue  # it stays until Ctrl-C
            words = shlex.split(command)
            if words[0] == "curl" and not shutil.which("curl"):  # no package that the README asks for
                words = [sys.executable, "-c", _POST, words[2], words[4]]
            done = await asyncio.to_thread(subprocess.run, words, env=env, capture_output=True, text=True, timeout=60)
            # A first load that is still under way, or a stream nobody reads, is no fault of the command.
            assert done.returncode in ({0, 1} if "status" in command else {0}), (command, done.stderr)
        os.kill(child.pid, signal.SIGINT)
        out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0, out.decode()
    assert "nothing is left running" in out.decode()
    assert trace.left_behind() == []
