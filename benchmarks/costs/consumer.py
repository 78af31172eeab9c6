"""What an EventConsumer costs: `python -m benchmarks.costs.consumer [--events N]`, JSON on standard output.

A throw-away Valkey is filled with stock events of about 1 KB. Then, each in this one process: an EventConsumer that
acknowledges each event and does nothing; a bare redis-py loop of XREADGROUP that acknowledges each page with one
XACK and doesn't even parse; and the same loop with an XACK per entry. Rates are events per second of wall time and of
this process's CPU time; the server has its own core where there is one.
"""

import argparse
import asyncio
import json
import platform
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from shopstream import EventConsumer
from shopstream.events import schema_of
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.keys import Partition

TYPE = "io.shopstream.stock.changed"
PAGE = 100


def entry(number: int, subjects: int = 500) -> dict[str, str | bytes]:
    """Fields of a stock.changed as publish.lua writes them."""
    sku, seq = str(1_731_159_324_007_000_000 + number % subjects), number // subjects + 1
    identity = {"event_id": f"{number:032x}", "event_type": TYPE, "seq": seq, "epoch": "bench", "origin": "request"}
    data = identity | {
        "observed_at": "2026-01-01T00:00:00.000Z", "shop_id": "7495000000001000000", "request_id": None,
        "product_id": "1731029337055922770", "sku_id": sku, "seller_sku": f"SKU-{sku}", "available": number % 90,
        "previous_available": number % 89, "delta": 1, "committed": 0, "previous_committed": 0,
        "warehouses": [{"warehouse_id": "7000", "available": number % 90, "previous_available": number % 89}],
        "level": "in_stock", "previous_level": "in_stock", "transition": None, "threshold": {"low": 5},
        "previous_observed_at": "2026-01-01T00:00:00.000Z", "source_updated_at": None,
    }  # fmt: skip
    return {
        "specversion": "1.0", "id": f"{number:032x}", "source": "https://shopstream.io/shops/7495000000001000000",
        "type": TYPE, "subject": f"sku/{sku}", "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json", "dataschema": schema_of(TYPE), "partitionkey": "7495000000001000000",
        "shopid": "7495000000001000000", "region": "GB", "seq": str(seq), "epoch": "bench", "origin": "request",
        "causationid": "bench", "data": orjson.dumps(data),
    }  # fmt: skip


async def fill(redis: Redis, events: int, partitions: int = 1) -> None:
    """`events` entries on the stock streams of all partitions, each subject in one of them."""
    await redis.set(PARTITIONS, partitions)
    for begin in range(0, events, 1_000):
        async with redis.pipeline(transaction=False) as pipe:
            for number in range(begin, min(begin + 1_000, events)):
                pipe.xadd(Partition(number % partitions).stream("stock"), entry(number))  # type: ignore[arg-type]
            await pipe.execute()


async def consumer(url: str, events: int) -> None:
    """Acknowledge each event, do nothing."""
    left = events
    async with EventConsumer(url, stream="stock", group="consumer") as reader:
        async for event in reader:
            await event.ack()
            left -= 1
            if not left:
                break


async def bare(url: str, events: int, *, each: bool) -> None:
    """redis-py alone."""
    key, group = Partition(0).stream("stock"), f"bare-{each}"
    async with Redis.from_url(url) as redis:
        await redis.xgroup_create(key, group, id="0")
        left = events
        while left:
            ((_, entries),) = await redis.xreadgroup(group, "one", {key: ">"}, count=PAGE)
            ids = [entry_id for entry_id, _ in entries]
            for some in [[one] for one in ids] if each else [ids]:
                await redis.xack(key, group, *some)
            left -= len(entries)


async def rate(act: Callable[[], Awaitable[None]], events: int) -> dict[str, int]:
    """Events per second of both clocks."""
    wall, cpu = time.perf_counter(), time.process_time()
    await act()
    return {
        "per_second": round(events / (time.perf_counter() - wall)),
        "per_cpu_second": round(events / (time.process_time() - cpu)),
    }


async def measure(events: int) -> dict[str, Any]:
    """All three, on one server, one after another."""
    with valkey() as server:
        url = str(server.connection_url)
        async with Redis.from_url(url) as redis:
            await fill(redis, events)
        ours = await rate(lambda: consumer(url, events), events)
        paged = await rate(lambda: bare(url, events, each=False), events)
        each = await rate(lambda: bare(url, events, each=True), events)
        async with Redis.from_url(url) as redis:
            (group,) = [g for g in await redis.xinfo_groups(Partition(0).stream("stock")) if g["name"] == b"consumer"]
            assert (group["pending"], group["lag"]) == (0, 0), "not everything was acknowledged"
    return {
        "events": events,
        "python": platform.python_version(),
        "event_consumer": ours,
        "bare_page_acks": paged,
        "bare_single_acks": each,
        "of_bare_page_acks": round(ours["per_second"] / paged["per_second"], 2),
        "of_bare_single_acks": round(ours["per_second"] / each["per_second"], 2),
    }


async def run(report: Report) -> None:
    """The figures, as `make bench` writes them down."""
    figures = await measure(50_000)
    for name in ("event_consumer", "bare_page_acks", "bare_single_acks"):
        ratio = {"ratio_to_event_consumer": figures["event_consumer"]["per_second"] / figures[name]["per_second"]}
        report.row("50,000 events, read and acknowledged", {"reader": name, **figures[name], **ratio})


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=50_000)
    print(json.dumps(asyncio.run(measure(parser.parse_args().events)), indent=2))


if __name__ == "__main__":
    main()
