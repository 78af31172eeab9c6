"""What a worker and a gateway don't import at their start."""

import subprocess
import sys

import pytest

ASK = """
import sys
import {program}
loaded = set(sys.modules)
spared = loaded & {{"rich", "pygments", "jwt", "pydantic", "dotenv", "greenlet"}}
assert not spared, spared
import greenlet, jwt, rich.console
assert greenlet.getcurrent and jwt.encode and rich.console.Console, "whoever wants them gets the real ones"
from config.logging import setup
import structlog
setup("console")
try:
    raise ValueError("on a terminal")
except ValueError:
    structlog.get_logger().exception("said")
"""


@pytest.mark.parametrize("program", ["worker.__main__", "gateway.__main__"])
def test_a_start_imports_neither_rich_nor_pyjwt_nor_pydantic_and_tracebacks_are_whole(program: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", ASK.format(program=program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "ValueError: on a terminal" in done.stderr
    assert "Traceback" in done.stderr
