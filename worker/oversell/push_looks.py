"""Schedule looks at SKUs of pushed stock: soon where a push is doubtful, within a minute to verify the others.

Looks of a shop share moments, so that one call looks at up to 600 SKUs. Each shop has moments of its own, so that not
all shops are due at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final
from zlib import crc32

from redis.asyncio import Redis

from shopstream.enqueue.backlog import enqueue
from shopstream.enqueue.reasons import Reason, is_origin
from shopstream.redis.keys import SKU, Partition
from worker.changes.drafts import Cause

KIND: Final = "stock"
SOON_MS: Final = 3_000
"""Milliseconds after a doubtful push: TikTok's stock has settled then."""
SOON_GRID_MS: Final = 2_000
OFTEN_MS: Final = 10_000
"""Milliseconds between two pushes of a SKU that sells often, at most."""
VERIFY_LEAST_MS: Final = 10_000
"""Milliseconds before a push is verified at the earliest."""
VERIFY_GRID_MS: Final = 40_000
"""A push is verified VERIFY_LEAST_MS to 50 s after its arrival. Within the minute there is time for one look more."""


def soon(shop: str, now_ms: int, pushed_ms: int = 0) -> int:
    """Give the moment of the look at a doubtful push, in ms of Redis's clock.

    The look at a SKU that sells often waits for the next push, which is clear then and puts the look off. A look right
    before that push would make it doubtful too, and so on.

    Args:
        shop: the SKU's shop.
        now_ms: the present moment.
        pushed_ms: the arrival of the SKU's push before; 0 for none.
    """
    between_ms = now_ms - pushed_ms
    wait_ms = max(SOON_MS, between_ms * 5 // 4) if between_ms <= OFTEN_MS else SOON_MS
    return _find_moment(shop, now_ms + wait_ms, SOON_GRID_MS)


def verification(shop: str, now_ms: int) -> int:
    """Give the moment of the look that verifies a push, in ms of Redis's clock."""
    return _find_moment(shop, now_ms + VERIFY_LEAST_MS, VERIFY_GRID_MS)


async def put(
    redis: Redis, partition: Partition, shop: str, moments: Mapping[str, int], reasons: Mapping[str, Reason]
) -> None:
    """Put SKUs into the stock backlog for looks at these moments. Without any, send nothing."""
    named = {SKU + sku: moment for sku, moment in moments.items()}
    written = {SKU + sku: reason.to_json() for sku, reason in reasons.items()}
    await enqueue(redis, partition, KIND, shop, named, written, wake=False)


async def look_soon(
    redis: Redis, partition: Partition, shop: str, skus: Collection[tuple[str, Cause]], products: Mapping[str, str]
) -> None:
    """Have SKUs looked at once more, because an answer may be older than a push.

    The moment follows from that of the answer, so that a later push finds it and puts the look off.
    """
    moments = {sku: soon(shop, cause.observed_ms) for sku, cause in skus}
    reasons = {sku: replace(make_reason(cause), product=products.get(sku)) for sku, cause in skus}
    await put(redis, partition, shop, moments, reasons)


async def look_again(
    redis: Redis, partition: Partition, shop: str, skus: Collection[tuple[str, Cause]], products: Mapping[str, str]
) -> None:
    """Have SKUs looked at once more after their verification: the push of the next sale may be lost, the last one."""
    moments = {sku: verification(shop, cause.observed_ms) for sku, cause in skus}
    reasons = {sku: Reason(origin="repair", cause=cause.causation_id, product=products.get(sku)) for sku, cause in skus}
    await put(redis, partition, shop, moments, reasons)


def make_reason(cause: Cause) -> Reason:
    """Make the reason of a further look from the cause of an answer."""
    return Reason(origin=cause.origin if is_origin(cause.origin) else None, cause=cause.causation_id)


def _find_moment(shop: str, from_ms: int, grid_ms: int) -> int:
    """Give the first moment of a shop from `from_ms` on. Its moments are `grid_ms` apart."""
    offset = crc32(shop.encode()) % grid_ms
    return offset - (offset - from_ms) // grid_ms * grid_ms
