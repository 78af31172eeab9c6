import json
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.builders import GONE, SHOP, TARGET, P, snapshot
from tests.worker.changes.inventories import stock_seen
from worker.changes.drafts import Cause
from worker.changes.normalized import ViewName
from worker.publishing.counts import Counts
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen
from worker.tiktok.reading.read_answers import ReadProduct, normalize_line

BEGIN = 1_700_000_000_000


async def settle(publisher: Publisher, fetch_seq: int, view: ViewName | None) -> Counts:
    cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, 1_700_000_000_000 + fetch_seq)
    now = snapshot("10", s1=4)
    content = stock_seen("10", now.normalize().stock) if view == "i" else now
    answer = Seen(b"", "10", fetch_seq, cause, content if view else None, {} if view else GONE, view=view or "d")
    return await publisher.settle(TARGET, None, [answer])


async def test_a_page_asks_for_a_detail_until_it_has_come_and_then_no_more(redis: Redis) -> None:
    """Whoever read the page may die before the detail was asked for: then the same page is all that tells of it."""
    publisher = Publisher(redis)
    assert (await settle(publisher, 1, "s")).details == ["10"]
    again = await settle(publisher, 2, "s")
    assert (again.details, again.events) == (["10"], 0)
    assert (await settle(publisher, 3, "d")).types == {"product.created": 1}
    for fetch_seq in (4, 5):
        counts = await settle(publisher, fetch_seq, "s")
        assert (counts.details, counts.events, counts.unchanged) == ([], 0, 1)


async def test_of_a_product_that_is_gone_no_stock_is_told_until_its_detail_is_there_again(redis: Redis) -> None:
    publisher = Publisher(redis)
    views: list[ViewName | None] = ["d", None, "i", None, "s", None, "d"]
    counts = [await settle(publisher, n, view) for n, view in enumerate(views, 1)]
    assert [each.types for each in counts] == [
        {"product.created": 1, "stock.changed": 1}, {"product.deleted": 1, "stock.removed": 1}, {}, {}, {}, {},
        {"product.created": 1, "stock.changed": 1},
    ]  # fmt: skip
    assert not any(each.again for each in counts)
    # Only the line says that the product may be there, and only the detail can tell.
    assert [each.details for each in counts] == [[], [], [], [], ["10"], [], []]


async def test_a_line_of_the_deleted_that_says_no_moment_decides_nothing_and_asks_for_the_detail(redis: Redis) -> None:
    publisher = Publisher(redis)
    await settle(publisher, 1, "d")

    async def line(fetch_seq: int, **evidence: Any) -> Counts:
        cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + fetch_seq)
        return await publisher.settle(
            TARGET, None, [Seen(b"", "10", fetch_seq, cause, None, {**GONE, **evidence}, "s")]
        )

    for fetch_seq, moment in ((2, None), (3, ""), (4, "2100-01-01T00:00:00.000Z")):
        counts = await line(fetch_seq, updated_at=moment)
        assert (counts.events, counts.again, counts.details) == (0, [], ["10"])
    assert (await settle(publisher, 5, None)).types["product.deleted"] == 1
    assert (await line(6, updated_at=None)).details == [], "it is known now"


async def test_what_was_never_seen_and_nobody_asked_for_may_go_without_a_word(redis: Redis) -> None:
    counts = await settle(Publisher(redis), 1, None)
    assert (counts.dead, counts.events, counts.unchanged) == (0, 0, 1)
    assert await redis.exists(TARGET.state) == 0


async def test_a_stale_line_of_what_a_line_said_is_deleted_is_unchanged_the_next_time(redis: Redis) -> None:
    publisher = Publisher(redis)

    async def line(fetch_seq: int, answer: dict[str, Any] | None, **evidence: Any) -> Counts:
        cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + fetch_seq)
        content = (
            ReadProduct(normalize_line(json.dumps({"id": "10", "title": "T", **answer}).encode())) if answer else None
        )
        seen = Seen(b"", "10", fetch_seq, cause, content, {**GONE, **evidence} if evidence else {}, "s", final=True)
        return await publisher.settle(TARGET, None, [seen])

    there = {"update_time": 1_600_000_000, "skus": [{"id": "1", "inventory": [{"quantity": 4}]}]}
    assert (await line(1, there)).types == {"product.created": 1, "stock.changed": 1}
    older = await line(2, None, updated_at="2020-09-13T12:26:39.000Z")
    assert (older.events, older.again) == (0, ["10"])
    gone = await line(3, None, updated_at="2020-09-13T12:26:41.000Z", confirmed_by="not_listed")
    assert gone.types == {"product.deleted": 1, "stock.removed": 1}
    newest = (await redis.xrevrange(P.stream("products"), count=1))[0][1]
    assert json.loads(newest[b"data"])["evidence"] == {
        "kind": "not_found", "code": 12052032, "confirmed_by": "not_listed",
    }  # fmt: skip
    for fetch_seq in (4, 5):
        stale = await line(fetch_seq, there)
        assert (stale.events, stale.details, stale.again, stale.unchanged) == (0, [], [], 1)
        mark = await redis.hget(TARGET.state, "d:10")  # type: ignore[misc]
        assert mark is not None
        assert b"=gone" in mark, "else it would be polled"
    assert (await line(6, there | {"update_time": 1_600_000_002})).types == {"product.created": 1, "stock.changed": 1}
    mark = await redis.hget(TARGET.state, "d:10")  # type: ignore[misc]
    assert mark is not None
    assert b"=gone" not in mark


