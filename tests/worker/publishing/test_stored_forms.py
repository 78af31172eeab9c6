"""A changed product makes the same event, whichever form its stored state has."""

from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from benchmarks.states.made_states import list_varied_states
from shopstream.compression.dictionary import Dictionary
from shopstream.compression.dictionary_store import add_dictionary, begin_compression, use_dictionary
from shopstream.compression.training import train
from shopstream.registry.settings import ShopSettings
from shopstream.state import state_codec
from shopstream.state.state_codec import find_codec
from tests.builders import SHOP, TARGET, P, claim_of, entries, seen, snapshot
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target

BEGINS = {"json": b'{"p', "general": b"\1\0\1", "trained": b"\1\0\2"}
FORMS = (*BEGINS,)


async def write_in(redis: Redis, form: str) -> None:
    """Have states written in a form from now on."""
    if form != "json":
        await begin_compression(redis)
    if form == "trained":
        added = await add_dictionary(redis, train([*list_varied_states(1, 300, 0)], 4_096))
        await use_dictionary(redis, added.number)
    await find_codec(redis).renew(now=True)


async def stored(redis: Redis, product: str) -> bytes:
    value: bytes = await redis.hget(TARGET.state, f"p:{product}")  # type: ignore[misc]
    return value


@pytest.mark.parametrize("publish", ["products", "stock"])
async def test_the_events_are_the_same_to_the_byte(redis: Redis, publish: Any) -> None:
    found: dict[str, list[bytes]] = {}
    target = Target(P, SHOP, TARGET.region, TARGET.source, ShopSettings(publish=publish))
    for form in FORMS:
        await redis.flushall()
        server = (await redis.info("replication"))["master_replid"]
        await redis.hset(P.epoch, mapping={"epoch": "5f1b7c02", "server": server})  # type: ignore[misc]
        await write_in(redis, form)
        for number, stock in enumerate(
            ({"s1": 17, "s2": 4}, {"s1": 16, "s2": 4}, {"s1": 0}, {"s1": 0}, {"s1": 5, "s3": 1})
        ):
            # A publisher of its own for each answer: it finds the state as another process has left it.
            await Publisher(redis).settle(target, None, [seen("10", number + 1, snapshot("10", **stock))])
        assert (await stored(redis, "10"))[:3] == BEGINS[form]
        await Publisher(redis).settle(target, None, [seen("10", 9, None)])
        assert (await stored(redis, "10")).startswith(b'{"deleted":true'), "scripts know a tombstone by it"
        assert await redis.zcard(P.gone) == 1
        await Publisher(redis).settle(target, None, [seen("10", 10, snapshot("10", s1=2))])
        streams = [await redis.xrange(P.stream(name)) for name in ("products", "stock")]
        found[form] = [fields[b"data"] for entries in streams for _, fields in entries]
    assert len(found["json"]) > 5
    assert found["json"] == found["general"] == found["trained"]


@pytest.mark.parametrize("before", FORMS)
@pytest.mark.parametrize("after", FORMS)
async def test_each_form_is_compared_with_an_answer_after_each_other_one(redis: Redis, before: str, after: str) -> None:
    await write_in(redis, before)
    publisher = Publisher(redis)
    await publisher.settle(TARGET, None, [seen("10", 1, snapshot("10", s1=17)), seen("11", 1, snapshot("11", s2=3))])
    await redis.delete("shopstream:dict")
    await write_in(redis, after)
    counts = await publisher.settle(
        TARGET, None, [seen("10", 2, snapshot("10", s1=16)), seen("11", 2, snapshot("11", s2=3))]
    )
    assert (counts.changed, counts.unchanged) == (1, 1)
    (*_, last) = await entries(redis, "stock")
    assert (last["previous_available"], last["available"]) == (17, 16)


async def test_a_running_worker_takes_up_a_trained_dictionary(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    await begin_compression(redis)
    publisher = Publisher(redis)
    await publisher.settle(TARGET, None, [seen("10", 1, snapshot("10", s1=17))])
    added = await add_dictionary(redis, train([*list_varied_states(1, 300, 0)], 4_096))
    await use_dictionary(redis, added.number)
    await publisher.settle(TARGET, None, [seen("10", 2, snapshot("10", s1=16))])
    assert (await stored(redis, "10"))[2] == 1, "it looks again after half a minute"
    monkeypatch.setattr(state_codec, "RENEW_SECONDS", 0.0)
    publisher._codec._renew_at = 0.0  # half a minute has passed
    await publisher.settle(TARGET, None, [seen("10", 3, snapshot("10", s1=15))])
    assert (await stored(redis, "10"))[2] == 2
    state = await find_codec(redis).decode(await stored(redis, "10"))
    assert state is not None
    assert state["stock"]["1"]["available"] == 15


async def test_a_state_whose_dictionary_is_missing_keeps_its_id_and_costs_no_other(redis: Redis) -> None:
    publisher = Publisher(redis)
    await publisher.settle(TARGET, None, [seen("10", 1, snapshot("10", s1=17)), seen("11", 1, snapshot("11", s2=3))])
    lost = Dictionary(9, train([*list_varied_states(1, 300, 0)], 4_096))
    whole = await stored(redis, "10")
    await redis.hset(TARGET.state, "p:10", b"\1\0\x09" + lost.compress(whole))  # type: ignore[arg-type, misc]
    claim = await claim_of(redis, "10", "11")
    answers = [seen("10", 2, snapshot("10", s1=16)), seen("11", 2, snapshot("11", s2=2))]
    counts = await publisher.settle(TARGET, claim, answers)
    ((asked, mistake),) = counts.broken
    assert (asked, "dictionary 9" in str(mistake)) == (b"10", True)
    assert await redis.zrange(P.claimed("products", SHOP), 0, -1) == [b"10"], "its id is still claimed"
    assert counts.changed == 1
    await redis.set("shopstream:dict:9", lost.data)
    counts = await publisher.settle(TARGET, claim, answers[:1])
    assert (counts.changed, counts.broken) == (1, [])
    assert orjson.loads(await stored(redis, "10"))["stock"]["1"]["available"] == 16
