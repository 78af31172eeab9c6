import pytest
from redis.asyncio import Redis

from jobs.drain.batch import Drain
from jobs.stock.stock_drain import _settle_failed
from shopstream.redis.keys import Partition
from tests.jobs.rooms import runtime_of
from worker.backlog.claims import Asked, Claim
from worker.marketplace.call_errors import CallError, Transient, UnknownCode


@pytest.mark.parametrize(
    ("error", "back", "dead"), [(Transient("HTTP 503"), ["11"], ["12"]), (UnknownCode("?"), ["11", "12"], [])]
)
async def test_a_batch_that_failed_takes_no_id_along_that_was_answered_beside_it(
    redis: Redis, error: CallError, back: list[str], dead: list[str]
) -> None:
    async with runtime_of(redis) as runtime:
        batch = Drain(runtime, Claim(Partition(0), "stock", "7495", 1, 0, b"{}", ()))
        batch.waiting.extend(Asked(one, b"1", 0, tries, b"") for one, tries in ((b"10", 11), (b"11", 0), (b"12", 11)))
        await _settle_failed(batch, runtime.target("7495", None), error, {"10"})
        assert [one.asked.id.decode() for one in batch.back] == back
        assert [letter[0].decode() for letter in batch.letters] == dead
        assert not batch.waiting
