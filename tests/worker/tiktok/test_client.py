"""The client against an upstream that does its worst; real HTTP on the loopback."""

import asyncio
import gzip
import time
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from worker.marketplace import call_errors as errors
from worker.marketplace.call_errors import CallError
from worker.marketplace.values import Access
from worker.tiktok import http
from worker.tiktok.auth import AuthClient
from worker.tiktok.tiktok_client import TikTokClient

Opened = Callable[[], http.Session]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SPENT = "refresh-canary"
ACCESS = Access("1", "cipher-canary", "token-canary")
OK = b'{"code":0,"request_id":"r","data":{"id":"10","title":"Socks"}}'


@asynccontextmanager
async def upstream(handler: Handler, open_session: Opened) -> AsyncIterator[tuple[TikTokClient, AuthClient]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server, open_session() as session:
        url = f"http://127.0.0.1:{server.port}"
        yield TikTokClient(session, url, "key", "secret-canary"), AuthClient(session, url, "key", "secret-canary")


def answering(body: bytes, status: int = 200, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(
            body=body, status=status, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    return handler


async def failure(handler: Handler, open_session: Opened) -> CallError:
    async with upstream(handler, open_session) as (client, _):
        with pytest.raises(CallError) as caught:
            await client.product(ACCESS, "10")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(ACCESS)
    assert "canary" not in shown
    assert "http://" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


async def test_token_in_the_header_alone_and_the_signed_query(open_session: Opened) -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.Response(body=OK)

    async with upstream(handler, open_session) as (client, _):
        product, request_id = await client.product(ACCESS, "10")
    (request,) = seen
    assert (product.title, request_id) == ("Socks", "r")  # type: ignore[union-attr]
    assert request.path == "/product/202309/products/10"
    assert request.headers["x-tts-access-token"] == "token-canary"
    assert set(request.query) == {"app_key", "timestamp", "shop_cipher", "sign"}


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (answering(b"<html>busy</html>"), errors.Transient),
        (answering(b'{"code":0,"data"'), errors.Unreadable),
        (answering(b"busy", 503), errors.Transient),
        (answering(b"slow down", 429), errors.Throttled),
        (answering(b'{"code":36009037,"message":"cap"}', 429), errors.HourlyCap),
        (answering(b'{"code":105002,"message":"expired"}', 401), errors.TokenExpired),
        (answering(b"", 401), errors.Transient),
        (answering(b"", 404), errors.Transient),
        (answering(b"", 302, Location="http://127.0.0.1:9/steal"), errors.Transient),
        (answering(b'{"code":0,"data":{"id":"11"}}'), errors.Unreadable),
        (answering(b"not gzip", Content_Encoding="gzip"), errors.Transient),
        (answering(zlib.compress(b"0" * 50_000_000), Content_Encoding="deflate"), errors.TooLarge),
        (answering(b"x" * 9_000_000), errors.TooLarge),
        (answering(b"x", Content_Encoding="br"), errors.CallError),
    ],
)
async def test_what_comes_instead_of_an_answer_has_its_class(
    handler: Handler, kind: type[CallError], open_session: Opened
) -> None:
    assert isinstance(await failure(handler, open_session), kind)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("1.5", 1.5), ("0", 0), ("-1", None), ("soon", None), ("", None), ("99999999", 3600), ("1e3", None),
     ("Thu, 01 Jan 1970 00:16:40 GMT", 1000.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_a_number_a_date_or_nothing(header: str, seconds: float | None) -> None:
    assert http.retry_after(header, 0.0) == seconds


async def test_a_date_is_read_by_the_answers_own_clock_and_without_a_zone_in_gmt(
    open_session: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Date and Retry-After of 1994 are 30 s apart, whatever this machine's clock and zone say."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for later in ("Sun, 06 Nov 1994 08:50:07 GMT", "Sun Nov  6 08:50:07 1994", "Sun, 06 Nov 1994 08:50:07 -0000"):
            slow = answering(b"", 429, Date="Sun, 06 Nov 1994 08:49:37 GMT", Retry_After=later)
            failed = await failure(slow, open_session)
            assert isinstance(failed, errors.Throttled)
            assert failed.retry_after == 30
    finally:
        monkeypatch.undo()
        time.tzset()


PAIR = b'"access_token":"a1","refresh_token":"r1","access_token_expire_in":4000000000'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"code":0,"data":{%b}}' % PAIR, 200),
        (b'{"code":0,"data":{%b}}' % PAIR, 500),
        (b'{"code":0,"data":{%b}}' % PAIR, 429),
        (b'{"code":0,"data":{%b}}' % PAIR, 201),
        (b'{"code":0,"data":{"seller_name":"half \\ud83d",%b}}' % PAIR, 200),
        (b'{"code":0,"data":{"seller_name":"half \xf0\x9f",%b}}' % PAIR, 200),
        (b'\xef\xbb\xbf{"code":0,"data":{%b}}' % PAIR, 200),
        (b'{"code":0,"data":{"user_type":NaN,%b}}' % PAIR, 200),
    ],
)
async def test_a_pair_that_has_come_is_kept(body: bytes, status: int, open_session: Opened) -> None:
    async with upstream(answering(body, status), open_session) as (_, auth):
        grant = await auth.refresh(SPENT)
    assert (grant.access_token, grant.refresh_token, grant.access_expires_at) == ("a1", "r1", 4_000_000_000)
    assert grant.seller_name.isprintable()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"code":33001002,"data":{%b}}' % PAIR, 500),
        (b'{"code":0,"data":{"access_token":"a1"}}', 500),
        (b'{"data":{%b}}' % PAIR, 500),
        (b'{"code":0,"data":{%b}' % PAIR, 200),
        (b"[" * 100_000, 200),
        (b"\xff", 200),
    ],
)
async def test_what_is_no_pair_leaves_the_end_of_a_refresh_unknown(
    body: bytes, status: int, open_session: Opened
) -> None:
    async with upstream(answering(body, status), open_session) as (_, auth):
        with pytest.raises(errors.Transient):
            await auth.refresh(SPENT)


