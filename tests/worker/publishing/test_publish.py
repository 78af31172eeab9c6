import asyncio
import itertools
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.builders import SHOP, TARGET, P, claim_of, seen, snapshot
from worker.backlog.claims import Backlog, Claim
from worker.changes.drafts import Cause
from worker.publishing.counts import Counts
from worker.publishing.publisher import Fenced, Publisher
from worker.publishing.seen import Seen


async def entries(redis: Redis, stream: str) -> list[dict[str, Any]]:
    return [
        {key.decode(): value.decode() for key, value in fields.items()} | {"data": json.loads(fields[b"data"])}
        for _, fields in await redis.xrange(P.stream(stream))
    ]


@pytest.fixture
def publisher(redis: Redis) -> Publisher:
    return Publisher(redis)


async def settle(publisher: Publisher, *answers: Seen, claim: Claim | None = None) -> Counts:
    return await publisher.settle(TARGET, claim, answers)


async def test_a_change_is_published_once_and_its_id_let_go(redis: Redis, publisher: Publisher) -> None:
    claim = await claim_of(redis, "10")
    counts = await settle(publisher, seen("10", 1, snapshot("10", s1=17, s2=4)), claim=claim)
    assert (counts.changed, counts.events) == (1, 3)
    assert await redis.zcard(P.claimed("products", SHOP)) == 0
    counts = await settle(publisher, seen("10", 2, snapshot("10", s1=17, s2=4)))
    assert (counts.unchanged, counts.events) == (1, 0)
    await settle(publisher, seen("10", 3, snapshot("10", s1=16, s2=4)))
    stock = await entries(redis, "stock")
    assert [(e["subject"], e["seq"], e["data"]["available"]) for e in stock] == [
        ("sku/1", "1", 17), ("sku/2", "1", 4), ("sku/1", "2", 16),
    ]  # fmt: skip


async def test_every_attribute_of_the_contract(redis: Redis, publisher: Publisher) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=17)))
    (event,) = await entries(redis, "stock")
    data = event.pop("data")
    epoch = await redis.hget(P.epoch, "epoch")  # type: ignore[misc]
    assert epoch is not None
    assert event == {
        "specversion": "1.0", "id": data["event_id"], "source": TARGET.source, "type": "io.shopstream.stock.changed",
        "subject": "sku/1", "time": "2023-11-14T22:13:20.001Z", "datacontenttype": "application/json",
        "dataschema": "https://shopstream.io/schemas/stock.changed/1", "partitionkey": SHOP, "shopid": SHOP,
        "region": "VN", "seq": "1", "epoch": epoch.decode(), "origin": "request", "causationid": "job-1",
    }  # fmt: skip
    assert data["event_type"] == event["type"]
    assert (data["seq"], data["epoch"], data["request_id"]) == (1, event["epoch"], "req-1")


async def test_an_older_answer_never_overwrites_a_newer_one_and_settles_its_id(
    redis: Redis, publisher: Publisher
) -> None:
    claim = await claim_of(redis, "10")
    await settle(publisher, seen("10", 7, snapshot("10", s1=3)))
    counts = await settle(publisher, seen("10", 6, snapshot("10", s1=9)), claim=claim)
    assert counts.stale == 1
    assert [e["data"]["available"] for e in await entries(redis, "stock")] == [3]
    assert not counts.unordered
    assert not counts.again
    assert not await redis.exists(P.backlog("products", SHOP), P.claimed("products", SHOP))
    # The same when the newer one had seen no change.
    await settle(publisher, seen("10", 9, snapshot("10", s1=3)))
    assert (await settle(publisher, seen("10", 8, snapshot("10", s1=9)))).stale == 1


async def test_a_drain_that_was_taken_over_publishes_nothing(redis: Redis, publisher: Publisher) -> None:
    claim = await claim_of(redis, "10")
    await redis.hset(P.lease("products", SHOP), "until", "1")  # type: ignore[misc]
    heir = await Backlog(redis).claim(P, "products", SHOP, endpoint="product", start_rate=1000)
    assert heir is not None
    with pytest.raises(Fenced):
        await settle(publisher, seen("10", 1, snapshot("10", s1=17)), claim=claim)
    assert await entries(redis, "stock") == []
    assert (await settle(publisher, seen("10", 2, snapshot("10", s1=17)), claim=heir)).changed == 1


async def test_a_repeated_publication_adds_nothing(redis: Redis, publisher: Publisher) -> None:
    """As when the answer to the script is lost and the client sends it again."""
    answer = seen("10", 1, snapshot("10", s1=17))
    await settle(publisher, answer)
    counts = await settle(Publisher(redis), answer)
    assert counts.events == 0
    assert len(await entries(redis, "stock")) == 1


async def test_a_product_that_is_gone_takes_its_skus_along_with_its_evidence(
    redis: Redis, publisher: Publisher
) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=17)))
    await settle(publisher, seen("10", 2, None))
    products, stock = await entries(redis, "products"), await entries(redis, "stock")
    assert products[-1]["type"].endswith("product.deleted")
    assert products[-1]["data"]["evidence"] == {"kind": "not_found", "code": 12052032}
    assert stock[-1]["type"].endswith("stock.removed")
    assert (await settle(publisher, seen("10", 3, None))).events == 0
    await settle(publisher, seen("10", 4, snapshot("10", s1=17)))
    assert [e["seq"] for e in await entries(redis, "products")] == ["1", "2", "3"]


