"""Over time: steady work for a while, and workers of two versions."""

import asyncio
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from tests.archives import unpack
from tests.chaos.case import Case, Result, Size
from tests.chaos.redis.t_redis import busy
from tests.chaos.stage import Stage, stage
from tests.processes import process
from tests.sources import ROOT

PACE: Final = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}


async def versions(size: Size, seed: int) -> Result:
    """T35: workers of the version before the last change beside those of now, then that version alone."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        commit = await _checked_out(Path(folder))
        if not commit:
            return Result(0, 0, 0, 0, 0, note="not run: no git history here to take an older version from")
        products = size.pick(short=60, ci=400, nightly=4_000)
        async with stage("--shops", "3", "--products", str(products), "--seed", str(seed), workers=1, env=PACE) as made:
            ids = {shop: await made.products(shop) for shop in made.shops}
            for shop in made.shops:
                await made.ask(shop, ids[shop])
            async with _old_worker(made, Path(folder)), busy(made, ids):
                await made.reach(products)
                await made.end_workers()  # back to the old one alone
                for shop in made.shops:
                    await made.front.control("stock", shop_id=shop, random=10, seed=seed)
                await made.reach(2 * products)
                await made.start_worker()  # and forth
                await made.reach(3 * products)
            for shop in made.shops:
                await made.ask(shop, ids[shop])
            await made.settle(120)
            await made.end_workers()
            result = await made.judge()
    result.note = f"beside {commit[:7]}"
    return result


@asynccontextmanager
async def _old_worker(made: Stage, folder: Path) -> AsyncIterator[None]:
    env = made.env | {"PYTHONPATH": str(folder), "SHOPSTREAM_LOG_FORMAT": "json"}
    async with process(sys.executable, "-m", "worker", env=env, cwd=folder) as child:
        assert child.stderr is not None
        began = await asyncio.wait_for(child.stderr.readline(), 15)
        assert b"worker" in began
        draining = asyncio.create_task(_drained(child.stderr))
        yield
        assert child.returncode is None, "the old worker has died"
        child.terminate()
        await asyncio.wait_for(child.wait(), 22)
        await draining


async def _drained(reader: asyncio.StreamReader) -> None:
    while await reader.readline():
        pass


async def _checked_out(folder: Path) -> str:
    """The tree before the last change of what runs, and its commit; "" where there is no history."""
    last = await _git("log", "-1", "--format=%H", "--", "worker", "jobs", "shopstream")
    commit = (await _git("rev-parse", f"{last.decode().strip()}^")).decode().strip() if last else ""
    if not commit:
        return ""
    archive = folder / "tree.tar"
    archive.write_bytes(await _git("archive", commit))
    with tarfile.open(archive) as tree:
        unpack(tree, folder)
    return commit


async def _git(*command: str) -> bytes:
    child = await asyncio.create_subprocess_exec(
        "git", "-C", str(ROOT), *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await child.communicate()
    return output if child.returncode == 0 else b""


async def soak(size: Size, seed: int) -> Result:
    """T34: steady work; memory, sockets and Redis's keys stay where they are."""
    seconds = size.pick(short=8, ci=60, nightly=3_600)
    env = {"SHOPSTREAM_PACING_START_RATE": "50", "SHOPSTREAM_PACING_MAX_RATE": "50"}
    async with stage("--shops", "3", "--products", "100", "--seed", str(seed), workers=2, env=env) as made:
        ids = {shop: await made.products(shop) for shop in made.shops}
        measured: list[tuple[float, int, int, int]] = []
        began = time.monotonic()
        async with busy(made, ids, every=0.1):
            while time.monotonic() - began < seconds:
                await asyncio.sleep(seconds / 12)
                processes = [psutil.Process(one.child.pid) for one in made.living]
                measured.append((
                    time.monotonic() - began,
                    sum(one.memory_info().rss for one in processes),
                    sum(one.num_fds() for one in processes),
                    await made.redis.dbsize() - await _requests(made),
                ))  # fmt: skip
        for shop in made.shops:
            await made.ask(shop, ids[shop])
        await made.settle(60)
        calls = (await made.front.see("stats"))["calls"]
        await made.end_workers()
        result = await made.judge()
    half = measured[len(measured) // 2 :]
    (t0, rss0, fds0, keys0), (t1, rss1, fds1, keys1) = half[0], half[-1]
    per_hour = (rss1 - rss0) / 2**21 / ((t1 - t0) / 3600)
    slope = f" ({per_hour:+.1f} MB/h; list: 1)" if seconds >= 600 else ""
    result.runs = calls
    result.note = (
        f"{seconds} s, {calls} calls; in the second half a worker's memory moved by {(rss1 - rss0) / 2**21:+.1f} MB"
        f"{slope}, file descriptors by {fds1 - fds0:+}, keys by {keys1 - keys0:+}"
    )
    assert rss1 - rss0 < 2 * 2**20 * max(10, seconds / 3600 * 2), result.note
    assert fds1 - fds0 <= 20, result.note
    assert keys1 - keys0 <= 50, result.note
    return result


async def _requests(made: Stage) -> int:
    """Count the keys of big requests: one for each, for two days."""
    return len([key async for key in made.redis.scan_iter("shopstream:*:request:*", count=10_000)])


CASES = [
    Case("T34", "steady work for a while", soak),
    Case("T35", "workers of two versions", versions),
]
