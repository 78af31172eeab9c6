"""Whatever answers come, in whatever order of views: a rehearsal counts what the publisher then publishes."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shopstream.registry.settings import ShopSettings
from tests.builders import SHOP, TARGET, P, snapshot
from tests.worker.changes.inventories import stock_seen
from worker.changes.drafts import Cause
from worker.changes.normalized import SkuStock, WarehouseDoc
from worker.publishing.counts import Counts
from worker.publishing.publisher import Publisher
from worker.publishing.rehearsal import Rehearsal
from worker.publishing.seen import Seen, Target

GONE = {"error_class": "not_found", "code": 12052032, "message": "gone", "attempts": 1}
units = st.integers(0, 3)
answers = st.lists(
    st.tuples(
        st.sampled_from(["10", "11"]),
        st.sampled_from(["d", "s", "i", "gone"]),
        st.dictionaries(st.sampled_from(["s1", "s2"]), units, max_size=2),
        st.integers(-1, 1),
    ),
    min_size=1,
    max_size=12,
)


def seen(product: str, view: Any, stock: dict[str, int], fetch_seq: int) -> Seen:
    cause = Cause(SHOP, TARGET.source, "reconcile", "run-1", None, None, 1_700_000_000_000 + fetch_seq)
    if view == "gone":
        return Seen(b"", product, fetch_seq, cause, None, GONE)
    skus = {f"s{product}{name[1:]}": count for name, count in stock.items()}
    if view != "i":
        return Seen(b"", product, fetch_seq, cause, snapshot(product, **skus), view=view)
    rows = [
        SkuStock(sku_id=name[1:], seller_sku=None, available=n, committed=1, warehouses=[WarehouseDoc("7", n, 1)])
        for name, n in skus.items()
    ]
    return Seen(b"", product, fetch_seq, cause, stock_seen(product, rows), view="i")


def summarize(counts: Counts) -> dict[str, Any]:
    return {"events": counts.events, "types": counts.types, "changed": counts.changed, "details": counts.details}


@given(answers, answers, st.sampled_from(["stock", "prices", "products"]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_rehearsal_counts_what_is_published(redis_url: str, before: Any, after: Any, publish: Any) -> None:
    async def play() -> None:
        from worker.redis import pool as worker_redis

        redis = worker_redis.client(redis_url)
        try:
            await _play(redis, before, after, Target(P, SHOP, "VN", TARGET.source, ShopSettings(publish=publish)))
        finally:
            await redis.aclose()

    asyncio.run(play())


async def _play(redis: Redis, before: Any, after: Any, target: Target) -> None:
    await redis.delete(P.state(SHOP))
    publisher, rehearsal = Publisher(redis), Rehearsal(redis)
    number = 0
    for product, view, stock, _ in before:
        number += 1
        await publisher.settle(target, None, [seen(product, view, stock, number)])
    state = await redis.hgetall(P.state(SHOP))  # type: ignore[misc]
    rows = [
        seen(product, view, stock, number + 2 * place + late)
        for place, (product, view, stock, late) in enumerate(after, 1)
    ]
    rehearsed = [summarize(await rehearsal.settle(target, None, [row])) for row in rows]
    assert await redis.hgetall(P.state(SHOP)) == state  # type: ignore[misc]
    assert rehearsed == [summarize(await publisher.settle(target, None, [row])) for row in rows]
