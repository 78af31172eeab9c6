"""The package runs on each major version of redis-py: `make test` tries oldest and newest, `make matrix` all."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.processes import process

ROOT = Path(__file__).parents[2]
ALL = ("5.2.0", "5.*", "6.*", "7.*", "8.*")
TRIED = ALL if os.environ.get("SHOPSTREAM_MATRIX") else (ALL[0], ALL[-1])


async def output(*command: str, env: dict[str, str] | None = None) -> str:
    """What a command wrote; its errors if it failed."""
    async with process(*command, env=env, cwd=ROOT) as child, asyncio.timeout(180):
        out, err = await child.communicate()
    assert child.returncode == 0, (out + err).decode()[-4_000:]
    return out.decode()


@pytest.mark.parametrize("version", TRIED)
async def test_a_service_on_this_redis_py_asks_reads_and_mends(version: str, redis_url: str, tmp_path: Path) -> None:
    # The virtual environment has no pip of its own; the interpreter that it was made by installed it by its pip.
    python = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
    install = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore", "--no-compile")
    await output(python, *install, "--target", str(tmp_path), f"redis[hiredis]=={version}")
    # What stands here is found before what is installed beside the worker.
    command = (sys.executable, "-W", "error", "-m", "tests.matrix.smoke", redis_url, version[0])
    assert await output(*command, env={"PYTHONPATH": str(tmp_path)}) == "ok\n"
