"""Large hashes in pages of 12,000 fields, and many small ones in one round trip."""

from redis.asyncio import Redis

from shopstream.redis.connection import connect
from shopstream.redis.scanning import HashPages, read_hashes, read_names
from tests.chaos.tools.proxy import Link, proxy
from tests.shopstream.client.test_shop_entries import count_commands

SIZES = {"large": 30_000, "middle": 700, "small": 3, "none": 0}


async def seed(redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for key, size in SIZES.items():
            for begin in range(0, size, 1_000):
                numbers = range(begin, min(size, begin + 1_000))
                pipe.hset(key, mapping={f"{key}:{number}": f"{number}" * 20 for number in numbers})
        await pipe.execute()


async def count_reads(redis: Redis) -> int:
    """Count Redis's reads from its connections: a pipeline is one."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_each_field_comes_once_and_no_page_has_all(redis: Redis) -> None:
    await seed(redis)
    pages, before = HashPages(list(SIZES)), await count_commands(redis)
    await pages.read(redis)
    after = await count_commands(redis)
    assert {key: len(fields) for key, fields in pages.found.items()} == SIZES
    assert pages.found["small"] == {b"small:%d" % number: b"%d" % number * 20 for number in range(3)}
    assert len(pages.list_values()) == sum(SIZES.values())
    assert 2 <= after["hscan"] - before.get("hscan", 0) - len(SIZES) <= 4
    whole = await read_hashes(redis, ["small", "large"])
    assert len(whole) == 30_003


async def test_a_pipeline_can_ask_for_the_first_pages(redis: Redis) -> None:
    await seed(redis)
    pages = HashPages(["large", "small"])
    async with redis.pipeline(transaction=False) as pipe:
        pipe.exists("small")
        pages.ask(pipe)
        there, *answers = await pipe.execute()
    pages.take(answers)
    assert there == 1
    assert len(pages.found["large"]) < 30_000
    await pages.read(redis)
    assert {key: len(fields) for key, fields in pages.found.items()} == {"large": 30_000, "small": 3}


async def test_many_small_hashes_are_one_round_trip(redis: Redis) -> None:
    keys = [f"hash:{number}" for number in range(256)]
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hset(key, mapping={f"{key}:{number}": "x" * 500 for number in range(4)})
        await pipe.execute()
    before = await count_reads(redis)
    assert len(await read_hashes(redis, keys)) == 1_024
    # One is `count_reads` itself. The server may read a pipeline of 16 KB in pieces; 256 round trips are far more.
    assert await count_reads(redis) - before <= 10
    assert await read_hashes(redis, []) == {}


async def test_names_are_read_without_their_values(redis: Redis) -> None:
    await seed(redis)
    found = await read_names(redis, list(SIZES))
    assert [len(names) for names in found] == list(SIZES.values())
    assert found[2] == {b"small:0", b"small:1", b"small:2"}


async def test_a_server_that_sends_values_always_will_do(redis: Redis) -> None:
    """Redis before 7.4 answers NOVALUES as this one answers a word that it doesn't know."""
    await seed(redis)
    refused = 0

    async def rename(_: Link, data: bytes) -> bytes:
        nonlocal refused
        refused += b"NOVALUES" in data
        return data.replace(b"NOVALUES", b"NOVALUEX")

    port, base = redis.connection_pool.connection_kwargs["port"], redis.connection_pool.connection_kwargs["db"]
    async with proxy("127.0.0.1", port, tap=rename) as between, connect(between.url(path=f"/{base}")) as old:
        found = await read_names(old, list(SIZES))
    assert [len(names) for names in found] == list(SIZES.values())
    assert refused
