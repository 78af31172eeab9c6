"""See it work: `make demo`. Real processes on free ports, a throw-away Valkey, no account anywhere.

A sandbox TikTok Shop with three sellers, two workers, a consumer. The sellers are authorized, 600 products are asked
for, the stock of 50 SKUs changes, and exactly 50 events say so. Exit code 0 only if that is what came.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.stand import RATE, Failed, interruptible, process, stand, started
from shopstream import Request, SyncClient
from shopstream.redis.keys import Partition

SHOPS, PRODUCTS, CHANGES = 3, 200, 50
DEADLINE = 55.0
SHOWN = 10
"""Rows of events: more would push everything else off a small window."""
console = Console()


@dataclass
class Heard:
    """What the consumer process has printed so far."""

    stock: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, count: int, what: str) -> None:
        """Wait for `count` stock events, then a little longer for one too many."""
        deadline = time.monotonic() + 15
        while len(self.stock) < count:
            if time.monotonic() > deadline:
                raise Failed(f"{what}: {len(self.stock)} of {count} events came")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)


async def demo(folder: Path) -> None:
    """The whole story, from an empty Redis to the summary."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        standing = await stack.enter_async_context(stand(folder, shops=SHOPS, products=PRODUCTS, workers=2))
        shop_front, environment = standing.shop_front, standing.environment
        tail = ("shopstream.cli", "tail", "stock", "--json", "--from-start", "--group", "demo")
        consumer_out = await stack.enter_async_context(process("consumer", folder, *tail, env=environment))
        heard = Heard()
        listening = asyncio.create_task(_listen(consumer_out, heard))
        stack.callback(listening.cancel)
        console.print(f"[dim]valkey, sandbox, 2 workers and a consumer run; logs in {folder} until the end[/dim]")

        client = await stack.enter_async_context(SyncClient(standing.redis_url))
        control = await stack.enter_async_context(aiohttp.ClientSession(shop_front["url"]))
        await started(client)
        for code in shop_front["auth_codes"]:
            for shop in await client.authorize(code, timeout=15):
                console.print(f"authorized [bold]{shop.name}[/bold] ({shop.region}, shop {shop.shop_id})")
        catalogue = {shop["shop_id"]: await _truth(control, shop["shop_id"]) for shop in shop_front["shops"]}
        stock_of = {(s, sku): n for s, skus in catalogue.items() for sku, n in _stock(skus).items()}

        first = await _sync(client, catalogue, "first sync")
        await heard.until(len(stock_of), "first sync")
        _expect(heard.stock, dict.fromkeys(stock_of), stock_of, "first sync")

        heard.stock.clear()
        shop_id = shop_front["shops"][0]["shop_id"]
        answer = await _post(control, "/_sandbox/stock", {"shop_id": shop_id, "random": CHANGES, "seed": 1})
        console.print(f"\nthe stock of {CHANGES} SKUs changes at TikTok")
        await _sync(client, {shop_id: catalogue[shop_id]}, "second sync")
        await heard.until(CHANGES, "second sync")
        now = {(shop_id, sku): n for sku, n in _stock(await _truth(control, shop_id)).items()}
        changed = {key: n for key, n in now.items() if stock_of[key] != n}
        if len(changed) != CHANGES:
            raise Failed(f"the sandbox changed {len(changed)} SKUs, not {CHANGES}: {answer}")
        _expect(heard.stock, stock_of, changed, "second sync")
        _show(heard.stock)
        stats = await (await control.get("/_sandbox/stats")).json()
        created = await client.redis.xlen(Partition(0).stream("products"))
        if created != SHOPS * PRODUCTS:
            raise Failed(f"{created} product events came, not {SHOPS * PRODUCTS}")
        _summary(first, created, len(stock_of), stats, time.monotonic() - began)


