"""Cases that are tests of `make test` already: run here by themselves, for their place in the table."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tests.chaos.case import Case, Result, Size

SECONDS: Final = 300


def _tests(*paths: str) -> Callable[[Size, int], Coroutine[Any, Any, Result]]:
    async def run(_size: Size, _seed: int) -> Result:
        """Every test passes; how many there are is `runs`. What is asked and published is judged inside of them."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", *paths, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(child.communicate(), SECONDS)
        output = out.decode()
        assert child.returncode == 0, output[-3_000:]
        passed = re.search(r"(\d+) passed", output)
        assert passed, output[-3_000:]
        return Result(int(passed[1]), 0, 0, 0, 0, note=f"tests: {', '.join(paths)}")

    return run


CASES = [
    Case("T19", "trimming while groups are slow", _tests("tests/worker/retention/test_retention.py")),
    Case("T20", "the publish script refused at a write", _tests("tests/worker/publishing/test_publish.py")),
    Case("T21", "consumers killed, stopped and paused", _tests("tests/shopstream/consume/test_consumer_group.py")),
    Case("T22", "a newcomer joins anywhere, while events come", _tests("tests/shopstream/state/test_snapshot.py")),
    Case("T28", "log lines that are forged, coloured or huge", _tests("tests/safety/test_secrets.py", "tests/config")),
    Case("T29", "hostile ids, answers, entries and settings", _tests("tests/safety/test_hostile.py")),
    Case("T30", "a wrong certificate, host or scheme", _tests("tests/safety/test_tls.py")),
    Case("T32", "token keys renewed under load, missing, swapped", _tests("tests/safety/test_key_rotation.py")),
    Case("T33", "users of Redis try what is not theirs", _tests("tests/safety/test_acl.py")),
]
