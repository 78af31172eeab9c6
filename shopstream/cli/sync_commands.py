"""`shopstream sync …` and `shopstream settings`: request products, stock or a walk, and watch its progress."""

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated, cast

import typer
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from shopstream.cli.output.documents import RequestAccepted, RequestDone, WalkAccepted, WalkFigures
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, err, out, print_json, with_client
from shopstream.client import SyncClient
from shopstream.enqueue.requests import Request
from shopstream.enqueue.walk_requests import WalkProgress, WalkRequest
from shopstream.events import DeadLetter, Event
from shopstream.registry.settings import ShopSettings
from shopstream.state.watching import Progress

sync = typer.Typer(no_args_is_help=True, help="Request a sync of products, of stock or of a whole shop.")

Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, and show progress.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Fetch and compare without publishing; count the changes.")]
Urgent = Annotated[bool, typer.Option("--urgent", help="Fetch before the shop's other ids.")]


@sync.command("products")
def sync_products(
    shop: str,
    ids: Annotated[list[str], typer.Argument(help="Product ids; `-` reads them from standard input.")],
    redis_url: Url = DEFAULT_URL,
    *,
    urgent: Urgent = False,
    wait: Wait = False,
    dry_run: Dry = False,
    json: Json = False,
) -> None:
    """Fetch products, and publish their changes."""
    wanted = _ids(ids)

    async def act(client: SyncClient) -> None:
        if dry_run:
            await _follow(client, await client.dry_run("products", shop, wanted), wait=True, json=json)
        else:
            await _print_request(
                client, await client.sync_products(shop, wanted, urgent=urgent), "products", wait=wait, json=json
            )

    with_client(redis_url, act)


@sync.command("stock")
def sync_stock(
    shop: str,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Product ids; `-` reads them from standard input. Default: all known.")
    ] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    urgent: Urgent = False,
    wait: Wait = False,
    dry_run: Dry = False,
    json: Json = False,
) -> None:
    """Fetch stock, 100 products a call, and publish its changes."""
    wanted = _ids(ids or [])

    async def act(client: SyncClient) -> None:
        if dry_run:
            await _follow(client, await client.dry_run("stock", shop, wanted), wait=True, json=json)
        elif wanted:
            request = await client.sync_stock(shop, wanted, urgent=urgent)
            await _print_request(client, request, "products", wait=wait, json=json)
        else:
            await _follow(client, await client.sync_stock(shop), wait=wait, json=json)

    with_client(redis_url, act)


@sync.command("shop")
def sync_shop(
    shop: str,
    redis_url: Url = DEFAULT_URL,
    *,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only changes; find deletions.")] = False,
    wait: Wait = False,
    dry_run: Dry = False,
    json: Json = False,
) -> None:
    """Sync a whole shop. Ctrl-C ends the watching, not the walk. The same command watches it again."""

    async def act(client: SyncClient) -> None:
        if dry_run:
            await _follow(client, await client.dry_run("full" if full else "delta", shop), wait=True, json=json)
        else:
            await _follow(client, await client.sync_shop(shop, full=full), wait=wait, json=json)

    with_client(redis_url, act)


def settings(
    shop: str,
    changes: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE …. Default: show all settings.")] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    json: Json = False,
) -> None:
    """Show or change the settings of a shop: walk intervals, published kinds, thresholds of low stock.

    low:SKU=3 sets the threshold of one SKU, and low:SKU= removes it.
    """

    async def act(client: SyncClient) -> None:
        pairs = [change.partition("=") for change in changes or []]
        if wrong := [name for name, equals, _ in pairs if not equals]:
            raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
        now = await client.settings(shop, **{name: value for name, _, value in pairs})
        if json:
            print_json(asdict(now))
        else:
            _settings_table(shop, now)

    with_client(redis_url, act)


def _ids(given: list[str]) -> list[str]:
    return sys.stdin.read().split() if given == ["-"] else given


