"""`shopstream snapshot`: show a shop's state, and the position in the streams that belongs to it."""

from dataclasses import asdict
from typing import Annotated

import typer

from shopstream.cli.output.documents import SnapshotEnd
from shopstream.cli.terminal import DEFAULT_URL, Json, Url, print_json, print_table, say, warn, with_client
from shopstream.client import SyncClient
from shopstream.state.product_state import ProductState


def snapshot(
    shop: str,
    redis_url: Url = DEFAULT_URL,
    *,
    rows: Annotated[int, typer.Option("-n", min=0, help="Show this number of products at most; 0 all.")] = 50,
    json: Json = False,
) -> None:
    """Show a shop's products and stock as last known. --json prints all of them, then the position."""

    async def act(client: SyncClient) -> None:
        taken = await client.take_snapshot(shop, collect=False)
        shown: list[tuple[str, ...]] = []
        count = 0
        async for product in taken:
            count += 1
            if json:
                print_json(asdict(product))
            elif not rows or count <= rows:
                shown.append(_row(product))
        if json:
            print_json(SnapshotEnd(shop_id=taken.shop_id, epoch=taken.epoch, position=taken.position, products=count))
            return
        print_table(("product", "status", "SKUs", "available", "seq", "title"), shown)
        if rows and count > rows:
            warn(f"and {count - rows} more: -n 0 or --json shows all")
        for stream, position in taken.position.items():
            say(f"To continue the stream {stream} from here: start={position}", "dim")

    with_client(redis_url, act)


def _row(product: ProductState) -> tuple[str, ...]:
    skus = [sku for sku in product.stock if not sku.removed]
    known = [sku.available for sku in skus if sku.available is not None]
    fields = product.product
    status = "deleted" if product.deleted else str(fields["status"]) if fields else ""
    title = str(fields["title"] or "") if fields else ""
    available = str(sum(known)) if known else "unknown" if skus else ""
    return product.product_id, status, str(len(skus)), available, str(product.seq), title