async def test_a_detail_that_is_older_than_a_line_is_not_published_and_told_as_late(redis: Redis) -> None:
    publisher = Publisher(redis)
    for fetch_seq, (view, moment) in enumerate([("d", 100), ("s", 200), ("d", 100), ("d", 200)], 1):
        cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + fetch_seq)
        rows = [{"id": "1", "inventory": [{"warehouse_id": "7", "quantity": moment % 200}]}]
        line = {"id": "10", "title": f"T{moment}", "update_time": 10**9 + moment, "skus": rows}
        answer = normalize_line(json.dumps(line).encode())
        counts = await publisher.settle(TARGET, None, [
            Seen(b"10", "10", fetch_seq, cause, ReadProduct(answer), view=view)  # type: ignore[arg-type]
        ])  # fmt: skip
        assert bool(counts.again) == (fetch_seq == 3)
        assert (counts.events == 0) == (fetch_seq > 2)


@pytest.mark.parametrize("first", ["d", "s"])
async def test_an_update_time_of_another_year_makes_no_later_answer_older(redis: Redis, first: ViewName) -> None:
    publisher, skus = Publisher(redis), [{"id": "1", "inventory": [{"quantity": 4}]}]
    looks: list[tuple[ViewName, int, str]] = [
        (first, 4_102_444_800, "New Year 2100"), ("s", 1_600_000_000, "Socks"), ("d", 1_600_000_000, "Warm socks"),
    ]  # fmt: skip
    for fetch_seq, (view, moment, title) in enumerate(looks, 1):
        cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + fetch_seq)
        answer = normalize_line(json.dumps({"id": "10", "title": title, "update_time": moment, "skus": skus}).encode())
        counts = await publisher.settle(
            TARGET, None, [Seen(b"", "10", fetch_seq, cause, ReadProduct(answer), {}, view)]
        )
        assert counts.again == []
    newest = (await redis.xrevrange(P.stream("products"), count=1))[0][1]
    product = json.loads(newest[b"data"])
    assert (product["title"], product["updated_at"]) == ("Warm socks", "2020-09-13T12:26:40.000Z")


async def test_a_deletion_of_another_year_does_not_outlast_the_products_return(redis: Redis) -> None:
    publisher = Publisher(redis)
    await settle(publisher, 1, "d")
    cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + 2)
    gone = Seen(b"", "10", 2, cause, None, {**GONE, "updated_at": "2100-01-01T00:00:00.000Z"}, "d")
    assert (await publisher.settle(TARGET, None, [gone])).types["product.deleted"] == 1
    line = {"id": "10", "title": "T", "update_time": BEGIN // 1000, "skus": [{"id": "1"}]}
    cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, BEGIN + 3)
    content = ReadProduct(normalize_line(json.dumps(line).encode()))
    back = await publisher.settle(TARGET, None, [Seen(b"", "10", 3, cause, content, {}, "s", final=True)])
    assert back.types["product.created"] == 1


async def test_a_sku_that_a_poll_leaves_out_has_the_detail_asked_for_once(redis: Redis) -> None:
    publisher = Publisher(redis)
    await settle(publisher, 1, "d")
    for fetch_seq, details in ((2, ["10"]), (3, [])):
        cause = Cause(SHOP, TARGET.source, "stock_poll", "run-1", None, None, BEGIN + fetch_seq)
        seen = Seen(b"", "10", fetch_seq, cause, stock_seen("10", []), view="i")
        counts = await publisher.settle(TARGET, None, [seen])
        assert (counts.events, counts.details) == (0, details)
