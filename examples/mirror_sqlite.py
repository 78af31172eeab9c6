"""A table with the present stock of every SKU, kept by the events: `python examples/mirror_sqlite.py stock.db`.

It may be killed at any moment: an event is acknowledged after it is in the table, and one that comes twice, or late,
changes nothing there.
"""

import asyncio
import os
import sqlite3
import sys
from typing import Any

from shopstream import Event, EventConsumer

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
WHERE CASE WHEN excluded.epoch = stock.epoch THEN excluded.seq > stock.seq
    ELSE excluded.observed_at > stock.observed_at END"""


def row(event: Event) -> dict[str, Any]:
    """The event as a row; a number is null where it is unknown, which is not zero.

    A buyer in the shop can buy `in_shop` units, or where that is null those `available`.
    """
    told = {name: event.data.get(name) for name in ("product_id", "available", "in_shop")}
    key = {"shop_id": event.shop_id, "subject": event.subject, "removed": event.name == "stock.removed"}
    return told | key | {"epoch": event.epoch, "seq": event.seq, "observed_at": event.time}


async def main(path: str) -> None:
    """Follow the events for ever."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    async with EventConsumer(
        os.environ["SHOPSTREAM_REDIS_URL"], stream="stock", group="mirror-sqlite", start="0"
    ) as consumer:
        async for event in consumer:
            if event.name in {"stock.changed", "stock.removed"}:
                with database:  # commits
                    database.execute(UPSERT, row(event))
            await event.ack()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
