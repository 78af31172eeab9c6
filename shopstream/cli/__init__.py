"""Run the command `shopstream`."""

import secrets
import sys
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

try:
    import dotenv  # noqa: F401 - for shopstream/cli/terminal.py
    import rich  # noqa: F401 - the same
    import typer
except ImportError:  # other services install the package without these
    sys.exit("the command line needs more packages: pip install 'shopstream[cli]'")

from shopstream.cli import (
    dead_commands,
    explain_commands,
    invite_commands,
    shop_commands,
    snapshot_commands,
    sync_commands,
    webhook_commands,
)
from shopstream.cli.terminal import DEFAULT_URL as _DEFAULT_URL
from shopstream.cli.terminal import Json, Url, err, out, read_env_file
from shopstream.cli.terminal import print_json as _print
from shopstream.cli.terminal import run as _run
from shopstream.cli.terminal import with_client as _with_client
from shopstream.client import SyncClient
from shopstream.consents.invites import check_authorize_host, write_authorize_url
from shopstream.consume.consumer import EventConsumer
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import STREAMS, Partition
from shopstream.redis.partition_count import partition_count

app = typer.Typer(no_args_is_help=True, add_completion=False, help="TikTok Shops as event streams.")
app.add_typer(sync_commands.sync, name="sync")
app.add_typer(dead_commands.app, name="dead")
app.add_typer(shop_commands.app, name="shops")
app.command()(snapshot_commands.snapshot)
app.command()(invite_commands.invite)
app.command()(sync_commands.settings)
app.command()(explain_commands.explain)
app.command()(webhook_commands.webhooks)


@app.command("authorize-url")
def authorize_url(
    service_id: Annotated[str, typer.Option(envvar="SHOPSTREAM_SERVICE_ID", help="Your app's service id.")],
    us: Annotated[bool, typer.Option("--us", help="For sellers in the US.")] = False,  # noqa: FBT002 - a flag
    host: Annotated[
        str, typer.Option("--host", envvar="SHOPSTREAM_AUTHORIZE_URL", help="Another host than TikTok's, for tests.")
    ] = "",
) -> None:
    """Print the URL of the page on which a seller consents. The page redirects to your app with a code."""

    async def check() -> str:
        return check_authorize_host(host)

    typer.echo(write_authorize_url(service_id, secrets.token_urlsafe(12), us=us, host=_run(check())))


@app.command()
def authorize(code: str, redis_url: Url = _DEFAULT_URL, *, json: Json = False) -> None:
    """Hand a seller's one-use CODE to a worker, which redeems it. Show the shops and their first load."""

    async def act(client: SyncClient) -> None:
        found = await client.authorize(code)
        if json:
            for shop in found:
                _print(asdict(shop))
        else:
            shop_commands.show_shops(found, "Authorized")
            await shop_commands.show_next(client, found)

    _with_client(redis_url, act)


@app.command()
def forget(
    shop: str,
    redis_url: Url = _DEFAULT_URL,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm: the removal is final.")] = False,
    json: Json = False,
) -> None:
    """Remove all data of SHOP except its entries in the streams; with the seller's last shop the tokens too."""
    if not yes:
        err.print(f"this removes all data of shop {shop}, and is final: confirm it with --yes")
        raise typer.Exit(1)

    async def act(client: SyncClient) -> None:
        done = await client.forget(shop)
        tokens = "the seller's tokens too" if done.consent else "the seller's tokens are kept for other shops"
        _print(asdict(done)) if json else out.print(f"forgot shop {done.shop_id}: {done.keys} keys, {tokens}")

    _with_client(redis_url, act)


@app.command()
def tail(
    stream: Annotated[str, typer.Argument(help=f"One of {', '.join(STREAMS)}.")],
    redis_url: Url = _DEFAULT_URL,
    *,
    beginning: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest entry.")] = False,
    count: Annotated[int, typer.Option("-n", help="Stop after this number of events; 0 never.")] = 0,
    group: Annotated[str | None, typer.Option(help="Read as this consumer group, and acknowledge.")] = None,
    json: Json = False,
) -> None:
    """Show the events of a stream as they arrive."""
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
    # It gives its partitions back after a signal too, so that the next member needn't wait.
    async with EventConsumer(redis_url, stream=stream, group=group, start=start, handle_signals=True) as consumer:
        async for event in consumer:
            yield event


async def _follow(client: SyncClient, stream: str, start: str) -> Any:
    """Yield every event from `start` on, without a group."""
    redis = client.redis
    partitions = await partition_count(redis)
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
    text = ""
    if event.name == "stock.changed":
        text = f"{data['previous_available']} → {data['available']}  {data['transition'] or ''}"
    elif event.name.startswith("product."):
        text = f"{data.get('title') or ''}  {' '.join(data.get('changed') or ())}"
    elif event.name == "dead.letter":
        text = f"{data['error_class']}: {data['message']}"
    elif event.name.startswith("shop."):
        text = str(data.get("name") or data.get("reason") or "")
    out.print(f"[dim]{event.time}[/dim] [bold]{event.name}[/bold] {event.subject} #{event.seq}  {text}", soft_wrap=True)


def main() -> None:
    """Run the `shopstream` command."""
    read_env_file()
    app()


if __name__ == "__main__":
    main()
