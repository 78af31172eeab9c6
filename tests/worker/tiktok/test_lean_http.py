"""Requests of both ways are the same bytes; connections go back or are closed; nothing is sent that may not be."""

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import BaseConnector, StreamReader, client_proto
from aiohttp.client_proto import ResponseHandler
from structlog.testing import capture_logs
from yarl import URL

from tests.processes import until
from tests.running.tls import Authority, tls_front
from tests.worker.tiktok.odd_server import OK, SILENCE, OddServer, Reply, odd_server
from worker.marketplace import call_errors as errors
from worker.tiktok import http
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import Session, exchange, new_session
from worker.tiktok.lean.inner_interface import find_misfit

Opened = Callable[[], Session]
ANSWER = Reply([OK])
GONE = Reply([], close=True)


def kept(session: Session) -> int:
    """How many connections wait for the next call."""
    assert session.http.connector is not None
    return sum(map(len, session.http.connector._conns.values()))


def acquired(session: Session) -> int:
    """How many connections a call has."""
    assert session.http.connector is not None
    return len(session.http.connector._acquired)


async def test_aiohttps_inside_is_as_the_lean_way_takes_it_for_granted() -> None:
    """After an upgrade of aiohttp: compare what `find_misfit` names, and mend `worker/tiktok/lean`."""
    assert find_misfit() == ""


@pytest.mark.parametrize(
    ("owner", "name", "value", "reason"),
    [
        (ResponseHandler, "set_response_params", lambda _: None, "<lambda>: its parameters"),
        (BaseConnector, "connect", BaseConnector.close, "close: its parameters"),
        (client_proto, "ResponseHandler", None, "aiohttp's inside: AttributeError"),
        (StreamReader, "readany", StreamReader.readchunk, "StreamReader.readany"),
    ],
)
async def test_another_inside_has_all_calls_go_by_the_session_and_says_so_once(
    owner: object, name: str, value: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(owner, name, value)
        with capture_logs() as logs:
            session = new_session()
    async with session, odd_server(ANSWER) as server:
        assert session.lean is None
        assert [log["event"] for log in logs] == ["http_by_session"]
        assert reason in logs[0]["reason"]
        assert (await exchange(session, "GET", str(server.url))).body == b"ok"


@pytest.mark.parametrize(
    ("method", "body"),
    [("GET", None), ("POST", b"{}"), ("POST", b""), ("POST", b"x" * 300_000), ("PUT", b"{}"), ("DELETE", b"{}")],
)
async def test_both_ways_send_the_same_bytes(method: str, body: bytes | None) -> None:
    sent: list[list[list[bytes]]] = []
    async with odd_server(ANSWER) as server:
        for lean in (True, False):
            server.connections.clear()
            async with new_session(lean=lean) as session:
                url = server.url.with_path("/product/1").with_query({"shop_cipher": "a b/c", "sign": "1"})
                headers = {"x-tts-access-token": "token", "content-type": "application/json"}
                await exchange(session, method, str(url), headers=headers, body=body)
            sent.append(list(server.connections))
    assert sent[0] == sent[1]
    assert sent[0][0][0].startswith(method.encode() + b" /product/1?shop_cipher=a+b/c&sign=1 HTTP/1.1\r\nHost: ")


@pytest.mark.parametrize("hostile", ["a\r\nX: y", "a\nb", "a\0", "a\tb", "a\x7f", "é", "\u2028"])
async def test_nothing_that_could_begin_another_line_is_sent(hostile: str) -> None:
    async with odd_server(ANSWER) as server, new_session() as session:
        url = URL.build(scheme="http", authority=server.url.authority, path=f"/{hostile}", encoded=True)
        for call in (
            exchange(session, "GET", str(server.url), headers={hostile: "x"}),
            exchange(session, "GET", str(server.url), headers={"x": hostile}),
            exchange(session, "GET", str(url)),
        ):
            with pytest.raises(ValueError, match="characters that can't be sent") as refused:
                await call
            assert hostile not in str(refused.value)
        assert server.requests == 0


async def test_a_space_in_a_path_and_a_method_that_is_none_are_refused() -> None:
    async with odd_server(ANSWER) as server, new_session() as session:
        for method, path in (("GET", "/a HTTP/1.1 b"), ("GET /x", "/"), ("", "/")):
            with pytest.raises(ValueError, match="request line"):
                await exchange(session, method, f"{server.url.origin()}{path}")
        for url in ("ftp://127.0.0.1/", str(server.url).replace("//", "//user:canary@")):
            with pytest.raises(ValueError, match=r"http\(s\)") as refused:
                await exchange(session, "GET", url)
            assert "canary" not in str(refused.value)
        assert server.requests == 0


async def test_a_connection_is_used_again(open_session: Opened) -> None:
    async with odd_server(ANSWER) as server, open_session() as session:
        for _ in range(3):
            assert (await exchange(session, "GET", str(server.url))).body == b"ok"
        assert [len(requests) for requests in server.connections] == [3]
        assert kept(session) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\nok", errors.Transient),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(9_000_000), errors.TooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 2, None),
        (b"garbage\r\n\r\n", errors.Transient),
    ],
)
async def test_a_connection_in_doubt_is_closed(
    reply: bytes, kind: type[errors.CallError] | None, open_session: Opened
) -> None:
    async with odd_server(Reply([reply])) as server, open_session() as session:
        if kind is None:
            await exchange(session, "GET", str(server.url))
        else:
            with pytest.raises(kind):
                await exchange(session, "GET", str(server.url))
        assert (kept(session), acquired(session)) == (0, 0)
        await asyncio.wait_for(server.ended[0].wait(), 20)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "200 OK\r\nContent-Length: 0"])
