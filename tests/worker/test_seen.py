from redis.asyncio import Redis

from tests.worker.test_publish import SHOP, TARGET, snapshot
from worker.drafts import Cause
from worker.publish import Counts, Publisher
from worker.seen import Seen, ViewName


async def settle(publisher: Publisher, fetch_seq: int, view: ViewName) -> Counts:
    cause = Cause(SHOP, TARGET.source, "delta", "run-1", None, None, 1_700_000_000_000 + fetch_seq)
    answer = Seen(b"", "10", fetch_seq, cause, snapshot("10", s1=4), view=view)
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
