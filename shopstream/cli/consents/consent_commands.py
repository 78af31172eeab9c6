"""`shopstream authorize-url` and `shopstream authorize`: have sellers consent, and hand their codes to a worker."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Annotated, Final, TypeAlias

import typer

from shopstream.cli.output.operation_documents import CodeDocument, UrlDocument
from shopstream.cli.shop_commands import show_next, show_shops
from shopstream.cli.terminal import DEFAULT_URL, App, Json, Url, print_json, print_line, run, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.consents.invites import check_authorize_host, write_authorize_url
from shopstream.errors import NoWorker, ShopstreamError
from shopstream.registry.shop import Shop

_AT_ONCE: Final = 4
"""Codes that wait at the same time: half of a worker's places for upkeep. Refreshes need the others."""
_Outcome: TypeAlias = Sequence[Shop] | ShopstreamError


def authorize_url(
    service_id: Annotated[str, typer.Option(envvar="SHOPSTREAM_SERVICE_ID", help="Your app's service id.")],
    us: Annotated[bool, typer.Option("--us", help="For sellers in the US.")] = False,  # noqa: FBT002 - a flag
    host: Annotated[
        str, typer.Option("--host", envvar="SHOPSTREAM_AUTHORIZE_URL", help="Another host than TikTok's, for tests.")
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Print the URL of the page on which a seller consents. The page redirects to your app with a code."""

    async def act() -> None:
        state = secrets.token_urlsafe(12)
        url = write_authorize_url(service_id, state, us=us, host=check_authorize_host(host))
        print_json(UrlDocument(url=url, state=state)) if json else print_line(url)

    run(act())


def authorize(
    code: Annotated[str, typer.Argument(help="The code; `-` reads many from standard input, one a line.")],
    redis_url: Url = DEFAULT_URL,
    *,
    app: App = "",
    json: Json = False,
) -> None:
    """Hand a seller's one-use CODE to a worker, which redeems it. Show the shops and their first load.

    With `-` one line is printed for each code, and a bad code stops none of the others. The exit code is then 1.
    """
    if code == "-":
        _authorize_all(redis_url, app, json=json)
        return

    async def act(client: SyncClient) -> None:
        found = await client.authorize(code, app=app)
        if json:
            for shop in found:
                print_json(asdict(shop))
        else:
            show_shops(found, "Authorized")
            await show_next(client, found)

    with_client(redis_url, act)


def _authorize_all(redis_url: str, app: str, *, json: bool) -> None:
    lines = [(number, line.strip()) for number, line in enumerate(sys.stdin, start=1) if line.strip()]
    failed = 0

    async def act(client: SyncClient) -> None:
        nonlocal failed
        async for number, outcome in _redeem(client, lines, app):
            failed += isinstance(outcome, ShopstreamError)
            _print_outcome(number, outcome, json=json)

    with_client(redis_url, act)
    if not json:
        warn(f"{len(lines) - failed} of {len(lines)} codes redeemed")
    if failed:
        raise typer.Exit(1)


async def _redeem(
    client: SyncClient, lines: Sequence[tuple[int, str]], app: str
) -> AsyncIterator[tuple[int, _Outcome]]:
    """Redeem codes, some at once, and yield the number of each line with its outcome as soon as it is known.

    Once no worker has answered, the codes that are left are not sent: they stay valid.
    """
    places = asyncio.Semaphore(_AT_ONCE)
    nobody: list[NoWorker] = []

    async def redeem(number: int, code: str) -> tuple[int, _Outcome]:
        async with places:
            if nobody:
                return number, ShopstreamError("not sent, since no worker answers")
            try:
                return number, await client.authorize(code, app=app)
            except ShopstreamError as error:
                if isinstance(error, NoWorker):
                    nobody.append(error)
                # TikTok's sentence may quote the code, which is a secret until it is used.
                return number, ShopstreamError(str(error).replace(code, "CODE"))

    tasks = [asyncio.create_task(redeem(number, code)) for number, code in lines]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()


def _print_outcome(number: int, outcome: _Outcome, *, json: bool) -> None:
    if json:
        failed = isinstance(outcome, ShopstreamError)
        shops = () if isinstance(outcome, ShopstreamError) else outcome
        print_json(CodeDocument(line=number, shops=shops, error=str(outcome) if failed else None))
    elif isinstance(outcome, ShopstreamError):
        warn(f"line {number}: {outcome}", "red")
    else:
        shops_text = ", ".join(f"{shop.shop_id} ({shop.name}, {shop.region})" for shop in outcome)
        say(f"line {number}: authorized {shops_text or 'no shop: TikTok listed none'}")
