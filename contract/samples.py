"""One real event of each type, written by the worker's own code into a real Redis and read back.

The products are TikTok's own answer from the sandbox; clock and epoch are set, so that every run gives the same. What
no job emits yet is given by hand, and goes the same way.
"""

from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from redis.asyncio import Redis

from shopstream import events
from shopstream.redis.keys import Partition
from worker.changes.drafts import Cause
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen, Target
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import AnswerPrice, AnswerWarehouseStock, ProductLegacy
from worker.tiktok.reading.read_answers import ReadProduct

Sample = dict[str, Any]
"""An event in CloudEvents' JSON format: the attributes, and `data` as an object."""

SHOP: Final = "7495000000001000000"
_ANSWER: Final = (
    Path(__file__).parent.parent / "shopstream_sandbox" / "catalogue" / "data" / "product-detail-legacy-202306.json"
)
_AT: Final = 1_732_501_437_474
_TARGET: Final = Target(Partition(0), SHOP, "VN", f"https://shopstream.example/shops/{SHOP}")
_NO_SHOP: Final = Target(Partition(0), "", "", "https://shopstream.example/partitions/0")
_SINCE: Final = "2024-11-25T02:00:00.000Z"
_RUN: Final = "full-7495000000001000000-1"
_SHOP_EVENTS: Final[dict[str, dict[str, Any]]] = {
    events.SHOP_AUTHORIZED: {"name": "Cà phê Việt", "region": "VN", "deadline": "2025-11-25T02:00:00.000Z"},
    events.SHOP_INITIAL_LOAD_STARTED: {"run_id": _RUN, "expected": 2},
    events.SHOP_SYNCED: {
        "run_id": _RUN, "kind": "full", "started_at": _SINCE, "finished_at": "2024-11-25T02:00:07.300Z",
        "watermark": _SINCE, "complete": True,
        "counts": {"fetched": 2, "changed": 1, "unchanged": 1, "deleted": 0, "failed": 0}, "drift": 0, "throttled": 0,
        "details_owed": 0,
    },
    events.SHOP_DEGRADED: {
        "error_class": "inactive", "message": "The seller is inactive.", "since": _SINCE, "working": [],
    },
    events.SHOP_RECOVERED: {"error_class": "inactive", "since": _SINCE},
    events.SHOP_AUTHORIZATION_EXPIRING: {"deadline": "2025-11-25T02:00:00.000Z"},
    events.SHOP_REAUTHORIZATION_REQUIRED: {"reason": "access token is invalid", "since": _SINCE},
    events.SHOP_DEAUTHORIZED: {"reason": "the seller has taken the consent back", "since": _SINCE},
    events.SHOP_WAREHOUSES: {
        "warehouses": [
            {
                "warehouse_id": "7319540688915072774", "name": "Kho Sài Gòn", "type": "sales_warehouse",
                "subtype": "domestic_warehouse", "enabled": True, "default": True, "region": "VN",
            },
        ],
    },
}  # fmt: skip


async def samples(redis: Redis) -> dict[str, Sample]:
    """Type without namespace → its sample. `redis` is empty and stays used; it must be nobody else's."""
    await _set_epoch(redis)
    publisher = Publisher(redis)
    await _products(publisher)
    for number, (event_type, data) in enumerate(_SHOP_EVENTS.items()):
        await publisher.shop_event(_TARGET, event_type, data, _cause("authorize-9f2c61d0", 10 + number, None))
    trimmed = {"stream": "stock", "first_id": f"{_AT}-0", "groups": [{"group": "erp", "lost": 12}]}
    cause = _cause("trim-0-1732501467474", 30, None, shop="")
    await publisher.shop_event(_NO_SHOP, events.STREAM_TRIMMED, trimmed, cause, about="stream/stock")
    found: dict[str, Sample] = {}
    for stream in events.TYPES:
        for _, fields in await redis.xrange(Partition(0).stream(stream)):
            entry: Sample = {name.decode(): value.decode() for name, value in fields.items()}
            # The last one of each type: for stock a sale, with a stock before it.
            found[entry["type"].removeprefix(events.NAMESPACE)] = entry | {"data": orjson.loads(fields[b"data"])}
    return found


async def _set_epoch(redis: Redis) -> None:
    server: dict[str, Any] = await redis.info("replication")
    epoch = {"epoch": "5f1b7c02", "server": server["master_replid"]}
    await redis.hset(Partition(0).epoch, mapping=epoch)  # type: ignore[misc]


async def _products(publisher: Publisher) -> None:
    first = Decoder(ProductLegacy)(_ANSWER.read_bytes())[0]
    product_id = str(first.product_id)
    sku, *others = first.skus or []
    sold = msgspec.structs.replace(
        sku,
        price=AnswerPrice(currency="VND", original_price="180720"),
        stock_infos=[AnswerWarehouseStock(warehouse_id="7319540688915072774", available_stock=4)],
    )
    later = msgspec.structs.replace(first, skus=[sold, *others])
    gone = {"error_class": "not_found", "code": 12052032, "message": "Product not found", "attempts": 1}
    cause = _cause("erp-4711", 0, f"202411250223574{'0' * 8}01")
    await publisher.settle(_TARGET, None, [Seen(product_id.encode(), product_id, 1, cause, ReadProduct(first))])
    await publisher.settle(
        _TARGET, None, [Seen(product_id.encode(), product_id, 2, _later(cause, 1), ReadProduct(later))]
    )
    await publisher.settle(_TARGET, None, [Seen(product_id.encode(), product_id, 3, _later(cause, 2), None, gone)])
    unknown = "1729999999999999999"
    await publisher.settle(_TARGET, None, [Seen(unknown.encode(), unknown, 4, _later(cause, 3), None, gone)])


def _cause(causation_id: str, seconds: int, request_id: str | None, shop: str = SHOP) -> Cause:
    target = _TARGET if shop else _NO_SHOP
    return Cause(shop, target.source, "request", causation_id, None, request_id, _AT + seconds * 1000)


def _later(cause: Cause, minutes: int) -> Cause:
    return msgspec.structs.replace(cause, observed_ms=cause.observed_ms + minutes * 60_000)