async def _print_request(client: SyncClient, request: Request, noun: str, *, wait: bool, json: bool) -> None:
    """Print that ids are requested, or with `wait` watch them to the end. Exit with 1 if any was given up."""
    if not wait:
        accepted: RequestAccepted = {"asked": len(request.ids), "request": request.id}
        print_json(accepted) if json else out.print(f"requested {len(request.ids)} {noun}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Bar(*columns, console=err)
    done = Progress(len(request.ids), len(request.ids), {})
    with nullcontext() if json else bar:
        task = bar.add_task(f"shop {request.shop_id}", total=len(request.ids))
        async for done in client.watch(request):
            bar.update(task, completed=done.total - done.pending)
            await asyncio.sleep(0)  # see _follow
    letters = [_letter(event) for event in done.dead.values()]
    if json:
        print_json(RequestDone(asked=done.total, done=done.done, given_up=done.given_up, dead=letters))
    else:
        out.print(f"{done.done} of {done.total} {noun} done, {len(letters)} given up")
        for letter in letters:
            err.print(f"[red]{letter['id']}[/red]: {letter['error_class']}: {letter['message']}")
    if letters:
        raise typer.Exit(1)


def _letter(event: Event) -> DeadLetter:
    return cast("DeadLetter", event.data)


async def _follow(client: SyncClient, request: WalkRequest, *, wait: bool, json: bool) -> None:
    """Watch a walk. With `json` print a line after each change of a figure; the last one has `"done": true`."""
    if not wait:
        accepted: WalkAccepted = {"asked": request.kind}
        print_json(accepted) if json else out.print(f"requested a {request.kind} walk; --wait shows its progress")
        return
    bar = Bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err)
    latest = WalkProgress()
    before: WalkFigures | None = None
    with nullcontext() if json else bar:
        task = bar.add_task(f"shop {request.shop_id}: waiting for a worker", total=None)
        async for latest in client.watch(request, every=1.0 if json else 0.2):
            figures = _figures(latest)
            # The time alone moves in each look, and is no reason for a line.
            if json and (before is None or figures != {**before, "seconds": figures["seconds"]}):
                print_json(figures)
            before = figures
            bar.update(task, total=latest.expected, completed=latest.products, description=_line(latest))
            await asyncio.sleep(0)  # a Ctrl-C of just now arrives here; redis-py would swallow it
    if not json:
        _summary(request, latest)
    if not latest.complete:
        raise typer.Exit(1)


def _figures(latest: WalkProgress) -> WalkFigures:
    left = latest.seconds_left
    return WalkFigures(
        run_id=latest.run_id,
        pages=latest.pages,
        products=latest.products,
        expected=latest.expected,
        calls=latest.calls,
        events=latest.events,
        changed=latest.changed,
        unchanged=latest.unchanged,
        deleted=latest.deleted,
        failed=latest.failed,
        details=latest.details,
        details_left=latest.details_left,
        types=dict(latest.types),
        drift=latest.drift,
        throttled=latest.throttled,
        seconds=round(latest.seconds, 1),
        complete=latest.complete,
        reason=latest.reason,
        done=latest.done,
        rate=round(latest.rate, 1),
        seconds_left=None if left is None else round(left, 1),
    )


def _line(latest: WalkProgress) -> str:
    left = f", {latest.seconds_left:.0f} s left" if latest.seconds_left is not None else ""
    details = f", {latest.details_left} details to come" if latest.details_left else ""
    return (
        f"{latest.pages} pages, {latest.products} products, {latest.calls} calls, {latest.events} events, "
        f"{latest.rate:.0f}/s{left}{details}"
    )


def _summary(request: WalkRequest, latest: WalkProgress) -> None:
    would = "would be " if request.kind == "dry" else ""
    outcomes = ("changed", "unchanged", "deleted", "failed")
    counts = ", ".join(f"{getattr(latest, name)} {name}" for name in outcomes)
    details = f" and {latest.details} details" if latest.details else ""
    out.print(
        f"{latest.products} products in {latest.calls} calls{details}: {counts}; "
        f"{latest.events} events {would}published, drift {latest.drift}",
        soft_wrap=True,
    )
    for name, number in sorted(latest.types.items()):
        out.print(f"  {number} {name}")
    if not latest.complete:
        err.print(f"[red]not complete: {latest.reason}[/red]", soft_wrap=True)


def _settings_table(shop: str, now: ShopSettings) -> None:
    meaning = {
        "interval": "seconds between incremental walks, 0 never",
        "full_interval": "seconds between full walks, 0 never",
        "stock_interval": "seconds between polls of all stock, 0 never",
        "publish": "stock, prices or products",
        "description": "true: a changed description is a changed product",
        "low": "units at which stock is low",
        "guard": "true: look sooner at stock that sells fast",
        "paused": "true: fetch nothing of this shop",
    }
    table = Table(title=f"Settings of shop {shop}")
    for column in ("setting", "value", ""):
        table.add_column(column)
    values = asdict(now)
    of_skus = values.pop("low_skus")
    for name, value in values.items():
        table.add_row(name, str(value).lower() if isinstance(value, bool) else str(value), meaning[name])
    for sku_id, low in sorted(of_skus.items()):
        table.add_row(f"low:{sku_id}", str(low), "units at which the stock of this SKU is low")
    out.print(table)