async def test_a_body_that_never_ends_ends(monkeypatch: pytest.MonkeyPatch, open_session: Opened) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.5)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", drip)
    async with TestServer(app) as server, open_session() as session:
        client = TikTokClient(session, f"http://127.0.0.1:{server.port}", "key", "secret")
        with pytest.raises(errors.Transient, match="in time"):
            await client.product(ACCESS, "10")


async def test_a_refused_connection_is_transient_and_says_no_address(open_session: Opened) -> None:
    async with open_session() as session:
        client = TikTokClient(session, "http://127.0.0.1:1", "key", "secret-canary")
        with pytest.raises(errors.Transient) as caught:
            await client.product(ACCESS, "10")
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("hostile", ["../../x", "1?app_key=", "1#f", "1/../2", "", "1" * 22, "\u0661", "1%2f2"])
async def test_a_hostile_id_never_reaches_the_wire(hostile: str, open_session: Opened) -> None:
    async with upstream(answering(OK), open_session) as (client, _):
        with pytest.raises(ValueError, match="is not a product id"):
            await client.product(ACCESS, hostile)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [(b'{"code":36004004,"message":"invalid"}', 200, errors.RefreshRefused), (b"busy", 503, errors.Transient),
     (b"<html>", 200, errors.Transient), (b'{"code":0,"data":{}}', 200, errors.Transient),
     (b'{"code":0}', 200, errors.Transient), (b'{"code":999,"message":"?"}', 200, errors.UnknownCode),
     (b'{"code":36009003,"message":"busy"}', 200, errors.Transient)],
)  # fmt: skip
async def test_the_token_host_refuses_for_good_or_for_now(
    body: bytes, status: int, kind: type[CallError], open_session: Opened
) -> None:
    async with upstream(answering(body, status), open_session) as (_, auth):
        with pytest.raises(kind) as caught:
            await auth.refresh(SPENT)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


async def test_many_bombs_at_once_take_little_memory(open_session: Opened) -> None:
    body = gzip.compress(bytes(32 * 2**20), 1)
    me = psutil.Process()
    async with upstream(answering(body, Content_Encoding="gzip"), open_session) as (client, _):
        before = peak = me.memory_info().rss
        calls = [asyncio.create_task(client.product(ACCESS, str(n))) for n in range(1, 65)]
        while not all(call.done() for call in calls):
            peak = max(peak, me.memory_info().rss)
            await asyncio.sleep(0.001)
        failures = [call.exception() for call in calls]
    assert {str(failure) for failure in failures} == {"the answer is larger than 8 MiB"}
    # 64 times 8 MiB, where all are read at once, or where their errors keep them.
    assert peak - before < 128 * 2**20
