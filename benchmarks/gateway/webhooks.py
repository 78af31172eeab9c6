"""Webhooks: the gateway's CPU against the same server without Redis, and with `SyncClient`: `make bench ONLY=webhooks`.

Signed webhooks about different products come over kept connections, each with the next as soon as it has its answer.
CPU seconds of the server's process and of Valkey, not wall time. The servers have one core, all else has the other.
"""

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from benchmarks.wire.cores import WORKERS, cpu, measuring, pin
from benchmarks.wire.reach import reach
from shopstream.redis.keys import Partition
from tests.gateway.process import SHOP, authorize, gateway, push, sign
from tests.processes import program

P: Final = Partition(0)
ENDS: Final = {"gateway": "the gateway", "nothing": "the same server without Redis", "client": "with SyncClient"}


@dataclass(frozen=True)
class Sizes:
    """Webhooks a round and server, rounds, connections, and the seconds of the steady load."""

    webhooks: int = 10_000
    rounds: int = 5
    connections: int = 64
    per_second: int = 1_000
    seconds: int = 20


SHORT: Final = Sizes(webhooks=200, rounds=1, connections=8, per_second=50, seconds=1)


@dataclass(frozen=True)
class Server:
    """One of the servers: its process and port."""

    pid: int
    port: int


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """All rows."""
    with measuring(), valkey() as valkey_server:
        url = f"{valkey_server.connection_url}/0"
        async with Redis.from_url(url) as redis, AsyncExitStack() as stack:
            await authorize(redis)
            redis_pid = (await redis.info("server"))["process_id"]
            running = {end: await stack.enter_async_context(_server(end, url)) for end in ENDS}
            bodies = _bodies()
            ours: dict[str, list[float]] = {end: [] for end in ENDS}
            redis_cpu: dict[str, list[float]] = {end: [] for end in ENDS}
            rates: list[float] = []
            for _ in range(sizes.rounds):
                for end, server in running.items():
                    requests = list(itertools.islice(bodies, sizes.webhooks))
                    before, redis_before, began = cpu(server.pid), cpu(redis_pid), time.perf_counter()
                    assert await _push_all(server.port, requests, sizes.connections) == sizes.webhooks
                    ours[end].append((cpu(server.pid) - before) / sizes.webhooks)
                    redis_cpu[end].append((cpu(redis_pid) - redis_before) / sizes.webhooks)
                    if end == "gateway":
                        rates.append(sizes.webhooks / (time.perf_counter() - began))
            medians = {end: statistics.median(values) for end, values in ours.items()}
            for end, name in ENDS.items():
                figures = {"cpu_us": 1e6 * medians[end], "redis_cpu_us": 1e6 * statistics.median(redis_cpu[end])}
                report.row("CPU a webhook", {"server": name, **figures})
            latencies = await _steady(running["gateway"].port, bodies, sizes)
            report.row("steady load", _summary(latencies, sizes))
            pushed = sizes.webhooks * sizes.rounds + len(latencies)
            kept = await redis.zcard(P.backlog("products", SHOP)) - sizes.webhooks * sizes.rounds  # those of SyncClient
            report.row("lost", {"answered_200": pushed, "in_redis": kept})
    gate, bare, client = (medians[end] for end in ENDS)
    reach(report, "gateway's CPU to that of the same server without Redis", gate / bare, 1.3)
    reach(report, "gateway's CPU to that of SyncClient a webhook", gate / client, 0.4)
    reach(report, "webhooks a second of one core", 1 / gate, 2_000, at_least=True)
    report.row("webhooks a second, by the clock", {"median": statistics.median(rates)})


def _bodies() -> Iterator[bytes]:
    """Whole requests, each about a product of its own."""
    for number in itertools.count(1729382256910000001):
        body = json.dumps(push(15, {"product_id": str(number), "update_time": int(time.time())})).encode()
        head = ["POST /webhooks/tiktok HTTP/1.1", "Host: gateway", "Content-Type: application/json"]
        head += [f"Authorization: {sign(body)}", f"Content-Length: {len(body)}", "", ""]
        yield "\r\n".join(head).encode() + body


@asynccontextmanager
async def _server(end: str, url: str) -> AsyncIterator[Server]:
    """Run one of the servers on the core of the measured."""
    if end == "gateway":
        async with gateway(url) as running:
            pin(running.child.pid, WORKERS)
            yield Server(running.child.pid, int(running.public.rpartition(":")[2]))
        return
    async with program("benchmarks.gateway.webhook_server", end, url) as child:
        assert child.stdout is not None
        port = int(await child.stdout.readline())
        pin(child.pid, WORKERS)
        yield Server(child.pid, port)


async def _push_all(port: int, requests: Sequence[bytes], connections: int) -> int:
    """Push all over some connections, and give the number of those that were answered 200."""
    waiting = iter(requests)

    async def push_on_one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = 0
        for request in waiting:
            answered += await _exchange(reader, writer, request)
        writer.close()
        return answered

    return sum(await asyncio.gather(*(push_on_one() for _ in range(connections))))


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
    writer.write(request)
    return (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def _steady(port: int, bodies: Iterator[bytes], sizes: Sizes) -> list[float]:
    """Push so many a second, whatever the answers take; seconds of each answer, from the moment it was due."""
    clock = asyncio.get_running_loop().time
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(sizes.connections):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    requests = list(itertools.islice(bodies, sizes.per_second * sizes.seconds))
    latencies: list[float] = []
    began = clock()

    async def push_one(request: bytes, due: float) -> None:
        connection = await free.get()
        assert await _exchange(*connection, request)
        latencies.append(clock() - due)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = began + number / sizes.per_second
            if due > clock():
                await asyncio.sleep(due - clock())
            group.create_task(push_one(request, due))
    while not free.empty():
        free.get_nowait()[1].close()
    return latencies


def _summary(latencies: Sequence[float], sizes: Sizes) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "per_second": sizes.per_second,
        "webhooks": len(latencies),
        "p50_ms": 1e3 * cuts[49],
        "p99_ms": 1e3 * cuts[98],
    }
