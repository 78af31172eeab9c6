"""What the faults look like from outside."""

import asyncio
import gzip
import json
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from sandbox.faults import KINDS
from tests.sandbox.caller import LEGACY, PRODUCT, SEARCH, SEED_ID, Answer, Caller
from tests.sandbox.process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def faulty(me: Caller, kind: str, **more: Any) -> Answer:
    await me.box.control("faults", rate=1, kinds=[kind], **more)
    return await me.call(PRODUCT + SEED_ID)


@pytest.mark.parametrize(
    ("kind", "status", "after"),
    [
        ("http_429", 429, "1"), ("http_429_garbage", 429, "soon"), ("http_500", 500, None), ("http_502", 502, None),
        ("http_503", 503, None), ("redirect", 302, None),
    ],
)  # fmt: skip
async def test_statuses(me: Caller, kind: str, status: int, after: str | None) -> None:
    answer = await faulty(me, kind, redirect_to="http://127.0.0.1:9/there")
    assert (answer.status, answer.headers.get("Retry-After")) == (status, after)
    assert answer.headers.get("Location", "http://127.0.0.1:9/there") == "http://127.0.0.1:9/there"
    assert "GMT" in (await faulty(me, "http_429_date")).headers["Retry-After"]


@pytest.mark.parametrize("kind", ["bad_json", "html_200", "nested"])
async def test_bodies_that_are_no_json(me: Caller, kind: str) -> None:
    answer = await faulty(me, kind)
    assert answer.status == 200
    with pytest.raises((ValueError, RecursionError)):
        json.loads(answer.body)


async def test_bodies_that_are_not_what_they_should_be(me: Caller) -> None:
    assert (await faulty(me, "code_nonzero")).code == 36009003
    assert (await faulty(me, "null_data")).envelope["data"] is None
    assert "data" not in (await faulty(me, "missing_data")).envelope
    assert b'"create_time":NaN' in (await faulty(me, "nan")).body
    assert (await faulty(me, "bigint")).data["create_time"] > 2**64
    assert (await faulty(me, "lone_surrogate")).data["title"][0] == "\ud800"
    assert len((await faulty(me, "huge_field")).data["title"]) > 1_000_000
    assert (await faulty(me, "duplicate_keys")).body.count(b'"data":') == 2
    assert (await faulty(me, "wrong_content_type")).headers["Content-Type"].startswith("text/plain")
    other = (await faulty(me, "other_product")).data
    assert other["id"] in await me.ids()
    assert other["id"] != SEED_ID


@pytest.mark.parametrize("kind", ["reset", "truncated", "half_closed", "slowloris", "timeout"])
async def test_connections_that_break(me: Caller, kind: str) -> None:
    began = time.monotonic()
    with pytest.raises(aiohttp.ClientError):
        await faulty(me, kind, seconds=0.4)
    if kind in {"slowloris", "timeout"}:
        assert time.monotonic() - began >= 0.35
    await me.box.control("faults")
    assert (await me.call(PRODUCT + SEED_ID)).code == 0


async def test_a_half_closed_connection_has_a_status_and_then_an_end(me: Caller) -> None:
    await me.box.control("faults", rate=1, kinds=["half_closed"], seconds=30)
    received = await _raw(me)
    # The end came with the server's half still open for 30 s: a FIN, not a close.
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length" in received


async def _raw(me: Caller) -> bytes:
    """The bytes that one signed call is answered with, until the end of the stream."""
    wire: list[str] = []

    async def keep(_: Any, __: Any, sent: aiohttp.TraceRequestStartParams) -> None:
        wire.append(str(sent.url.raw_path_qs))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(keep)
    async with aiohttp.ClientSession(trace_configs=[trace]) as http:
        box = type(me.box)(**{**vars(me.box), "http": http})
        with pytest.raises(aiohttp.ClientError):
            await Caller(box, me.token).call(PRODUCT + SEED_ID)
    parts = urlsplit(me.box.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {wire[0]} HTTP/1.1\r\nHost: x\r\nx-tts-access-token: {me.token}\r\n\r\n".encode())
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return received


async def test_a_bomb_is_small_on_the_wire(me: Caller) -> None:
    await me.box.control("faults", rate=1, kinds=["gzip_bomb"])
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        box = type(me.box)(**{**vars(me.box), "http": http})
        answer = await Caller(box, me.token).call(PRODUCT + SEED_ID)
    assert len(answer.body) < 100_000
    assert len(gzip.decompress(answer.body)) == 64 * 2**20


async def test_faults_are_drawn_by_seed_rate_and_path_and_counted(me: Caller) -> None:
    rounds = []
    for _ in range(2):
        await me.box.control("faults", rate=0.3, kinds=["http_500", "code_nonzero"], seed=7, paths=["product"])
        rounds.append([(await me.call(PRODUCT + SEED_ID)).body[:11] for _ in range(40)])
        assert (await me.call(SEARCH, {}, page_size="1")).code == 0
    assert rounds[0] == rounds[1]
    counted = (await me.box.see("stats"))["by_path"]["product"]
    assert counted["fault:http_500"] > 0
    assert 10 < counted["fault:http_500"] + counted["fault:code_nonzero"] < 40
    assert sum(counted.values()) == 80


async def test_a_product_can_have_a_fault_of_its_own_in_both_generations(me: Caller) -> None:
    await me.box.control("faults", products={SEED_ID: "http_503"})
    assert (await me.call(PRODUCT + SEED_ID)).status == 503
    assert (await me.call(LEGACY, product_id=SEED_ID)).status == 503
    assert (await me.call(PRODUCT + (await me.ids())[1])).code == 0


async def test_the_manual_names_every_kind() -> None:
    manual = await asyncio.to_thread((ROOT / "sandbox" / "README.md").read_text)
    assert [kind for kind in KINDS if f"`{kind}`" not in manual] == []
