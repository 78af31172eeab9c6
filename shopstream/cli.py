"""The command `shopstream`: authorize a seller, ask for syncs, read the streams. No app secret needed anywhere here."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, nullcontext
from dataclasses import asdict
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import orjson

try:
    import typer
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.table import Table
except ImportError:  # the contract package installs without them
    sys.exit("the command line needs two more packages: pip install 'shopstream[cli]'")

from redis.exceptions import RedisError

from shopstream.client import Progress, Request, SyncClient
from shopstream.consumer import EventConsumer
from shopstream.errors import ShopstreamError
from shopstream.events import Event, InvalidEntry, parse
from shopstream.ids import InvalidId
from shopstream.names import PARTITIONS, STREAMS, Partition

T = TypeVar("T")
_CONSENT = "https://services.tiktokshop.com/open/authorize"
_CONSENT_US = "https://services.us.tiktokshop.com/open/authorize"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="TikTok Shops as event streams.")
sync = typer.Typer(no_args_is_help=True, help="Ask for a sync.")
app.add_typer(sync, name="sync")
out = Console()
err = Console(stderr=True)

Url = Annotated[
    str, typer.Option("--redis-url", envvar="SHOPSTREAM_REDIS_URL", help="Redis of the workers.", show_envvar=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document a line, for programs.")]
_DEFAULT_URL = "redis://127.0.0.1:6379/0"


@app.command("authorize-url")
def authorize_url(
    service_id: Annotated[str, typer.Option(envvar="SHOPSTREAM_SERVICE_ID", help="Your app's service id.")],
    us: Annotated[bool, typer.Option("--us", help="For sellers in the US.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Print the page on which a seller consents; it leads back to your redirect URL with a code."""
    query = urlencode({"service_id": service_id, "state": secrets.token_urlsafe(12)})
    typer.echo(f"{_CONSENT_US if us else _CONSENT}?{query}")


@app.command()
def authorize(code: str, redis_url: Url = _DEFAULT_URL, *, json: Json = False) -> None:
    """Hand a seller's one-use CODE to a worker, which redeems it, and show the shops that it opened."""

    async def act(client: SyncClient) -> None:
        found = await client.authorize(code)
        if json:
            for shop in found:
                _print(asdict(shop))
        else:
            _shop_table(found, "Authorized")

    _with_client(redis_url, act)


@app.command()
def shops(redis_url: Url = _DEFAULT_URL, *, json: Json = False) -> None:
    """List the authorized shops and their standing."""

    async def act(client: SyncClient) -> None:
        found = await client.shops()
        if json:
            for shop in found:
                _print(asdict(shop))
        elif found:
            _shop_table(found, "Shops")
        else:
            err.print("no shop is authorized yet: `shopstream authorize-url` begins")

    _with_client(redis_url, act)


@sync.command("products")
def sync_products(
    shop: str,
    ids: Annotated[list[str], typer.Argument(help="Product ids; `-` reads them from standard input.")],
    redis_url: Url = _DEFAULT_URL,
    *,
    urgent: Annotated[bool, typer.Option("--urgent", help="Pass the shop's other ids.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all are done, showing progress.")] = False,
    json: Json = False,
) -> None:
    """Have products fetched and their changes published."""
    wanted = sys.stdin.read().split() if ids == ["-"] else ids

    async def act(client: SyncClient) -> None:
        request = await client.products(shop, wanted, urgent=urgent)
        if not wait:
            _print({"asked": len(request.ids)}) if json else out.print(f"asked for {len(request.ids)} products")
            return
        done = await _watch(client, request, quiet=json)
        letters = [dict(letter.data) for letter in done.dead.values()]
        if json:
            _print({"asked": done.total, "done": done.done, "dead": letters})
        else:
            out.print(f"{done.done} of {done.total} products done, {len(letters)} given up")
            for letter in letters:
                err.print(f"[red]{letter['id']}[/red]: {letter['error_class']}: {letter['message']}")
        if letters:
            raise typer.Exit(1)

    _with_client(redis_url, act)


