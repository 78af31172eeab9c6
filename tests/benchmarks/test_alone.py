"""What a benchmark runs on: the only one of its machine, with the allocator that Valkey has in distributions."""

import os
import sys
from pathlib import Path

import pytest
from redis import Redis

from benchmarks.lock import LOCK, only_one
from benchmarks.valkey import LIBC, malloc, valkey
from tests.processes import process


async def test_two_of_them_do_not_run_at_once_and_the_second_is_told_why(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path)}
    with only_one(tmp_path / LOCK.name):
        with pytest.raises(SystemExit, match=f"pid {os.getpid()}"), only_one(tmp_path / LOCK.name):
            pass
        async with process(sys.executable, "-m", "benchmarks", "controllers", env=env) as second:
            out, errors = await second.communicate()
    assert (second.returncode, out) == (1, b"")
    assert f"another `make bench` runs on this machine (pid {os.getpid()})" in errors.decode()
    with only_one(tmp_path / LOCK.name):
        pass


def test_valkey_has_the_allocator_that_the_figures_name_and_nobody_else_gets_it() -> None:
    before = os.environ.get("LD_PRELOAD")
    with valkey({"maxclients": "4096"}) as server, Redis.from_url(server.connection_url) as redis:
        assert os.environ.get("LD_PRELOAD") == before
        assert redis.config_get("maxclients") == {"maxclients": "4096"}
        if sys.platform == "linux":
            maps = Path(f"/proc/{redis.info('server')['process_id']}/maps").read_text()
            assert ("jemalloc" in maps) == (malloc() != LIBC)
