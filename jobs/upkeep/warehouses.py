"""Read a shop's warehouses once a day, and publish them if they have changed.

Stock events name warehouses by id alone. An app without the scope for warehouses goes on with everything else.
"""

from typing import Final

import orjson
from msgspec import structs
from xxhash import xxh3_64_hexdigest

from jobs.calling.caller import Caller, Deferred
from jobs.shops.shop_access import cause_of
from shopstream import events
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from worker.marketplace.call_errors import CallError
from worker.runtime import Runtime
from worker.shops.standing import Notice, ShopRecord
from worker.tokens.authorizations import ReauthorizationRequired

ENDPOINT: Final = "warehouses"
EVERY_SECONDS: Final = 86_400
AGAIN_SECONDS: Final = 600
"""Seconds until the next try after a deferred call or a refused token."""


async def look(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Read and publish the warehouses of a shop, and schedule the next look. Return False always."""
    found = await runtime.registry.get(partition, shop)
    if found is None or found[0].status != "active" or not runtime.marketplace.abilities.warehouses:
        await runtime.redis.zrem(partition.due, f"warehouses:{shop}")  # a new consent schedules it again
        return False
    entry, wait = found[0], EVERY_SECONDS
    caller = Caller(runtime, entry, ENDPOINT, optional=True)
    try:
        (listed, _), _ = await caller(runtime.marketplace.list_warehouses)
    except (Deferred, ReauthorizationRequired):
        wait = AGAIN_SECONDS
    except CallError as error:
        runtime.log.warning("warehouses_not_read", shop=shop, error=error.error_class, message=error.message)
    else:
        digest = "" if listed is None else xxh3_64_hexdigest(orjson.dumps(listed))

        def decide(record: ShopRecord) -> tuple[ShopRecord, Notice | None]:
            if listed is None or record.warehouses == digest:
                return record, None
            return structs.replace(record, warehouses=digest), Notice(events.SHOP_WAREHOUSES, {"warehouses": listed})

        cause = await cause_of(runtime, entry, f"warehouses-{shop}")
        await runtime.publisher.tell_shop(runtime.target(shop, entry), cause, decide)
    at_ms = int((await clock.read_s(runtime.redis, partition) + wait) * 1000)
    await runtime.redis.zadd(partition.due, {f"warehouses:{shop}": at_ms})
    return False