async def test_an_answer_without_a_body_keeps_its_connection(status: str, open_session: Opened) -> None:
    async with odd_server(Reply([f"HTTP/1.1 {status}\r\n\r\n".encode()])) as server, open_session() as session:
        if status.startswith("304"):
            with pytest.raises(errors.Transient, match="304"):
                await exchange(session, "GET", str(server.url))
        else:
            assert (await exchange(session, "GET", str(server.url))).body == b""
        assert (kept(session), acquired(session)) == (1, 0)


async def test_interim_answers_are_passed_over(open_session: Opened) -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with odd_server(Reply([hints, OK])) as server, open_session() as session:
        answer = await exchange(session, "GET", str(server.url))
        assert (answer.status, answer.body, kept(session)) == (200, b"ok", 1)


STALLS = [
    b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-", OK[:-1], b"HTTP/1.1 200 OK\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", STALLS)
async def test_a_cancelled_call_closes_its_connection(piece: bytes, open_session: Opened) -> None:
    async with odd_server(Reply([piece])) as server, open_session() as session:
        call = asyncio.create_task(exchange(session, "GET", str(server.url)))
        await _heard(server)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (kept(session), acquired(session)) == (0, 0)
        await asyncio.wait_for(server.ended[0].wait(), 20)


@pytest.mark.parametrize("piece", STALLS)
async def test_a_server_that_stops_at_any_place_is_waited_for_in_vain(
    piece: bytes, open_session: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.05)
    async with odd_server(Reply([piece])) as server, open_session() as session:
        with pytest.raises(errors.Transient, match="in time"):
            await exchange(session, "GET", str(server.url))
        assert (kept(session), acquired(session)) == (0, 0)


async def _heard(server: OddServer) -> None:
    """Wait for the first request, and let its answer come through."""

    async def come() -> int:
        return server.requests

    await until(come, every=0.001)
    for _ in range(5):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_call_whose_kept_connection_is_closed_unanswered_is_sent_again(
    method: str, open_session: Opened
) -> None:
    async with odd_server(ANSWER, GONE, ANSWER) as server, open_session() as session:
        for _ in range(2):
            assert (await exchange(session, method, str(server.url))).body == b"ok"
        assert [len(requests) for requests in server.connections] == [2, 1]


async def test_it_is_sent_again_only_once(open_session: Opened) -> None:
    async with odd_server(ANSWER, GONE) as server, open_session() as session:
        await exchange(session, "GET", str(server.url))
        with pytest.raises(errors.Transient, match="connection failed"):
            await exchange(session, "GET", str(server.url))
        assert [len(requests) for requests in server.connections] == [2, 1]
        assert (kept(session), acquired(session)) == (0, 0)


@pytest.mark.parametrize(("method", "once"), [("GET", True), ("POST", False), ("POST", True)])
@pytest.mark.parametrize("reply", [GONE, Reply([b"HTTP/1.1 200"], close=True), Reply([b"odd\r\n\r\n"], close=True)])
async def test_what_may_not_be_sent_twice_is_not(
    method: str,
    once: bool,  # noqa: FBT001
    reply: Reply,
    open_session: Opened,
) -> None:
    async with odd_server(ANSWER, reply) as server, open_session() as session:
        await exchange(session, method, str(server.url), once=once)
        with pytest.raises(errors.Transient, match="connection failed"):
            await exchange(session, method, str(server.url), once=once)
        assert [len(requests) for requests in server.connections] == [2]


async def test_a_body_that_breaks_is_not_asked_for_again(open_session: Opened) -> None:
    async with odd_server(Reply([OK[:-1]], close=True)) as server, open_session() as session:
        with pytest.raises(errors.Transient, match="ClientPayloadError"):
            await exchange(session, "GET", str(server.url))
        assert server.requests == 1


async def test_a_body_has_a_hundred_compressed_streams_at_most() -> None:
    def reply(streams: int) -> Reply:
        body = gzip.compress(b"x") * streams
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        return Reply([head.encode() + body])

    async with odd_server(reply(100), reply(101)) as server, new_session() as session:
        assert (await exchange(session, "GET", str(server.url))).body == b"x" * 100
        with pytest.raises(errors.Transient, match="compression is broken"):
            await exchange(session, "GET", str(server.url))


async def test_a_certificate_that_is_not_trusted_and_a_host_without_tls_are_refused(
    tmp_path: Path, open_session: Opened
) -> None:
    async with (
        odd_server(Reply([b"odd\r\n\r\n"])) as server,
        tls_front(Authority(tmp_path).context("localhost"), server.url.port or 0) as front,
        open_session() as session,
    ):
        for port in (front.port, server.url.port):
            with pytest.raises(errors.CallError) as refused:
                await exchange(session, "GET", f"https://localhost:{port}/secret-canary")
            assert isinstance(refused.value, errors.CredentialsRefused) or port != front.port
            assert "canary" not in str(refused.value)
        assert not front.heard


async def test_a_name_that_is_no_hosts_is_unreachable(open_session: Opened) -> None:
    async with open_session() as session:
        with pytest.raises(errors.Unreachable):
            await exchange(session, "GET", "http://nowhere.invalid/")


async def test_no_call_begins_after_the_end(open_session: Opened) -> None:
    async with odd_server(SILENCE) as server:
        session = open_session()
        await session.close()
        with pytest.raises(RuntimeError, match="closed"):
            await exchange(session, "GET", str(server.url))
        assert server.requests == 0


PAIR = b'{"code":0,"data":{"access_token":"a1","refresh_token":"r1","open_id":"o"}}'
UNENDED = {
    "too long a length": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + PAIR,
    "a chunk without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(PAIR), PAIR),
}


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("name", UNENDED)
async def test_a_token_pair_that_has_come_is_kept_whatever_its_answers_length_says(
    name: str, open_session: Opened, monkeypatch: pytest.MonkeyPatch, *, close: bool
) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.5)
    async with odd_server(Reply([UNENDED[name]], close=close)) as server, open_session() as session:
        grant = await AuthClient(session, str(server.url), "key", "secret").refresh("spent")
        assert (grant.access_token, grant.refresh_token) == ("a1", "r1")
        assert server.requests == 1
        assert (kept(session), acquired(session)) == (0, 0)


@pytest.mark.parametrize("close", [True, False])
async def test_half_a_token_pair_is_none(open_session: Opened, monkeypatch: pytest.MonkeyPatch, *, close: bool) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.5)
    cut = Reply([UNENDED["too long a length"][:-40]], close=close)
    async with odd_server(cut) as server, open_session() as session:
        with pytest.raises(errors.Transient):
            await AuthClient(session, str(server.url), "key", "secret").refresh("spent")
