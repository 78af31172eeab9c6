"""`shopstream shops`: list the authorized shops with their status, and retry those that wait or fail."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from shopstream.authorizations.adopting import adopt, count_issuers
from shopstream.cli.output.operation_documents import AdoptedDocument, IssuerDocument, RetriedDocument
from shopstream.cli.shop_lists import ShopFilter, find_unseen, show_overview, write_document
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.durations import write_duration
from shopstream.enqueue.first_load import FirstLoad, first_load
from shopstream.glance.shop_states import STATES
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import partition_count
from shopstream.registry.shop import Shop

_FIRST_PAGE_SECONDS: Final = 5.0
"""Seconds to wait for the first pages of newly authorized shops."""

app = typer.Typer(invoke_without_command=True, help="List the authorized shops with status and troubles.")


@app.callback()
def shops(
    context: typer.Context,
    redis_url: Url = DEFAULT_URL,
    *,
    state: Annotated[
        list[str] | None, typer.Option(help=f"Those in this state: {', '.join(STATES)}. May be repeated.")
    ] = None,
    stale: Annotated[str | None, typer.Option(help="Those whose stock was not checked for so long: 1h, 2d.")] = None,
    expiring: Annotated[str | None, typer.Option(help="Those whose consent ends within so long: 30d.")] = None,
    json: Json = False,
) -> None:
    """List the authorized shops with their state, worst first."""
    if context.invoked_subcommand:
        return

    async def act(client: SyncClient) -> None:
        wanted = ShopFilter.read(state or (), stale, expiring)
        overview = await client.overview()
        listed = [*overview.shops, *find_unseen(overview, await client.list_shops())]
        found = [one for one in listed if wanted.takes(one, overview.now_ms)]
        if json:
            for one in found:
                print_json(write_document(one, overview.now_ms))
        elif found:
            show_overview(found, overview.now_ms)
        elif listed:
            warn("No shop matches.")
        else:
            warn("No shops yet. Start with: shopstream authorize-url")

    with_client(redis_url, act)


@app.command()
def retry(
    shop: Annotated[str | None, typer.Argument(help="One shop. Default: all that wait or fail.")] = None,
    redis_url: Url = DEFAULT_URL,
    *,
    json: Json = False,
) -> None:
    """Retry shops that wait for their seller, or whose calls fail, after you have fixed the cause.

    The consent counts as valid until TikTok refuses it again. Then the shop waits until its seller authorizes it.
    """

    async def act(client: SyncClient) -> None:
        retried = await client.retry_shops(shop)
        if json:
            print_json(RetriedDocument(retried=retried))
        elif retried:
            many = "1 shop is" if len(retried) == 1 else f"{len(retried)} shops are"
            say(f"{many} retried now; `shopstream shops` shows their status")
        else:
            warn("No shop waits or fails: nothing to retry.")

    with_client(redis_url, act)


@app.command("adopt")
def adopt_shops(
    app_key: Annotated[str, typer.Argument(help="The key of the app whose hosts have been renamed.")],
    redis_url: Url = DEFAULT_URL,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm that TikTok has renamed a host.")] = False,
    json: Json = False,
) -> None:
    """Have workers use authorizations by their own hosts, after TikTok has renamed a host of the app.

    Without --yes it lists the hosts. An authorization that another environment has given loses its consent by this.
    """

    async def act(client: SyncClient) -> None:
        await partition_count(client.redis)  # refuses a Redis from which the deployment has moved
        if not yes:
            counts = await count_issuers(client.redis)
            if json:
                for issuer, number in counts.items():
                    print_json(
                        IssuerDocument(
                            app_key=issuer.app_key,
                            api_url=issuer.api_url,
                            auth_url=issuer.auth_url,
                            authorizations=number,
                        )
                    )
            else:
                rows = [(one.app_key, one.api_url, one.auth_url, number) for one, number in counts.items()]
                print_table(("app", "API host", "token host", "authorizations"), rows)
            warn("If the hosts of this app have new names, and it is no sandbox, confirm it with --yes")
            raise typer.Exit(1)
        number = await adopt(client.redis, app_key)
        if json:
            print_json(AdoptedDocument(adopted=number))
        elif number:
            say(f"{number} authorizations of app {app_key} are used by the workers' own hosts, within five minutes")
        if not number:
            warn(f"Nothing matched: no authorization names hosts of app {app_key}. Without --yes the command lists all")
            raise typer.Exit(1)

    with_client(redis_url, act)


def show_shops(found: Sequence[Shop], title: str) -> None:
    """Print newly authorized shops as a table."""
    say(title, "bold")
    print_table(
        ("shop", "name", "region", "status", "active since"),
        [(shop.shop_id, shop.name, shop.region, shop.status, shop.since[:10]) for shop in found],
    )


async def show_next(client: SyncClient, found: Sequence[Shop]) -> None:
    """Print how far the first load of each newly authorized shop is."""
    ends = time.monotonic() + _FIRST_PAGE_SECONDS
    partitions = await partition_count(client.redis)
    for shop in found:
        partition = partition_for(shop.shop_id, partitions)
        load = await first_load(client.redis, partition, shop.shop_id, max(0.0, ends - time.monotonic()))
        say(_next(load))


def _next(load: FirstLoad) -> str:
    shop = f"shop {load.shop_id}:"
    if load.loaded:
        return f"{shop} loaded before; its syncs go on"
    if not load.wanted:
        return f"{shop} no first load (full_interval=0): load it with shopstream sync shop {load.shop_id} --full --wait"
    if load.products is None:
        has = "the first load begins as soon as a worker has a free slot"
    else:
        has = f"the first load has begun: {load.products} products"
        has += "" if load.seconds is None else f", about {write_duration(max(1.0, load.seconds))}"
    return f"{shop} {has}; watch it with: shopstream sync shop {load.shop_id} --full --wait"


def forget(
    shop: str,
    redis_url: Url = DEFAULT_URL,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm: the removal is final.")] = False,
    json: Json = False,
) -> None:
    """Remove all data of SHOP except its entries in the streams; with the seller's last shop the tokens too."""
    if not yes:
        warn(f"this removes all data of shop {shop}, and is final: confirm it with --yes")
        raise typer.Exit(1)

    async def act(client: SyncClient) -> None:
        done = await client.forget(shop)
        tokens = "the seller's tokens too" if done.consent else "the seller's tokens are kept for other shops"
        print_json(asdict(done)) if json else say(f"forgot shop {done.shop_id}: {done.keys} keys, {tokens}")

    with_client(redis_url, act)
