"""`shopstream shops`: list the authorized shops with their status, and retry those that wait or fail."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from shopstream.cli.output.documents import ShopDocument
from shopstream.cli.output.operation_documents import RetriedDocument
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.durations import write_duration
from shopstream.enqueue.first_load import FirstLoad, first_load
from shopstream.enqueue.walk_requests import Freshness
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import partition_count
from shopstream.registry.shop import Shop
from shopstream.registry.troubles import Trouble

_FIRST_PAGE_SECONDS: Final = 5.0
"""Seconds to wait for the first pages of newly authorized shops."""

app = typer.Typer(invoke_without_command=True, help="List the authorized shops with status and troubles.")


@app.callback()
def shops(context: typer.Context, redis_url: Url = DEFAULT_URL, *, json: Json = False) -> None:
    """List the authorized shops with status and troubles."""
    if context.invoked_subcommand:
        return

    async def act(client: SyncClient) -> None:
        found = await client.list_shops()
        fresh = {shop.shop_id: await client.read_freshness(shop.shop_id) for shop in found}
        failing = await client.list_troubles()
        if json:
            for shop in found:
                print_json(_document(shop, fresh[shop.shop_id], failing.get(shop.shop_id, ())))
        elif found:
            show_shops(found, "Shops", fresh, failing)
        else:
            warn("No shops yet. Start with: shopstream authorize-url")

    with_client(redis_url, act)


def _document(shop: Shop, freshness: Freshness, troubles: Sequence[Trouble]) -> ShopDocument:
    return {
        "shop_id": shop.shop_id,
        "name": shop.name,
        "region": shop.region,
        "seller_type": shop.seller_type,
        "authorization": shop.authorization,
        "status": shop.status,
        "reason": shop.reason,
        "since": shop.since,
        "refresh_expires_at": shop.refresh_expires_at,
        "stock_age": freshness.stock_age,
        "watermark": freshness.watermark,
        "walking": freshness.walking,
        "troubles": troubles,
    }


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


def show_shops(
    found: Sequence[Shop],
    title: str,
    fresh: Mapping[str, Freshness] | None = None,
    failing: Mapping[str, Sequence[Trouble]] | None = None,
) -> None:
    """Print shops as a table."""
    say(title, "bold")
    head = ("shop", "name", "region", "status", "active since", *(["last full stock check"] if fresh else []))
    rows: list[tuple[str, ...]] = []
    for shop in found:
        seen = [_ago(fresh[shop.shop_id].stock_age)] if fresh else []
        troubles = (failing or {}).get(shop.shop_id, ())
        status = f"{shop.status}, {troubles[0].error_class}" if troubles else shop.status
        rows.append((shop.shop_id, shop.name, shop.region, status, shop.since[:10], *seen))
    print_table(head, rows)
    for shop in found:
        for one in (failing or {}).get(shop.shop_id, ()):
            line = f"{shop.shop_id}: {one.endpoint}: {one.message} (since {one.since}, next try {one.next_look})"
            say(line)


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


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{write_duration(seconds)} ago"


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
