"""A stored state is read in whichever form it was written, and a value that can't be read costs itself alone."""

import gc
import random
import signal
import time
from typing import Any
from weakref import ref

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from benchmarks.states.made_states import list_sandbox_states, list_varied_states
from shopstream.compression.dictionary import Dictionary, load_general
from shopstream.compression.dictionary_store import PLAIN, add_dictionary, begin_compression, use_dictionary
from shopstream.compression.training import train
from shopstream.errors import MissingDictionary, UnreadableState
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import DICTIONARY_IN_USE, name_dictionary
from shopstream.state import state_codec
from shopstream.state.packed_state import pack, unpack
from shopstream.state.state_codec import StateCodec, find_codec
from tests.chaos.stage import valkey

moments = st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z")
odd_times = ["", "2024-01-29T18:46:20.000Z", "2024-01-29 18:46:20.000Z", "2024-W05-1T18:46:20.000Z"]
texts = st.text() | moments | st.sampled_from(odd_times)
maybe = st.none() | texts
units = st.none() | st.integers(-5, 10**9)
rows = st.fixed_dictionaries(
    {
        "sku_id": texts, "seller_sku": maybe, "available": units, "committed": units,
        "warehouses": st.lists(st.fixed_dictionaries({"warehouse_id": texts, "available": units, "committed": units})),
        "seq": st.integers(0, 99), "removed": st.booleans(),
    },
    optional={"in_shop": units, "seen_ms": st.integers(0, 2**45), "disputed": st.dictionaries(texts, units)},
)  # fmt: skip
products = st.none() | st.fixed_dictionaries(
    {
        "product_id": texts, "title": maybe, "created_at": maybe, "updated_at": maybe,
        "skus": st.none() | st.lists(st.fixed_dictionaries({"sku_id": texts, "seller_sku": maybe})),
    },
    optional={"types": st.none() | st.lists(texts), "for_sale": st.none() | st.booleans()},
)  # fmt: skip
states = st.fixed_dictionaries(
    {
        "product": products, "seq": st.integers(0, 99), "deleted": st.booleans(), "detailed": maybe,
        "stock": st.dictionaries(texts, rows, max_size=4),
    },
    optional={"updated_at": maybe, "deleted_at": maybe, "told": products},
)  # fmt: skip


@pytest.fixture
async def codec(redis: Redis) -> StateCodec:
    await begin_compression(redis)
    codec = StateCodec(redis)
    await codec.renew()
    return codec


@given(states)
@settings(max_examples=100)
def test_a_packed_state_is_the_same_again_in_the_order_of_its_fields(state: Any) -> None:
    text = orjson.dumps(state)
    packed = orjson.dumps(pack(state))
    assert orjson.dumps(state) == text, "packing must leave the state as it is"
    assert orjson.dumps(unpack(orjson.loads(packed))) == text


@given(states)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_encoded_is_decoded(codec: StateCodec, state: Any) -> None:
    value = codec.encode(state)
    assert (value[0] == 1) != state["deleted"], "a tombstone stays JSON, which scripts look into"
    assert await codec.decode(value) == state
    assert await codec.decode(orjson.dumps(state)) == state


