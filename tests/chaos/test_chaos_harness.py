"""The harness itself: a judge that finds what is wrong, and a proxy that does what it is told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.state.state_codec import find_codec
from tests.chaos import table
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check
from tests.chaos.commands import parsed
from tests.chaos.tools.proxy import Proxy, proxy
from tests.whole.test_main_job import shop_open

P = Partition(0)


async def test_the_judge_is_content_with_what_is_right_and_finds_each_thing_that_is_wrong(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "5") as (front, client, shop):
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await client.wait(await client.sync_products(shop, ids), timeout=60)
        right = await check(redis, front, {shop: ids})
        assert (right.asked, right.published, right.dead, right.lost) == (5, 5, 0, 0)

        async def found(asked: dict[str, list[str]]) -> str:
            with pytest.raises(AssertionError) as wrong:
                await check(redis, front, asked)
            return str(wrong.value)

        assert "neither published nor dead (1)" in await found({shop: [*ids, "12345"]})
        await redis.zadd(P.claimed("products", shop), {"1": 0})
        assert "not empty" in await found({shop: ids})
        await redis.delete(P.claimed("products", shop))
        await front.control("stock", shop_id=shop, random=1, seed=1)
        assert "stock other than the truth" in await found({shop: ids})
        await client.wait(await client.sync_products(shop, ids), timeout=60)
        whole = await redis.hget(P.state(shop), f"p:{ids[0]}")  # type: ignore[misc]
        kept = await find_codec(redis).decode(whole)
        await redis.hset(P.state(shop), f"p:{ids[0]}", json.dumps({**(kept or {}), "product": None}))  # type: ignore[misc]
        assert "product other than the truth (1)" in await found({shop: ids})
        await redis.hset(P.state(shop), f"p:{ids[0]}", whole)  # type: ignore[misc]
        ((_, fields),) = await redis.xrevrange(P.stream("stock"), count=1)
        await redis.xadd(P.stream("stock"), fields)  # the same again is no fault
        await check(redis, front, {shop: ids})
        data = json.loads(fields[b"data"])
        await redis.xadd(P.stream("stock"), {"data": json.dumps(data | {"available": -1})})
        assert "one id, two contents" in await found({shop: ids})
        await redis.xadd(P.stream("stock"), {"data": json.dumps(data | {"event_id": "x", "seq": 9})})
        assert "seq not gapless" in await found({shop: ids})


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """A proxy before a server that sends back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as between:
        yield between


async def said(between: Proxy, text: bytes, count: int) -> bytes:
    """What comes back of `text`, at most so many bytes; b"" if the connection is closed first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    try:
        writer.write(text)
        return await asyncio.wait_for(reader.readexactly(count), 60)
    except asyncio.IncompleteReadError as cut:
        return cut.partial
    finally:
        writer.close()


async def test_each_toxic_does_what_it_says_and_can_be_changed_while_it_runs() -> None:
    async with echo() as between:
        assert await said(between, b"hello", 5) == b"hello"
        began = time.monotonic()
        between.to_client.latency = 0.1
        between.to_server.latency, between.to_server.jitter = 0.1, 0.01
        assert await said(between, b"hello", 5) == b"hello"
        assert time.monotonic() - began >= 0.2
        between.to_client.latency = between.to_server.latency = 0
        between.to_client.slice_bytes, between.to_client.slice_delay = 1, 0.02
        began = time.monotonic()
        assert await said(between, b"hello", 5) == b"hello"
        assert time.monotonic() - began >= 0.08
        between.to_client.slice_bytes = 0
        between.to_client.bandwidth = 50_000
        began = time.monotonic()
        await said(between, bytes(10_000), 10_000)
        assert time.monotonic() - began >= 0.15
        between.to_client.bandwidth = None
        between.to_client.limit_data = 3
        assert await said(between, b"hello", 5) == b"hel"
        between.to_client.limit_data = None
        between.to_client.reset_after = 2
        with pytest.raises(ConnectionResetError):
            await said(between, b"hello", 5)
        between.to_client.reset_after = None
        assert await said(between, b"hello", 5) == b"hello"


async def test_a_black_hole_gives_back_what_it_held_and_a_proxy_that_is_down_refuses() -> None:
    async with echo() as between:
        between.to_server.black_hole = True
        waiting = asyncio.create_task(said(between, b"hello", 5))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        between.to_server.black_hole = False
        assert await waiting == b"hello"
        await between.down()
        with pytest.raises(ConnectionRefusedError):
            await said(between, b"hello", 5)
        await between.up()
        assert await said(between, b"hello", 5) == b"hello"


def test_commands_are_understood_in_whatever_pieces_they_come() -> None:
    raw = b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nPING\r\n"
    pending, found = bytearray(), list[list[bytes]]()
    for byte in raw:
        pending.append(byte)
        found += [arguments for arguments, _ in parsed(pending)]
    assert found == [[b"GET", b"a\r\nb"], [b"PING"]]
    assert not pending


async def test_the_table_has_each_case_and_says_loudly_what_failed(tmp_path: Path) -> None:
    async def run(_: Size, __: int) -> Result:
        raise AssertionError

    good = table.Row(Case("T8", "faults", run), Result(1, 1_000, 999, 1, 0, 1.25, "a | b"), 3)
    bad = table.Row(Case("T2", "others", run), AssertionError("lost:\n5"), 4)
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(table.markdown([good, bad], Size.CI, 1), document)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| T8 | faults | 1 | 1,000 | 999 | 1 | 0 | 1.2 s | 3 | a \\| b |" in text
    assert "| T2 | others | FAILED |  |  |  |  |  | 4 | lost: 5 |" in text
    assert "old" not in text
    assert [row.case.key for row in sorted([bad, good], key=lambda row: table.order(row.case))] == ["T8", "T2"]