async def test_a_product_that_never_was_is_a_dead_letter(redis: Redis, publisher: Publisher) -> None:
    claim = await claim_of(redis, "10")
    assert (await settle(publisher, seen("10", 1, None), claim=claim)).dead == 1
    (letter,) = await entries(redis, "dead")
    assert letter["data"]["error_class"] == "not_found"
    assert letter["data"]["id"] == "10"
    assert await redis.zcard(P.claimed("products", SHOP)) == 0


async def test_another_server_means_another_epoch_and_other_ids(redis: Redis, publisher: Publisher) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=17)))
    await redis.hset(P.epoch, "server", "0" * 40)  # type: ignore[misc]  # as after a failover
    await settle(publisher, seen("10", 2, snapshot("10", s1=16)))
    first, second = await entries(redis, "stock")
    assert first["epoch"] != second["epoch"]
    assert second["seq"] == "2"
    assert second["data"]["epoch"] == second["epoch"]


async def test_publishers_with_different_news_at_once_lose_none(redis: Redis) -> None:
    async def publish(n: int) -> None:
        answer = seen("10", n, snapshot("10", s1=n))
        # What was given back too often in the crush is asked for again, as a drain does.
        while (await settle(Publisher(redis), answer)).unordered:
            pass

    await asyncio.gather(*(publish(n) for n in range(1, 30)))
    stock = await entries(redis, "stock")
    assert [int(e["seq"]) for e in stock] == list(range(1, len(stock) + 1))
    assert stock[-1]["data"]["available"] == 29
    for before, after in itertools.pairwise(stock):
        assert after["data"]["previous_available"] == before["data"]["available"]


async def test_hundreds_of_skus_fit_and_every_request_stays_below_the_argument_limit(
    redis: Redis, publisher: Publisher
) -> None:
    answers = [seen(str(p), 1, snapshot(str(p), **{f"s{p}{n:03}": n for n in range(400)})) for p in range(10, 20)]
    counts = await settle(publisher, *answers)
    assert counts.events == 10 * 401
    assert await redis.xlen(P.stream("stock")) == 4000


async def test_a_products_first_event_after_scripts_were_flushed(redis: Redis, publisher: Publisher) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=1)))
    await redis.script_flush()
    assert (await settle(publisher, seen("10", 2, snapshot("10", s1=2)))).changed == 1


async def test_a_shops_own_events_are_numbered(redis: Redis, publisher: Publisher) -> None:
    cause = Cause(SHOP, TARGET.source, "request", "authorize-1", None, None, 1_700_000_000_000)
    data = {"name": "S", "region": "VN", "deadline": None}
    for _ in range(2):
        await publisher.shop_event(TARGET, "io.shopstream.shop.authorized", data, cause)
    assert [(e["subject"], e["seq"]) for e in await entries(redis, "shops")] == [("shop/7495", "1"), ("shop/7495", "2")]


async def test_a_state_that_cannot_be_read_keeps_its_own_product_back_and_no_other(
    redis: Redis, publisher: Publisher
) -> None:
    claim = await claim_of(redis, "10", "11")
    await redis.hset(TARGET.state, mapping={"d:10": "1 1 d=?", "p:10": "{half"})  # type: ignore[misc]
    answers = (seen("10", 2, snapshot("10", s1=17)), seen("11", 3, snapshot("11", s2=4)))
    counts = await settle(publisher, *answers, claim=claim)
    assert [asked for asked, _ in counts.broken] == [b"10"]
    assert [e["subject"] for e in await entries(redis, "products")] == ["product/11"]
    assert await redis.zrange(P.claimed("products", SHOP), 0, -1) == [b"10"]


async def test_one_that_is_kept_back_is_not_also_asked_for_again(redis: Redis, publisher: Publisher) -> None:
    claim = await claim_of(redis, "10")
    await redis.hset(TARGET.state, mapping={"d:10": "1 1 d=?", "p:10": "{half"})  # type: ignore[misc]
    counts = await settle(publisher, seen("10", 2, snapshot("10", s1=17)), claim=claim)
    assert ([asked for asked, _ in counts.broken], counts.unordered, counts.again) == ([b"10"], [], [])


async def test_two_answers_about_one_product_are_told_one_on_top_of_the_other(
    redis: Redis, publisher: Publisher
) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=17)), seen("10", 2, snapshot("10", s1=12)))
    stock = await entries(redis, "stock")
    assert [(e["seq"], e["data"]["previous_available"], e["data"]["available"]) for e in stock] == [
        ("1", None, 17), ("2", 17, 12),
    ]  # fmt: skip


@pytest.mark.parametrize("stock", [17, 16], ids=["unchanged", "changed"])
async def test_an_id_asked_for_again_while_in_hand_keeps_its_newer_reason(
    redis: Redis, publisher: Publisher, stock: int
) -> None:
    await settle(publisher, seen("10", 1, snapshot("10", s1=17)))
    claim = await claim_of(redis, "10", "11")
    for one in ("10", "11"):
        await redis.hset(P.asked("products", SHOP), one, f'{{"cause":"order-{one}"}}')  # type: ignore[misc]
    await redis.zadd(P.backlog("products", SHOP), {"10": 1})
    await settle(publisher, seen("10", 2, snapshot("10", s1=stock)), seen("11", 3, snapshot("11", s2=1)), claim=claim)
    assert await Backlog(redis).finish(claim)
    assert await redis.hgetall(P.asked("products", SHOP)) == {b"10": b'{"cause":"order-10"}'}  # type: ignore[misc]
    again = await Backlog(redis).claim(P, "products", SHOP, endpoint="product", start_rate=1000)
    assert again
    assert [(one.id, one.why) for one in again.ids] == [(b"10", b'{"cause":"order-10"}')]