async def _sync(client: SyncClient, catalogue: dict[str, Any], title: str) -> float:
    """Ask for every product and watch; products per second."""
    began = time.monotonic()
    requests = [await client.sync_products(shop, list(products)) for shop, products in catalogue.items()]
    columns = (
        TextColumn(f"{title}: shop {{task.description}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        await asyncio.gather(*(_watch(client, request, bars) for request in requests))
    return sum(map(len, catalogue.values())) / (time.monotonic() - began)


async def _watch(client: SyncClient, request: Request, bars: Progress) -> None:
    task = bars.add_task(request.shop_id, total=len(request.ids))
    async for progress in client.watch(request):
        bars.update(task, completed=progress.total - progress.pending)
    if progress.dead:
        letter = next(iter(progress.dead.values()))
        raise Failed(f"{len(progress.dead)} products were given up, the first: {letter.data['message']}")


def _expect(
    events: list[dict[str, Any]], before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any], what: str
) -> None:
    """Exactly one event for each SKU in `after`, with the right numbers; none for any other."""
    counts = Counter((event["shop_id"], event["sku_id"]) for event in events)
    if counts != Counter(after.keys()):
        raise Failed(f"{what}: {len(events)} events for {len(counts)} SKUs, expected {len(after)} for as many")
    for event in events:
        key = (event["shop_id"], event["sku_id"])
        if (event["previous_available"], event["available"]) != (before[key], after[key]):
            raise Failed(f"{what}: SKU {key[1]} went {before[key]} → {after[key]}, the event says otherwise: {event}")


def _show(events: list[dict[str, Any]]) -> None:
    table = Table(title=f"{len(events)} stock.changed events")
    for column in ("sku", "before", "→ after", "delta", "level", "transition"):
        table.add_column(column, justify="right" if column in {"before", "→ after", "delta"} else "left", no_wrap=True)
    for event in events[:SHOWN]:
        numbers = (str(event["previous_available"]), str(event["available"]), f"{event['delta']:+}")
        table.add_row(event["sku_id"], *numbers, event["level"], event["transition"] or "")
    console.print(table)
    if more := len(events) - SHOWN:
        console.print(f"[dim]… {more} more[/dim]")


def _summary(rate: float, created: int, first_events: int, stats: dict[str, Any], seconds: float) -> None:
    console.print(
        f"[bold green]as it should be[/bold green]: {SHOPS * PRODUCTS} products in {SHOPS} shops, "
        f"{stats['calls']} calls to TikTok ({stats['throttled']} throttled), "
        f"{created} product events, {first_events} + {CHANGES} stock events, "
        f"{rate:.0f} products/s at {RATE} calls/s and shop, {seconds:.0f} s in all"
    )
    console.print("next: [bold]make playground[/bold], the same system for you to try; it stays up until Ctrl-C")


async def _truth(control: aiohttp.ClientSession, shop_id: str) -> dict[str, Any]:
    async with control.get(f"/_sandbox/shops/{shop_id}/state") as response:
        state: dict[str, Any] = await response.json()
        return state["products"]  # type: ignore[no-any-return]


def _stock(products: dict[str, Any]) -> dict[str, int]:
    return {sku: sum(at["stock"].values()) for product in products.values() for sku, at in product["skus"].items()}


async def _post(control: aiohttp.ClientSession, path: str, document: dict[str, Any]) -> Any:
    async with control.post(path, json=document) as response:
        return await response.json()


async def _listen(stream: asyncio.StreamReader, heard: Heard) -> None:
    while line := await stream.readline():
        event = orjson.loads(line)
        if event["event_type"] == "io.shopstream.stock.changed":
            heard.stock.append(event)


def main() -> int:
    """0 if everything came as expected, 1 if not, 130 after Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="shopstream-demo-") as folder:
        try:
            asyncio.run(_bounded(Path(folder)))
        except KeyboardInterrupt:
            console.print("[yellow]stopped; nothing is left running[/yellow]")
            return 130
        except (Failed, TimeoutError) as failure:
            console.print(f"[bold red]not as it should be[/bold red]: {failure or 'it took too long'}")
            for log in sorted(Path(folder).glob("*.log")):
                if lines := log.read_text(errors="replace").splitlines()[-5:]:
                    console.print(f"[dim]--- {log.name}[/dim]", *lines, sep="\n", markup=False, highlight=False)
            return 1
    return 0


async def _bounded(folder: Path) -> None:
    async with asyncio.timeout(DEADLINE):
        await interruptible(demo(folder))


if __name__ == "__main__":
    sys.exit(main())
