"""What a benchmark runs on: the only one of its machine, with the allocator that Valkey has in distributions."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest
from redis import Redis

from benchmarks.lock import LOCK, only_one
from benchmarks.valkey import LIBC, malloc, valkey
from tests.processes import process, until
from tests.sources import ROOT


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


async def test_one_that_is_ended_leaves_no_process_behind(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    async with process(sys.executable, "-m", "benchmarks", "quotas", env=env, cwd=tmp_path) as running:

        async def find_worker() -> list[psutil.Process]:
            children = psutil.Process(running.pid).children(recursive=True)
            return children if any("worker" in child.cmdline() for child in children) else []

        children = await until(find_worker, 60)
        running.terminate()
        await asyncio.wait_for(running.communicate(), 60)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 30)
    assert not alive
