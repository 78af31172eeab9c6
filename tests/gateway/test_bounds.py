"""Bad bytes on the public port: each gets its answer, and webhooks go on meanwhile."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from tests.gateway.process import Gateway, authorize, gateway, push, sign
from tests.processes import stop, until

HEAD = b"POST /webhooks/tiktok HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def door(redis: Redis, redis_url: str) -> AsyncIterator[Gateway]:
    await authorize(redis)
    async with gateway(redis_url) as running:
        yield running


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def status(door: Gateway, head: bytes, *parts: bytes) -> int:
    """The status of an answer to raw bytes."""
    reader, writer = await connect(door.public)
    try:
        for part in (head, *parts):
            writer.write(part)
            await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def padded(size: int) -> bytes:
    body = json.dumps(push(15)).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


async def test_64_kib_are_taken_and_a_byte_more_is_refused(door: Gateway) -> None:
    assert await door.post(padded(65_536)) == 200
    assert await door.post(padded(65_537)) == 413
    # Before the signature.
    assert await door.post(padded(65_537), "wrong") == 413
    assert (await door.counted())["other"] == {"too_large": 2}


async def test_a_body_without_end_is_refused_while_it_comes(door: Gateway) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    assert await status(door, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 3) == 413


async def test_a_chunked_body_is_taken(door: Gateway) -> None:
    body = json.dumps(push(15)).encode()
    head = HEAD + b"Transfer-Encoding: chunked\r\nAuthorization: " + sign(body).encode() + b"\r\n\r\n"
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])]
    assert await status(door, head, *chunks, b"0\r\n\r\n") == 200
    assert await door.counted() == {"15": {"accepted": 1}}


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_an_encoded_body_is_refused_before_it_is_read(door: Gateway, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 10**7)
    assert await door.post(bomb, "wrong", **{"Content-Encoding": encoding}) == 415


async def test_a_slow_body_is_refused_after_5_seconds(door: Gateway) -> None:
    reader, writer = await connect(door.public)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\n")
    began = asyncio.get_running_loop().time()

    async def drip() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(1)

    dripping = asyncio.create_task(drip())
    try:
        assert (await reader.readline()).split()[1] == b"408"
    finally:
        await stop(dripping)
        writer.close()
    assert asyncio.get_running_loop().time() - began >= 4.5


async def test_two_signatures_are_none(door: Gateway) -> None:
    body = json.dumps(push(15)).encode()
    good = b"Authorization: " + sign(body).encode() + b"\r\n"
    length = b"Content-Length: %d\r\n" % len(body)
    assert await status(door, HEAD + length + good + good + b"\r\n", body) == 401
    assert await status(door, HEAD + length + b"\r\n", body) == 401
    assert await status(door, HEAD + length + b"Authorization: \r\n\r\n", body) == 401
    assert await status(door, HEAD + length + good + b"\r\n", body) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/", "//", "//webhooks/tiktok", "/webhooks/tiktok/", "/webhooks//tiktok", "/webhooks/../webhooks/tiktok/x",
        "/static/../metrics", "/%2e%2e/metrics", "/webhooks%2ftiktok", "/metrics", "/health", "/livez", "/readyz",
        "/v1/shops",
    ],
)  # fmt: skip
async def test_the_public_port_has_its_paths_and_nothing_else(door: Gateway, path: str) -> None:
    for method in ("GET", "POST"):
        assert await status(door, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()) == 404


async def test_a_webhook_is_posted(door: Gateway) -> None:
    assert await status(door, b"GET /webhooks/tiktok HTTP/1.1\r\nHost: x\r\n\r\n") == 405


@pytest.mark.parametrize(
    "head",
    [
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: x\r\n" % number for number in range(20_000)) + b"\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["NUL in the path", "NUL in a head", "100 KB in a line", "20,000 lines", "two lengths", "both", "less", "TLS"],
)
async def test_what_is_no_http_is_refused(door: Gateway, head: bytes) -> None:
    assert await status(door, head) == 400


async def test_webhooks_go_on_while_thousands_of_connections_are_idle(door: Gateway) -> None:
    assert await door.post(push(15)) == 200
    idle = []
    try:
        for _ in range(2_500):
            idle.append(await connect(door.public))
            idle[-1][1].write(b"POST /webh")  # as one that never ends its head
        assert await door.post(push(15)) == 200

        async def first_are_closed() -> bool:
            return all(reader.at_eof() or reader.exception() for reader, _ in idle[:400])

        await until(first_are_closed)
        # The newest are kept.
        assert not any(reader.at_eof() for reader, _ in idle[-400:])
        assert await door.post(push(15)) == 200
    finally:
        for _, writer in idle:
            writer.close()
    assert (await door.counted())["15"] == {"accepted": 3}


async def test_the_metrics_name_templates_and_types_alone(door: Gateway) -> None:
    await door.post(push(15))
    await door.post(push(15), "wrong")
    await status(door, b"GET /secret-path HTTP/1.1\r\nHost: x\r\n\r\n")
    code, text = await door.see("/metrics")
    assert code == 200
    assert 'shopstream_webhooks_total{result="accepted",type="15"} 1.0' in text
    assert 'shopstream_webhooks_total{result="bad_signature",type="other"} 1.0' in text
    assert "shopstream_webhook_delay_seconds_count 1.0" in text
    assert 'shopstream_http_requests_total{code="4xx",method="POST",route="/webhooks/tiktok"} 1.0' in text
    assert 'shopstream_http_request_duration_seconds_bucket{le="+Inf",route="other"} 1.0' in text
    assert "secret-path" not in text
