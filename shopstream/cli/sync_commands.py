"""`shopstream sync …`: request a sync of products, of stock or of whole shops, and watch its progress."""

import asyncio
import sys
from typing import Annotated, Final, cast

import typer

from shopstream.cli.output.documents import RequestAccepted, RequestDone, WalkAccepted, WalkFigures
from shopstream.cli.output.operation_documents import SpreadDocument
from shopstream.cli.output.progress_bar import ProgressBar
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.durations import parse_duration, write_duration
from shopstream.enqueue.requests import Request
from shopstream.enqueue.walk_requests import SpreadSync, WalkProgress, WalkRequest
from shopstream.events import DeadLetter, Event
from shopstream.ids import InvalidArgument, show
from shopstream.state.watching import Progress

_KINDS: Final = {"delta": "Incremental sync", "full": "Full sync", "poll": "Stock sync", "dry": "Dry run"}

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
        if not ids and dry_run:
            raise InvalidArgument("--dry-run needs ids here: `shopstream sync shop SHOP --full --dry-run` compares all")
        if not ids and urgent:
            raise InvalidArgument("--urgent goes with ids")
        if dry_run:
            await _follow(client, await client.dry_run("stock", shop, wanted), wait=True, json=json)
        elif ids:  # `-` without a line asks for nothing, and not for all
            request = await client.sync_stock(shop, wanted, urgent=urgent)
            await _print_request(client, request, "products", wait=wait, json=json)
        else:
            await _follow(client, await client.sync_stock(shop), wait=wait, json=json)

    with_client(redis_url, act)


@sync.command("shop")
def sync_shop(
    shop: Annotated[str | None, typer.Argument(help="One shop.")] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    everyone: Annotated[bool, typer.Option("--all", help="All active shops, one after another.")] = False,
    over: Annotated[
        str | None,
        typer.Option("--over", help="With --all, the time over which they begin: 10m, 2h. Default: a tenth."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only changes; find deletions.")] = False,
    wait: Wait = False,
    dry_run: Dry = False,
    json: Json = False,
) -> None:
    """Sync a whole shop. Ctrl-C ends the watching, not the sync. The same command watches it again.

    With --all the syncs begin spread over a tenth of the default interval: 6 minutes, or with --full 144.
    """

    async def act(client: SyncClient) -> None:
        if shop is None or everyone:
            _check_all(shop, everyone=everyone, alone=wait or dry_run)
            _print_spread(await client.sync_all_shops(full=full, over_seconds=_read_over(over)), json=json)
            return
        if over is not None:
            raise InvalidArgument("--over goes with --all")
        if dry_run:
            await _follow(client, await client.dry_run("full" if full else "delta", shop), wait=True, json=json)
        else:
            await _follow(client, await client.sync_shop(shop, full=full), wait=wait, json=json)

    with_client(redis_url, act)


def _check_all(shop: str | None, *, everyone: bool, alone: bool) -> None:
    if (shop is None) is not everyone:
        raise InvalidArgument("name one shop, or all active ones by --all")
    if alone:
        raise InvalidArgument("--wait and --dry-run are for one shop")


def _read_over(over: str | None) -> int | None:
    if over is None:
        return None
    seconds = parse_duration(over)
    if seconds is None:
        raise InvalidArgument(f"--over is a duration as 90s, 10m or 2h, not {show(over)}")
    return seconds


def _print_spread(done: SpreadSync, *, json: bool) -> None:
    if json:
        print_json(
            SpreadDocument(asked=done.kind, shops=done.shops, waiting=done.waiting, over_seconds=done.over_seconds)
        )
        return
    say(f"{_KINDS[done.kind]} of {done.shops} shops requested, spread over {write_duration(done.over_seconds)}")
    if done.waiting:
        warn(f"{done.waiting} more wait for their seller: see `shopstream shops`")


def _ids(given: list[str]) -> list[str]:
    return sys.stdin.read().split() if given == ["-"] else given


async def _print_request(client: SyncClient, request: Request, noun: str, *, wait: bool, json: bool) -> None:
    """Print that ids are requested, or with `wait` watch them to the end. Exit with 1 if any was given up."""
    if not wait:
        accepted: RequestAccepted = {"asked": len(request.ids), "request": request.id}
        print_json(accepted) if json else say(f"requested {len(request.ids)} {noun}")
        return
    done = Progress(len(request.ids), len(request.ids), {})
    with ProgressBar(f"shop {request.shop_id}", len(request.ids), hidden=json) as bar:
        async for done in client.watch(request):
            bar.update(done.total - done.pending)
            await asyncio.sleep(0)  # see _follow
    letters = [_letter(event) for event in done.dead.values()]
    if json:
        print_json(RequestDone(asked=done.total, done=done.done, given_up=done.given_up, dead=letters))
    else:
        say(f"{done.done} of {done.total} {noun} done, {len(letters)} given up")
        for letter in letters:
            warn(f"{letter['id']}: {letter['error_class']}: {letter['message']}", "red")
    if letters:
        raise typer.Exit(1)


def _letter(event: Event) -> DeadLetter:
    return cast("DeadLetter", event.data)


async def _follow(client: SyncClient, request: WalkRequest, *, wait: bool, json: bool) -> None:
    """Watch a walk. With `json` print a line after each change of a figure; the last one has `"done": true`."""
    if not wait:
        accepted: WalkAccepted = {"asked": request.kind}
        print_json(accepted) if json else say(f"{_KINDS[request.kind]} requested; --wait shows its progress")
        return
    latest = WalkProgress()
    before: WalkFigures | None = None
    with ProgressBar(f"shop {request.shop_id}: waiting for a worker", None, hidden=json) as bar:
        async for latest in client.watch(request, every=1.0 if json else 0.2):
            figures = _figures(latest)
            # The time alone moves in each look, and is no reason for a line.
            if json and (before is None or figures != {**before, "seconds": figures["seconds"]}):
                print_json(figures)
            before = figures
            bar.update(latest.products, latest.expected, _line(latest))
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
    say(
        f"{latest.products} products in {latest.calls} calls{details}: {counts}; "
        f"{latest.events} events {would}published, {latest.drift} unannounced changes"
    )
    for name, number in sorted(latest.types.items()):
        say(f"  {number} {name}")
    if not latest.complete:
        warn(f"not complete: {latest.reason}", "red")