@app.command()
def tail(
    stream: Annotated[str, typer.Argument(help=f"One of {', '.join(STREAMS)}.")],
    redis_url: Url = _DEFAULT_URL,
    *,
    beginning: Annotated[bool, typer.Option("--from-start", help="From the oldest entry, not only new ones.")] = False,
    count: Annotated[int, typer.Option("-n", help="Stop after so many events; 0 never.")] = 0,
    group: Annotated[str | None, typer.Option(help="Read as this consumer group, and acknowledge.")] = None,
    json: Json = False,
) -> None:
    """Show the events of a stream as they come."""
    if stream not in STREAMS:
        raise typer.BadParameter(f"{stream!r} is not a stream: one of {', '.join(STREAMS)}")

    async def act(client: SyncClient) -> None:
        shown = 0
        start = "0" if beginning else "$"
        events = _as_group(redis_url, stream, group, start) if group else _follow(client, stream, start)
        async with aclosing(events):
            async for event in events:
                _show(event, json=json)
                await event.ack()
                shown += 1
                if shown == count:
                    return

    _with_client(redis_url, act)


async def _as_group(redis_url: str, stream: str, group: str, start: str) -> Any:
    # Ended by a signal too it gives its partitions back, so that the next one needn't wait.
    async with EventConsumer(redis_url, stream=stream, group=group, start=start, handle_signals=True) as consumer:
        async for event in consumer:
            yield event


async def _follow(client: SyncClient, stream: str, start: str) -> Any:
    """Every event from `start` on, without a group."""
    redis = client.redis
    partitions = int(await redis.get(PARTITIONS) or 1)
    positions: dict[Any, Any] = {}
    for key in (Partition(number).stream(stream) for number in range(partitions)):
        last = await redis.xrevrange(key, count=1) if start == "$" else []
        positions[key] = last[0][0].decode() if last else "0-0"
    while True:
        for raw_key, entries in await redis.xread(positions, count=100, block=1_000):
            key = raw_key.decode()
            for entry_id, fields in entries:
                positions[key] = entry_id.decode()
                try:
                    yield parse(key, positions[key], fields)
                except InvalidEntry as invalid:
                    err.print(f"[yellow]{invalid}[/yellow]")


def _show(event: Event, *, json: bool) -> None:
    if json:
        _print(dict(event.data) | {"entry_id": event.entry_id})
        return
    data = event.data
    told = ""
    if event.name == "stock.changed":
        told = f"{data['previous_available']} → {data['available']}  {data['transition'] or ''}"
    elif event.name.startswith("product."):
        told = f"{data.get('title') or ''}  {' '.join(data.get('changed') or ())}"
    elif event.name == "dead.letter":
        told = f"{data['error_class']}: {data['message']}"
    elif event.name.startswith("shop."):
        told = str(data.get("name") or data.get("reason") or "")
    out.print(f"[dim]{event.time}[/dim] [bold]{event.name}[/bold] {event.subject} #{event.seq}  {told}", soft_wrap=True)


async def _watch(client: SyncClient, request: Request, *, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Bar(*columns, console=err)
    with nullcontext() if quiet else bar:
        task = bar.add_task(f"shop {request.shop_id}", total=len(request.ids))
        async for progress in client.progress(request):
            bar.update(task, completed=progress.done)
    return progress


def _shop_table(found: list[Any], title: str) -> None:
    table = Table(title=title)
    for column in ("shop", "name", "region", "status", "since"):
        # An id that is cut off is worth nothing; a name may wrap.
        table.add_column(column, no_wrap=column != "name", min_width=19 if column == "shop" else None)
    for shop in found:
        table.add_row(shop.shop_id, shop.name, shop.region, shop.status, shop.since[:10])
    out.print(table)


def _print(document: object) -> None:
    typer.echo(orjson.dumps(document).decode())


def _with_client(redis_url: str, act: Callable[[SyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SyncClient(redis_url) as client:
            await act(client)

    _run(run())


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what a person can mend is told in one line, without a traceback."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (ShopstreamError, InvalidId) as error:
        told = str(error)
    except (RedisError, OSError) as error:
        told = f"no Redis to be reached ({type(error).__name__}): check --redis-url or SHOPSTREAM_REDIS_URL"
    except ValueError as error:
        told = f"not a usable value: {error}"
    err.print(f"[red]{told}[/red]", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


def main() -> None:
    """The entry point of the `shopstream` command."""
    app()


if __name__ == "__main__":
    main()