@given(states, st.binary(max_size=40), st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_damaged_value_is_said_to_be_one_and_costs_no_other(
    codec: StateCodec, state: Any, noise: bytes, at: int
) -> None:
    whole = codec.encode(state | {"deleted": False})
    damaged = [whole[:at], whole[:at] + noise, noise, b"\x01", b"\x01\x00\x01", b"{half", b"[]", b"null", b'{"seq": 0}']
    *found, last = await codec.decode_each([*damaged, whole])
    assert last == state | {"deleted": False}
    for value, one in zip(damaged, found, strict=True):
        if value and value != whole and isinstance(one, dict):
            assert orjson.dumps(one), "a frame without a checksum may be another state: but it is one"
        elif value and value != whole:
            assert isinstance(one, UnreadableState)
            assert "docs/state.md" in str(one)


async def test_a_dictionary_that_is_not_known_is_fetched_once(redis: Redis) -> None:
    samples = [*list_varied_states(1, 300, 0)]
    added = await add_dictionary(redis, train(samples, 4_096))
    assert added.number == 2
    await use_dictionary(redis, added.number)
    writer, reader = StateCodec(redis), StateCodec(redis)
    await writer.renew()
    values = [writer.encode(orjson.loads(one)) for one in samples[:5]]
    assert [value[:3] for value in values] == [b"\x01\x00\x02"] * 5
    before = await _count_gets(redis)
    for _ in range(3):
        assert await reader.decode_each([*values]) == [orjson.loads(one) for one in samples[:5]]
    assert await _count_gets(redis) - before == 1


async def test_a_missing_dictionary_is_named_with_the_remedy_and_is_looked_for_again(
    redis: Redis, codec: StateCodec
) -> None:
    samples = [*list_varied_states(1, 300, 0)]
    other = Dictionary(7, train(samples, 4_096))
    state = orjson.loads(samples[0])
    value = b"\x01\x00\x07" + other.compress(samples[0])
    with pytest.raises(MissingDictionary, match="shopstream:dict:7 from a copy"):
        await codec.decode(value)
    await redis.set(name_dictionary(7), b"no dictionary")
    with pytest.raises(MissingDictionary):
        await codec.decode(value)
    await redis.set(name_dictionary(7), other.data)
    assert await codec.decode(value) == state


async def test_a_writer_puts_back_what_redis_has_lost_and_writes_json_where_nobody_has_it(
    redis: Redis, codec: StateCodec
) -> None:
    state = orjson.loads(next(list_varied_states(1, 1, 0)))
    await redis.delete(name_dictionary(1))
    await codec.renew(now=True)
    assert await redis.get(name_dictionary(1)) == load_general().data
    await redis.set(DICTIONARY_IN_USE, 9)
    await codec.renew(now=True)
    assert codec.number == PLAIN
    assert codec.encode(state) == orjson.dumps(state)


async def test_without_a_chosen_dictionary_states_are_json(redis: Redis) -> None:
    codec = StateCodec(redis)
    await codec.renew()
    state = orjson.loads(next(list_varied_states(1, 1, 0)))
    assert codec.encode(state) == orjson.dumps(state)
    with pytest.raises(MissingDictionary):
        await use_dictionary(redis, 5)


def test_a_client_that_nobody_uses_any_more_is_freed_with_its_codec() -> None:
    client = Redis()
    assert find_codec(client) is find_codec(client)
    known = ref(client)
    del client
    gc.collect()
    assert known() is None


def test_dictionary_1_is_the_one_that_was_published() -> None:
    general = load_general()
    assert len(general.data) == 16_384
    assert hash_of(general.data) == PUBLISHED, "dictionary 1 never changes: states would become unreadable"


def test_states_are_as_small_as_promised() -> None:
    general, sizes = load_general(), dict[str, float]()
    for name, made in (("sandbox", list_sandbox_states(20, 100)), ("varied", list_varied_states(99, 100, 1))):
        frames = [len(general.compress(orjson.dumps(pack(orjson.loads(one))))) for one in made]
        sizes[name] = sum(frames) / len(frames)
    assert sizes["sandbox"] < 480
    assert sizes["varied"] < 300


def test_threads_share_a_dictionary() -> None:
    from concurrent.futures import ThreadPoolExecutor

    general, values = load_general(), [*list_sandbox_states(3, 40)]

    def turn(seed: int) -> bool:
        mixed = random.Random(seed).sample(values, len(values))  # noqa: S311 - repeatable
        return all(general.decompress(general.compress(one)) == one for one in mixed * 5)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(turn, range(16)))


def hash_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


PUBLISHED = "e6f8984457c46a61660a7631ef48c8a1736ea0a709775561c7dd7728d42c539a"


async def _count_gets(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_get", {}).get("calls", 0))


async def test_a_writer_goes_on_while_the_server_with_the_number_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_codec, "RENEW_SECONDS", 0.0)  # each renewal looks
    async with valkey() as server, connect(server.url, retry=True) as redis:
        await begin_compression(redis)
        codec = StateCodec(redis)
        await codec.renew()
        server.signal(signal.SIGSTOP)
        began = time.monotonic()
        await codec.renew()
        looked = time.monotonic() - began
        assert codec.number == 1
        with pytest.raises(RedisTimeoutError):
            await codec.renew(now=True)  # as long as any command is repeated
        assert looked < (time.monotonic() - began) / 3
        server.kill()
        await codec.renew()
        assert codec.number == 1
        new = StateCodec(redis)
        await new.renew()
        assert new.number == PLAIN
        with pytest.raises(RedisConnectionError):
            await new.renew(now=True)
        await server.restart()
