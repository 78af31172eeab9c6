"""What the faults look like from outside."""

import asyncio
import json
import time
import zlib
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from shopstream_sandbox.fault.encodings import RIGHT
from shopstream_sandbox.fault.faults import KINDS
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
    received = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    return received


async def undecoded(me: Caller, kind: str, **more: Any) -> Answer:
    await me.box.control("faults", rate=1, kinds=[kind], **more)
    async with aiohttp.ClientSession(auto_decompress=False, max_field_size=2**21) as http:
        return await Caller(type(me.box)(**{**vars(me.box), "http": http}), me.token).call(PRODUCT + SEED_ID)


@pytest.mark.parametrize(
    ("kind", "encoding", "most"),
    [
        ("gzip_bomb", "gzip", 100_000), ("deflate_bomb", "deflate", 100_000), ("br_bomb", "br", 2_000),
        ("zstd_bomb", "zstd", 4_000),
    ],
)  # fmt: skip
async def test_a_bomb_is_small_on_the_wire(me: Caller, kind: str, encoding: str, most: int) -> None:
    answer = await undecoded(me, kind)
    assert answer.headers["Content-Encoding"] == encoding
    assert len(answer.body) < most
    if encoding in {"gzip", "deflate"}:
        assert len(zlib.decompress(answer.body, wbits=47)) == 64 * 2**20
    assert len((await undecoded(me, kind, bomb_mib=1)).body) < len(answer.body)


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_a_right_answer_compressed(me: Caller, kind: str) -> None:
    squeezed = await undecoded(me, kind)
    assert squeezed.headers["Content-Encoding"] == kind
    assert json.loads(zlib.decompress(squeezed.body, wbits=47))["data"]["id"] == SEED_ID
    assert (await faulty(me, kind)).data["id"] == SEED_ID


@pytest.mark.parametrize(("kind", "encoding"), [("br", "br"), ("zstd", "zstd")])
async def test_a_right_answer_in_a_format_that_carries_it_as_it_is(me: Caller, kind: str, encoding: str) -> None:
    squeezed = await undecoded(me, kind)
    assert squeezed.headers["Content-Encoding"] == encoding
    assert SEED_ID.encode() in squeezed.body


@pytest.mark.parametrize("size", [1, 100, 2**16, 2**16 + 1, 300_000])
async def test_brotli_and_zstandard_are_written_by_their_books(size: int) -> None:
    body = bytes(i * 7 % 251 for i in range(size))
    assert _read_brotli(RIGHT["br"][1](body)) == body
    assert _read_zstd(RIGHT["zstd"][1](body)) == body


def _read_brotli(packed: bytes) -> bytes:
    """RFC 7932, of uncompressed meta-blocks only."""
    body, at, bits = b"", 0, 1
    while packed[at:] != b"\x03":
        head = int.from_bytes(packed[at : at + 4], "little") >> bits
        size = (head >> 3 & 0xFFFF) + 1
        assert (head & 7, head >> 19 & 1) == (0, 1)
        at += (bits + 27) // 8
        body, at, bits = body + packed[at : at + size], at + size, 0
    return body


def _read_zstd(packed: bytes) -> bytes:
    """RFC 8878, of raw blocks only."""
    assert packed[:4] == bytes.fromhex("28b52ffd")
    body, at, last = b"", 6, 0
    while not last:
        head = int.from_bytes(packed[at : at + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        assert (kind, size <= 2**17) == (0, True)
        body, at = body + packed[at + 3 : at + 3 + size], at + 3 + size
    assert at == len(packed)
    return body


async def test_an_answer_that_is_not_what_its_label_says(me: Caller) -> None:
    answer = await undecoded(me, "encoding_wrong")
    assert (answer.headers["Content-Encoding"], answer.data["id"]) == ("gzip", SEED_ID)
    with pytest.raises(aiohttp.ClientPayloadError):
        await faulty(me, "encoding_wrong")
    assert (await faulty(me, "encoding_unknown")).headers["Content-Encoding"] == "snappy"


async def test_a_header_of_a_megabyte(me: Caller) -> None:
    assert len((await undecoded(me, "huge_header")).headers["X-Filling"]) == 1_000_000


async def test_an_answer_of_the_other_generation(me: Caller) -> None:
    assert (await faulty(me, "other_generation")).data["product_id"] == SEED_ID
    assert (await me.call(LEGACY, product_id=SEED_ID)).data["id"] == SEED_ID


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
    manual = await asyncio.to_thread((ROOT / "shopstream_sandbox" / "README.md").read_text)
    assert [kind for kind in KINDS if f"`{kind}`" not in manual] == []
