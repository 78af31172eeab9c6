"""`shopstream webhooks`: show, set and remove the webhook subscriptions of shops at TikTok."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Annotated, Final, TypeAlias

import typer

from shopstream.cli.output.documents import SubscriptionsDocument
from shopstream.cli.terminal import DEFAULT_URL, App, Json, Url, print_json, print_line, warn, with_client
from shopstream.client import SyncClient
from shopstream.enqueue.subscribing import Subscriptions, check_url, is_loopback
from shopstream.errors import NoWorker, ShopstreamError
from shopstream.ids import InvalidArgument
from shopstream.registry.shop_of_apps import read_app_name

_AT_ONCE: Final = 4
"""Shops whose orders wait at the same time: half of a worker's places for upkeep. Refreshes need the others."""
_Outcome: TypeAlias = Subscriptions | ShopstreamError


def webhooks(
    shop: Annotated[str | None, typer.Argument(help="One shop.")] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    everyone: Annotated[bool, typer.Option("--all", help="All authorized shops.")] = False,
    url: Annotated[str | None, typer.Option("--url", help="Have TikTok push all events to this https URL.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End the subscriptions.")] = False,
    app: App = "",
    json: Json = False,
) -> None:
    """Show the webhook subscriptions of a shop at TikTok, set them with --url, or end them with --remove.

    They concern the events that shopstream uses. A worker makes the calls, since this command has no secret.
    """
    failed = False

    async def act(client: SyncClient) -> None:
        nonlocal failed
        _check(shop, url, everyone=everyone, remove=remove)
        read_app_name(app)
        if url is not None and is_loopback(url):
            warn("a sandbox alone pushes to this URL: TikTok wants https on a domain")
        shops = [shop] if shop is not None else [one.shop_id for one in await client.list_shops()]
        if not shops:
            warn("No shops yet. Start with: shopstream authorize-url")
        async for shop_id, outcome in _collect(shops, lambda one: _order(client, one, url, app, remove=remove)):
            failed |= isinstance(outcome, ShopstreamError)
            if json:
                print_json(_document(shop_id, outcome))
            else:
                text = f"{shop_id}: {_describe(outcome, url, remove=remove)}"
                typer.echo(text, err=True) if isinstance(outcome, ShopstreamError) else print_line(text)

    with_client(redis_url, act)
    if failed:
        raise typer.Exit(1)


def _check(shop: str | None, url: str | None, *, everyone: bool, remove: bool) -> None:
    if (shop is None) is not everyone:
        raise InvalidArgument("name one shop, or all authorized ones by --all")
    if url is not None and remove:
        raise InvalidArgument("--url sets the subscriptions and --remove ends them: give one of the two")
    if url is not None:
        check_url(url)


def _order(
    client: SyncClient, shop: str, url: str | None, app: str, *, remove: bool
) -> Coroutine[None, None, Subscriptions]:
    if url is not None:
        return client.set_subscriptions(shop, url, app=app)
    return client.remove_subscriptions(shop, app=app) if remove else client.list_subscriptions(shop, app=app)


async def _collect(
    shops: Sequence[str], order: Callable[[str], Coroutine[None, None, Subscriptions]]
) -> AsyncIterator[tuple[str, _Outcome]]:
    """Give the orders of shops, some at once, and yield each shop with its outcome, in order.

    Raises:
        NoWorker: without a worker no other shop's order would be answered either.
    """
    for first in range(0, len(shops), _AT_ONCE):
        some = shops[first : first + _AT_ONCE]
        outcomes = await asyncio.gather(*(order(shop) for shop in some), return_exceptions=True)
        for shop, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, NoWorker) or not isinstance(outcome, Subscriptions | ShopstreamError):
                raise outcome
            yield shop, outcome


def _describe(outcome: _Outcome, url: str | None, *, remove: bool) -> str:
    if isinstance(outcome, ShopstreamError):
        return str(outcome)
    if url is not None:
        return _describe_set(outcome, url)
    shown = _describe_all(outcome)
    return f"{outcome.changed} subscriptions ended; {shown}" if remove else shown


def _describe_set(found: Subscriptions, url: str) -> str:
    here = sum(one.url == url for one in found.subscriptions)
    text = f"{here} events go to {url}"
    if found.refused:
        text += f"; TikTok refused {len(found.refused)}, set them in Partner Center: {', '.join(found.refused)}"
    return text


def _describe_all(found: Subscriptions) -> str:
    events: dict[str, list[str]] = {}
    for one in found.subscriptions:
        events.setdefault(one.url, []).append(one.event)
    parts = [f"{url} gets {', '.join(names)}" for url, names in events.items()] or ["no subscriptions"]
    if events and found.missing:
        parts.append(f"not subscribed: {', '.join(found.missing)}")
    return "; ".join(parts)


def _document(shop: str, outcome: _Outcome) -> SubscriptionsDocument:
    found = outcome if isinstance(outcome, Subscriptions) else Subscriptions(shop, (), ())
    return {
        "shop_id": shop,
        "subscriptions": found.subscriptions,
        "missing": found.missing,
        "changed": found.changed,
        "refused": found.refused,
        "error": str(outcome) if isinstance(outcome, ShopstreamError) else None,
    }
