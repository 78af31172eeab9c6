"""A table with the present stock of every SKU, kept by the events: `python examples/mirror_sqlite.py stock.db`.

It may be killed at any moment: an event is acknowledged after it is in the table, and one that comes twice, or late,
changes nothing there. After a new epoch (Redis failed over, or lost its data) the shop is read anew once it is whole.
"""

import asyncio
import os
import sqlite3
import sys
from typing import Any

from shopstream import Event, EventConsumer, SyncClient

TABLE = """
CREATE TABLE IF NOT EXISTS stock (
    shop_id TEXT, subject TEXT, product_id TEXT NOT NULL, available BIGINT, in_shop BIGINT, removed BOOLEAN NOT NULL,
    epoch TEXT NOT NULL, seq BIGINT NOT NULL, observed_at TEXT NOT NULL, PRIMARY KEY (shop_id, subject)
)"""

# `seq` counts within an epoch. Of two epochs, that with the later observation is the newer one. A removed SKU stays as
# a mark, or a late event would bring it back.
UPSERT = """
INSERT INTO stock VALUES (:shop_id, :subject, :product_id, :available, :in_shop, :removed, :epoch, :seq, :observed_at)
ON CONFLICT (shop_id, subject) DO UPDATE SET
    product_id = excluded.product_id, available = excluded.available, in_shop = excluded.in_shop,
    removed = excluded.removed, epoch = excluded.epoch, seq = excluded.seq, observed_at = excluded.observed_at
WHERE CASE WHEN excluded.epoch = stock.epoch AND excluded.product_id = stock.product_id THEN excluded.seq > stock.seq
    ELSE excluded.observed_at > stock.observed_at AND (excluded.product_id = stock.product_id OR NOT excluded.removed)
    END"""

OUTDATED = "SELECT 1 FROM stock WHERE shop_id = :shop_id AND epoch <> :epoch LIMIT 1"
REMOVE = """
UPDATE stock SET removed = TRUE, epoch = :epoch, seq = 0, observed_at = :observed_at
WHERE shop_id = :shop_id AND epoch <> :epoch"""


def row(event: Event) -> dict[str, Any]:
    """The event as a row; a number is null where it is unknown, which is not zero.

    A buyer in the shop can buy `in_shop` units, or where that is null those `available`.
    """
    values = {name: event.data.get(name) for name in ("product_id", "available", "in_shop")}
    key = {"shop_id": event.shop_id, "subject": event.subject, "removed": event.name == "stock.removed"}
    return values | key | {"epoch": event.epoch, "seq": event.seq, "observed_at": event.time}


async def read_anew(database: sqlite3.Connection, client: SyncClient, event: Event) -> None:
    """If rows are of another epoch, put the shop's snapshot in their place and remove what is not in it."""
    known = {"shop_id": event.shop_id, "epoch": event.epoch, "observed_at": event.time}
    if event.shop_id is None or not database.execute(OUTDATED, known).fetchone():
        return
    snapshot = await client.take_snapshot(event.shop_id)
    if snapshot.epoch != event.epoch or not snapshot.complete:
        return  # the shop's next walk ends with another event
    with database:
        for sku in snapshot.stock.values():
            values = {name: getattr(sku, name) for name in ("product_id", "available", "in_shop", "removed", "seq")}
            database.execute(UPSERT, known | values | {"subject": f"sku/{sku.sku_id}"})
        database.execute(REMOVE, known)


async def follow(database: sqlite3.Connection, client: SyncClient, stream: str) -> None:
    """Follow the events of a stream for ever."""
    url = os.environ["SHOPSTREAM_REDIS_URL"]
    async with EventConsumer(url, stream=stream, group="mirror-sqlite", start="0") as consumer:
        async for event in consumer:
            if event.name in {"stock.changed", "stock.removed"}:
                with database:  # commits
                    database.execute(UPSERT, row(event))
            elif event.name == "shop.synced" and event.data["complete"]:
                await read_anew(database, client, event)
            await event.ack()


async def main(path: str) -> None:
    """Follow stock, and `shop.synced`, which says when a shop has been read whole."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    async with SyncClient(os.environ["SHOPSTREAM_REDIS_URL"]) as client:
        await asyncio.gather(*(follow(database, client, stream) for stream in ("stock", "shops")))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
