from redis.asyncio import Redis

from tests.worker.inventories import stock_seen
from tests.worker.test_publish import GONE, SHOP, TARGET, snapshot
from worker.drafts import Cause
from worker.normalize import ViewName
from worker.publish import Counts, Publisher
from worker.seen import Seen


async def settle(publisher: Publisher, fetch_seq: int, view: ViewName | None) -> Counts:
    cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, 1_700_000_000_000 + fetch_seq)
    now = snapshot("10", s1=4)
    content = stock_seen("10", now.snapshot().stock) if view == "i" else now
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
    assert not any(each.details or each.again for each in counts)
