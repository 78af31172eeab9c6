"""The table of mirror_sqlite.py in PostgreSQL: `python examples/mirror_postgres.py postgresql://…` (psycopg 3).

It may be killed at any moment: an event is acknowledged after it is in the table, and one that comes twice, or late,
changes nothing there. After a new epoch (Redis failed over, or lost its data) the shop is read anew once it is whole.
"""

import asyncio
import os
import sys
from typing import Any

from psycopg import AsyncConnection

from shopstream import Event, EventConsumer, SyncClient

TABLE = """
CREATE TABLE IF NOT EXISTS stock (
    shop_id TEXT, subject TEXT, product_id TEXT NOT NULL, available BIGINT, in_shop BIGINT, removed BOOLEAN NOT NULL,
    epoch TEXT NOT NULL, seq BIGINT NOT NULL, observed_at TEXT NOT NULL, PRIMARY KEY (shop_id, subject)
)"""

# `seq` counts within an epoch. Of two epochs, that with the later observation is the newer one. A removed SKU stays as
# a mark, or a late event would bring it back.
UPSERT = """
INSERT INTO stock VALUES (
    %(shop_id)s, %(subject)s, %(product_id)s, %(available)s, %(in_shop)s, %(removed)s,
    %(epoch)s, %(seq)s, %(observed_at)s)
ON CONFLICT (shop_id, subject) DO UPDATE SET
    product_id = excluded.product_id, available = excluded.available, in_shop = excluded.in_shop,
    removed = excluded.removed, epoch = excluded.epoch, seq = excluded.seq, observed_at = excluded.observed_at
WHERE CASE WHEN excluded.epoch = stock.epoch AND excluded.product_id = stock.product_id THEN excluded.seq > stock.seq
    ELSE excluded.observed_at > stock.observed_at AND (excluded.product_id = stock.product_id OR NOT excluded.removed)
    END"""

OUTDATED = "SELECT 1 FROM stock WHERE shop_id = %(shop_id)s AND epoch <> %(epoch)s LIMIT 1"
REMOVE = """
UPDATE stock SET removed = TRUE, epoch = %(epoch)s, seq = 0, observed_at = %(observed_at)s
WHERE shop_id = %(shop_id)s AND epoch <> %(epoch)s"""


def row(event: Event) -> dict[str, Any]:
    """The event as a row; a number is null where it is unknown, which is not zero.

    A buyer in the shop can buy `in_shop` units, or where that is null those `available`.
    """
    values = {name: event.data.get(name) for name in ("product_id", "available", "in_shop")}
    key = {"shop_id": event.shop_id, "subject": event.subject, "removed": event.name == "stock.removed"}
    return values | key | {"epoch": event.epoch, "seq": event.seq, "observed_at": event.time}


async def read_anew(database: AsyncConnection, client: SyncClient, event: Event) -> None:
    """If rows are of another epoch, put the shop's snapshot in their place and remove what is not in it."""
    known = {"shop_id": event.shop_id, "epoch": event.epoch, "observed_at": event.time}
    if event.shop_id is None or not await (await database.execute(OUTDATED, known)).fetchone():
        return
    snapshot = await client.take_snapshot(event.shop_id)
    if snapshot.epoch != event.epoch or not snapshot.complete:
        return  # the shop's next walk ends with another event
    for sku in snapshot.stock.values():
        values = {name: getattr(sku, name) for name in ("product_id", "available", "in_shop", "removed", "seq")}
        await database.execute(UPSERT, known | values | {"subject": f"sku/{sku.sku_id}"})
    await database.execute(REMOVE, known)


async def follow(database: AsyncConnection, client: SyncClient, stream: str) -> None:
    """Follow the events of a stream for ever; each statement is a transaction of its own."""
    url = os.environ["SHOPSTREAM_REDIS_URL"]
    async with EventConsumer(url, stream=stream, group="mirror-postgres", start="0") as consumer:
        async for event in consumer:
            if event.name in {"stock.changed", "stock.removed"}:
                await database.execute(UPSERT, row(event))
            elif event.name == "shop.synced" and event.data["complete"]:
                await read_anew(database, client, event)
            await event.ack()


async def main(url: str) -> None:
    """Follow stock, and `shop.synced`, which says when a shop has been read whole."""
    async with (
        await AsyncConnection.connect(url, autocommit=True) as database,
        SyncClient(os.environ["SHOPSTREAM_REDIS_URL"]) as client,
    ):
        await database.execute(TABLE)
        await asyncio.gather(*(follow(database, client, stream) for stream in ("stock", "shops")))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
