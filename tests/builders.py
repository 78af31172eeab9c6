"""Make the values that many tests begin with: answers as they are seen, claims, and the entries that came of them."""

import json
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.backlog.claims import Backlog, Claim
from worker.changes.drafts import Cause
from worker.publishing.seen import Seen, Target
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309
from worker.tiktok.reading.read_answers import ReadProduct

P: Final = Partition(0)
SHOP: Final = "7495"
TARGET: Final = Target(P, SHOP, "VN", f"https://test/shops/{SHOP}")
GONE: Final = {"error_class": "not_found", "code": 12052032, "message": "gone", "attempts": 1}
_read: Final = Decoder(Product202309)


async def entries(redis: Redis, stream: str) -> list[dict[str, Any]]:
    """Give the `data` of all entries of the first partition's stream."""
    return [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream(stream))]


def snapshot(product: str, **stock: int) -> ReadProduct:
    skus = [{"id": sku[1:], "inventory": [{"warehouse_id": "7", "quantity": n}]} for sku, n in stock.items()]
    return ReadProduct(_read(json.dumps({"code": 0, "data": {"id": product, "title": "T", "skus": skus}}).encode())[0])


def seen(product: str, fetch_seq: int, now: ReadProduct | None) -> Seen:
    cause = Cause(SHOP, TARGET.source, "request", "job-1", None, f"req-{fetch_seq}", 1_700_000_000_000 + fetch_seq)
    return Seen(product.encode(), product, fetch_seq, cause, now, {} if now else GONE)


async def claim_of(redis: Redis, *ids: str) -> Claim:
    await redis.hset(P.registry, SHOP, '{"status":"active"}')  # type: ignore[misc]
    await redis.zadd(P.backlog("products", SHOP), dict.fromkeys(ids, 1))
    claim = await Backlog(redis).claim(P, "products", SHOP, endpoint="product", start_rate=1000)
    assert claim is not None
    return claim
