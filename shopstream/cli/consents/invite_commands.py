"""`shopstream invite`: make a link by which a seller consents, and accept consents that no invite began."""

import time
from dataclasses import asdict
from typing import Annotated, Final

import typer

from shopstream.cli.output.documents import InviteDocument
from shopstream.cli.shop_commands import show_next, show_shops
from shopstream.cli.terminal import (
    DEFAULT_URL,
    App,
    Json,
    Url,
    print_json,
    print_line,
    print_row,
    run,
    warn,
    with_client,
)
from shopstream.client import SyncClient
from shopstream.consents.invites import Invite, check_base

_DAY: Final = 86_400
_Base = Annotated[str, typer.Option("--gateway-url", envvar="SHOPSTREAM_GATEWAY_URL", help="The gateway's public URL.")]


def invite(
    redis_url: Url = DEFAULT_URL,
    *,
    gateway_url: _Base = "",
    label: Annotated[str, typer.Option(help="A note on the seller, for you.")] = "",
    days: Annotated[int, typer.Option(min=1, max=7, help="Days for which the link is good.")] = 7,
    us: Annotated[bool, typer.Option("--us", help="For a seller in the US.")] = False,
    app: App = "",
    held: Annotated[bool, typer.Option("--held", help="List the consents that wait for your yes.")] = False,
    accept: Annotated[str | None, typer.Option(metavar="ID", help="Accept a held consent.")] = None,
    json: Json = False,
) -> None:
    """Print a link by which a seller consents once. The shops' first load begins by itself.

    A consent that the seller began at TikTok has no invite. The gateway refuses it, or with
    SHOPSTREAM_GATEWAY_UNINVITED=hold keeps it 25 minutes for --accept.
    """
    if held:
        with_client(redis_url, lambda client: _list(client, json=json))
    elif accept is not None:
        with_client(redis_url, lambda client: _accept(client, accept, json=json))
    else:
        base = run(_check(gateway_url))
        with_client(redis_url, lambda client: _make(client, base, label, days * _DAY, app, us=us, json=json))


async def _check(gateway_url: str) -> str:
    return check_base(gateway_url)


async def _make(client: SyncClient, base: str, label: str, seconds: int, app: str, *, us: bool, json: bool) -> None:
    made = await client.invite(label=label, seconds=seconds, us=us, app=app)
    if json:
        print_json(_document(made, base))
        return
    print_line(made.url(base))
    warn(f"Give this link to the seller alone: it is good for one consent within {seconds // _DAY} days.")


def _document(made: Invite, base: str) -> InviteDocument:
    return {"url": made.url(base), "label": made.label, "expires_at": made.expires_at}


async def _list(client: SyncClient, *, json: bool) -> None:
    found = await client.list_held_consents()
    if json:
        for one in found:
            print_json(asdict(one))
        return
    if not found:
        warn("No consent waits for your yes.")
        return
    print_row(("id", 16), ("minutes left", 12), head=True)
    for one in found:
        print_row((one.id, 16), (max(0, round((one.expires_at - time.time()) / 60)), 12))


async def _accept(client: SyncClient, name: str, *, json: bool) -> None:
    shops = await client.accept_held_consent(name)
    if json:
        for shop in shops:
            print_json(asdict(shop))
    else:
        show_shops(shops, "Authorized")
        await show_next(client, shops)
    if not shops:
        warn("TikTok listed no shop for this consent.")
