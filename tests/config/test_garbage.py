"""A process collects no garbage while it starts, and does so from then on."""

import subprocess
import sys

import pytest

from config.garbage import GARBAGE
from tests.sources import ROOT

ASK = """
import gc, runpy
import config.garbage
seen = []
collect = config.garbage.collect_rarely
def note():
    seen.append(gc.isenabled())
    collect()
    print(*seen, gc.isenabled(), gc.get_threshold())
    raise SystemExit
config.garbage.collect_rarely = note
runpy.run_module("{program}", run_name="__main__")
"""


@pytest.mark.parametrize("program", ["worker", "gateway"])
def test_a_process_collects_no_garbage_until_it_is_up_and_then_does(redis_url: str, program: str) -> None:
    env = {
        "PYTHONPATH": str(ROOT),
        "SHOPSTREAM_REDIS_URL": redis_url,
        "SHOPSTREAM_APP_KEY": "key",
        "SHOPSTREAM_APP_SECRET": "secret",
        "SHOPSTREAM_TOKEN_KEYS": "A" * 43 + "=",
        "SHOPSTREAM_GATEWAY_PUBLIC": "127.0.0.1:0",
        "SHOPSTREAM_GATEWAY_PRIVATE": "127.0.0.1:0",
    }
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", ASK.format(program=program)], capture_output=True, text=True, check=False, env=env,
        timeout=60,
    )  # fmt: skip
    assert done.stdout == f"False True {GARBAGE}\n", done.stderr
