"""A worker at TikTok's quotas beside other designs, as production has it: `make bench ONLY=real`.

TLS 1.3, gzip, chunks, answers after about 150 ms, AOF once a second, pushes through the gateway, an optimized Python.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.real import telling_worker
from benchmarks.real.figures import Sent, report_all
from benchmarks.real.pushes import Pusher, pushed_product, pusher
from benchmarks.real.sizes import FULL, Load, Sizes
from benchmarks.real.watch import Cost, watch
from benchmarks.reporting.report import Report
from benchmarks.wire import body
from benchmarks.wire.monitor import monitor
from benchmarks.wire.rig import Rig, begin, rig
from config.project.optimized_python import MISSING, is_optimized
from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.processes import until
from tests.running.tls import Authority

P: Final = Partition(0)
SLOTS: Final = "160"
"""More than there are shops with work at once at any quota, so that pushes don't wait for one."""
WORKER: Final = "benchmarks.real.telling_worker"
EVENTS: Final = 1 + body.SKUS
"""That another design makes of a product."""
IDLE_EVERY: Final = 0.25
"""Seconds between two looks for the end: each costs Redis 60 µs with 300 shops."""


async def run(report: Report, sizes: Sizes = FULL) -> None:
    """Measure, on an optimized Python alone.

    Raises:
        SystemExit: this Python was built without a profile.
    """
    if not is_optimized():
        raise SystemExit(MISSING)
    await measure(report, sizes)


async def measure(report: Report, sizes: Sizes, *, ahead: bool = True) -> None:
    """Measure all designs and loads in turn, on whatever Python."""
    loaded = os.getloadavg()[0]
    async with _stage(sizes, ahead=ahead) as stage:
        await stage.meet_all()
        found: dict[str | Load, list[Cost]] = defaultdict(list)
        for _ in range(sizes.rounds):
            for name, products in sizes.products.items():
                found[name].append(await stage.watch_design(name, products))
            for load in sizes.loads:
                found[load].append(await stage.watch_load(load))
        sent: dict[str | Load, Sent] = {name: await stage.count_design(name) for name in sizes.products}
        sent |= {load: await stage.count_load(load) for load in sizes.loads}
    report_all(report, sizes, found, sent, loaded)


@dataclass
class _Stage:
    """The rig with a gateway."""

    rig: Rig
    pushes: Pusher
    sizes: Sizes

    async def meet_all(self) -> None:
        """Have a worker see all products once, so that their states are known."""
        async with self._working(self.sizes.full) as client:
            for number, shop in enumerate(self.rig.shops):
                await client.sync_products(shop, [*self.sizes.known(number), pushed_product(number)])
            await until(self.rig.idle, seconds=600, every=IDLE_EVERY)
        # This upstream has no answers for them, and failed calls would cost as much as many that are counted.
        tomorrow = int((time.time() + 86_400) * 1000)
        later = {f"{kind}:{shop}": tomorrow for kind in ("warehouses", "delta", "poll") for shop in self.rig.shops}
        await self.rig.redis.zadd(P.due, later, xx=True)

    async def watch_design(self, name: str, products: int) -> Cost:
        """Watch one of the other designs."""
        async with self.rig.prepared(name, products) as child:

            async def start() -> None:
                begin(child)

            cost = await watch(self.rig, child.pid, products, start)
            await self.rig.ended(child)
            return replace(cost, events=EVENTS * cost.calls)  # some come later than their calls

    async def watch_load(self, load: Load) -> Cost:
        """Watch a worker under a load."""
        async with self._working(load) as client, self.pushes.pushing(load.pushes):

            async def start() -> None:
                await self._ask(client, load)

            cost = await watch(self.rig, self.rig.workers[0].child.pid, load.calls, start, self._tell_lateness)
            await until(self.rig.idle, seconds=600, every=IDLE_EVERY)
            return cost

    async def count_design(self, name: str) -> Sent:
        """Count the commands of another design, apart: MONITOR slows Redis."""
        products = max(8, self.sizes.products[name] // 4)
        commands = await self.rig.baseline_sent(name, products)
        return Sent(commands.total, products, EVENTS * products)

    async def count_load(self, load: Load) -> Sent:
        """Count the commands of worker and gateway under a load, apart."""
        async with self._working(load) as client:
            events = await self.rig.events()
            async with monitor(self.rig.redis) as commands, self.pushes.pushing(load.pushes):
                await self.rig.begin()
                await self._ask(client, load)
                await until(self.rig.idle, seconds=600, every=IDLE_EVERY)
                calls = (await self.rig.stats())["calls"]
                made = await self.rig.events() - events
        return Sent(commands.total, calls, made)

    async def _ask(self, client: SyncClient, load: Load) -> None:
        for number, shop in enumerate(self.rig.shops[: load.shops]):
            await client.sync_products(shop, body.product_ids(number, load.products))

    async def _tell_lateness(self) -> tuple[int, int]:
        worker = self.rig.workers[0]
        before = len(self._told())
        worker.child.send_signal(signal.SIGUSR1)

        async def answered() -> bool:
            return len(self._told()) > before

        await until(answered, every=0.005)
        return self._told()[-1]

    def _told(self) -> list[tuple[int, int]]:
        lines = [line for line in self.rig.workers[0].logs if line.get("event") == telling_worker.EVENT]
        return [(line["late"], line["dropped"]) for line in lines]

    @asynccontextmanager
    async def _working(self, load: Load) -> AsyncIterator[SyncClient]:
        """Run a worker that has learnt no pace yet."""
        await self.rig.redis.delete(*(P.pace(shop) for shop in self.rig.shops))
        rate = str(load.rate)
        env = {
            "SHOPSTREAM_PACING_START_RATE": rate, "SHOPSTREAM_PACING_MAX_RATE": rate, "SHOPSTREAM_SLOTS": SLOTS,
        }  # fmt: skip
        async with self.rig.running(1, WORKER, **env) as client:
            yield client


@asynccontextmanager
async def _stage(sizes: Sizes, *, ahead: bool) -> AsyncIterator[_Stage]:
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        authority.context("localhost")
        program = ("benchmarks.real.upstream", str(Path(folder) / "localhost-1.pem"))
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(authority.path))
        async with (
            rig(
                sizes.shops, sizes.median, ahead=ahead, serving=program, trust=trust, times=sizes.times,
                appendonly="yes", appendfsync="everysec",
            ) as made,
            pusher(made.redis_url, "lean", "lean-secret-of-the-app", made.shops) as pushes,
        ):  # fmt: skip
            yield _Stage(made, pushes, sizes)


def main() -> None:
    """Measure, and write nothing."""
    asyncio.run(run(Report("real", None)))


if __name__ == "__main__":
    main()
