"""No secret in any repr or traceback (T27), each log line one line (T28), no hostile id through any door (T29)."""

import asyncio
import json
import random
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from typer.testing import CliRunner

from config.logging import LINE_MAX, Redactor, _dumps
from config.settings import Settings
from config.variables.reading import read
from shopstream import EventConsumer, InvalidId, SyncClient
from shopstream.cli.app import build
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition
from tests.processes import KEY, program, sandbox, settle, until, worker
from worker.marketplace import call_errors as errors
from worker.marketplace.values import Access, Grant
from worker.pacing.pacer import Pacer, Rates
from worker.redis import pool as worker_redis
from worker.tiktok import http
from worker.tiktok.auth import AuthClient
from worker.tiktok.tiktok_client import TikTokClient
from worker.tokens.authorizations import Authorization
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import Vault
from worker.wakeups.doorbell import Doorbell

P = Partition(0)
CANARY = "canary-4d1b7f"
URL = f"redis://user:{CANARY}@127.0.0.1:1/0"


async def test_no_repr_of_any_object_shows_a_secret() -> None:
    grant = Grant(CANARY, 1, CANARY, 2, "open", "name", "GB", ("scope",))
    client, vault = worker_redis.client(URL), Vault([KEY])
    async with (
        http.new_session() as session,
        SyncClient(URL) as sync,
        EventConsumer(URL, stream="stock", group="g") as eater,
    ):
        auth = AuthClient(session, "https://auth.example", "key", CANARY)
        everything: list[Any] = [
            grant, Authorization("a", 1, grant, {"1": CANARY}, 0.0), Access("1", CANARY, CANARY), vault, auth,
            TikTokClient(session, "https://api.example", "key", CANARY),
            TokenStore(client, vault, auth.refresh, partitions=1),
            client, client.connection_pool, sync, sync.redis, eater, Doorbell(URL),
            Pacer(client, Rates(1, 1, 1)), session,
            http.Answer(200, {"Set-Cookie": CANARY}, CANARY.encode()),
            read(Settings, {"redis_url": URL, "app_key": "k", "app_secret": CANARY, "token_keys": KEY}),
        ]  # fmt: skip
        for one in everything:
            for text in (repr(one), str(one), f"{one}"):
                assert CANARY not in text, type(one)
                assert KEY not in text, type(one)
        await client.aclose()


@pytest.mark.parametrize("lean", [True, False])
async def test_no_traceback_of_a_failed_call_shows_a_secret(lean: bool) -> None:  # noqa: FBT001
    async with http.new_session(lean=lean) as session:
        client = TikTokClient(session, "http://127.0.0.1:1", "key", CANARY)
        auth = AuthClient(session, "http://127.0.0.1:1", "key", CANARY)
        for call in (client.product(Access("1", CANARY, CANARY), "10"), auth.refresh(CANARY), auth.redeem(CANARY)):
            with pytest.raises(errors.Transient) as caught:
                await call
            assert CANARY not in "".join(traceback.format_exception(caught.value))
            assert "127.0.0.1:1" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_no_refusal_that_repeats_the_secrets_of_its_call_shows_them(status: int) -> None:
    """Gateways repeat URLs in their sentences. TikTok's words go into events, dead letters and the registry."""
    secrets = ["canary-of-the-app/+=", "canary-of-the-pair/+=", "canary-of-the-shop/+="]

    async def repeat(request: web.Request) -> web.Response:
        words = request.headers.get("x-tts-access-token", ""), *request.query.values(), request.raw_path
        return web.json_response(
            {"code": 77001234, "message": " ".join(words), "request_id": words[0] or words[1]}, status=status
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", repeat)
    async with TestServer(app) as server, http.new_session() as session:
        url = f"http://127.0.0.1:{server.port}"
        client, auth = TikTokClient(session, url, "key", secrets[0]), AuthClient(session, url, "key", secrets[0])
        access = Access("1", secrets[2], secrets[1])
        calls = (
            client.product(access, "10"),
            client.search(access, {}),
            auth.refresh(secrets[1]),
            auth.redeem(secrets[1]),
        )
        for call in calls:
            with pytest.raises(errors.CallError) as caught:
                await call
            said = f"{caught.value} {caught.value.message} {caught.value.request_id}"
            assert "[redacted]" in said
            assert "canary" not in said


@pytest.mark.parametrize("url", [f"redis://:{CANARY}/x@h:6379/0", f"http://:{CANARY}@h", f"redis://h:{CANARY}"])
def test_no_error_about_a_redis_url_shows_a_part_of_it(url: str) -> None:
    with pytest.raises(ValueError, match="no Redis URL") as caught:
        connect(url)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    result = CliRunner().invoke(build(), ["shops", "--redis-url", url])
    assert result.exit_code == 2
    assert CANARY not in result.output


noise = st.text(max_size=50) | st.sampled_from(["\n", "\x1b[31m", "x" * 10**5, "é" * 10**4, "\0", "\ud800", "\u2028"])
shapes = st.recursive(
    noise | st.integers() | st.floats() | st.binary(max_size=50) | st.none() | st.builds(object) | st.just(10**40),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(noise, inner, max_size=30), max_leaves=20,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(noise, st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), shapes, max_size=8))
def test_whatever_is_logged_is_one_line_of_json_of_at_most_8_kb(message: str, event: dict[str, Any]) -> None:
    line = _dumps(Redactor()(None, "info", {"event": message, **event}))
    assert len(line.encode()) <= LINE_MAX
    assert len(line.splitlines()) == 1
    assert line.count("\n") == line.count("\x1b") == 0
    assert isinstance(json.loads(line), dict)


async def test_hostile_names_and_messages_stay_one_line_each_in_a_workers_log(redis: Redis, redis_url: str) -> None:
    """T28, all the way: ids, a product's texts and TikTok's messages, with newlines, ANSI codes and a megabyte."""
    evil = '\n{"level":"forged"}\x1b[31m' + "x" * 1_000_000
    async with (
        sandbox("--shops", "1", "--products", "4") as front,
        SyncClient(redis_url) as client,
        program("worker", env=front.env(redis_url, SHOPSTREAM_LOG_FORMAT="json")) as child,
    ):
        await settle(redis)  # this worker's start is not waited for
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        await front.control("product", shop_id=shop, product_id=ids[0], set={"title": evil})
        await front.control("faults", products={ids[1]: "huge_field", ids[2]: "code_nonzero"})
        await redis.hset(P.tries("products", shop), ids[2], "11")  # type: ignore[misc]
        await redis.hset(P.asked("products", shop), mapping=dict.fromkeys(ids, json.dumps({"cause": evil})))  # type: ignore[misc]
        await redis.zadd(P.backlog("products", shop), dict.fromkeys([evil, *ids], 1))
        await redis.zadd(P.due, {f"products:{shop}": 0, evil: 0, f"products:{evil}": 0})

        async def settled() -> bool:
            left = await redis.zcard(P.backlog("products", shop)) + await redis.zcard(P.claimed("products", shop))
            return not left and await redis.zscore(P.due, evil) is None

        await until(settled)
        child.terminate()
        _, errors = await asyncio.wait_for(child.communicate(), 25)
    lines = errors.split(b"\n")[:-1]
    assert len(lines) > 4
    assert max(map(len, lines)) <= LINE_MAX
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning", "error"}
    assert b"\x1b" not in errors
    (title,) = [
        json.loads(fields[b"data"])["title"] for _, fields in await redis.xrange(P.stream("products"))
        if json.loads(fields[b"data"])["product_id"] == ids[0]
    ]  # fmt: skip
    assert title == evil[:1_000]


def hostile(count: int) -> Iterator[str]:
    """Never ids: traversal, escapes, other digits, too long, control characters, and mixtures of these."""
    draw = random.Random(29)  # noqa: S311 - repeatable
    parts = [
        "../", "..%2f", "%2e%2e/", "?app_key=", "#", "\0", "\n", "\r\nX: y", " ", "\u0661", "\uff11", "\u00b2",
        "-", "+", "_", ".", "e5", "0x", "'", '"', "{0}", "*", "%00", ";", "\\", "\x1b[31m", "é", "1" * 22, "/", "@host",
    ]  # fmt: skip
    for _ in range(count):
        pieces = [draw.choice(parts), *(str(draw.randrange(10**6)) for _ in range(2)), draw.choice(["", *parts])]
        draw.shuffle(pieces)
        yield "".join(pieces)


async def test_ten_thousand_hostile_ids_at_every_door(redis: Redis, redis_url: str) -> None:
    everything = list(dict.fromkeys(hostile(10_000)))
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        worker(front.env(redis_url)),
        SyncClient(redis_url) as client,
    ):
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        commands = (await redis.info("stats"))["total_commands_processed"]
        async with http.new_session() as session:
            tiktok = TikTokClient(session, front.url, front.app_key, front.app_secret)
            for one in everything:
                with pytest.raises(InvalidId):
                    await client.sync_products(shop, ["1", one])
                with pytest.raises(InvalidId):
                    await client.sync_products(one, ["1"])
                with pytest.raises(InvalidId):
                    await tiktok.product(Access(shop, "cipher", "token"), one)
        assert commands < (await redis.info("stats"))["total_commands_processed"] < commands + 1_000
        # The command has an event loop of its own.
        for one in everything[:5]:
            command = ["sync", "products", "--redis-url", redis_url, "--", shop, one]
            assert (await asyncio.to_thread(CliRunner().invoke, build(), command)).exit_code != 0
        # The door that any language has.
        for begin in range(0, len(everything), 1_000):
            await redis.zadd(P.backlog("products", shop), dict.fromkeys(everything[begin : begin + 1_000], 1))
        await redis.zadd(P.due, {f"products:{shop}": 0})

        async def buried() -> bool:
            return bool(await redis.xlen(P.stream("dead")) >= len(everything))

        await until(buried, 30)
        letters = [json.loads(fields[b"data"]) for _, fields in await redis.xrange(P.stream("dead"))]
        assert {letter["error_class"] for letter in letters} == {"invalid_id"}
        assert len(letters) == len(everything)
        called = set((await front.see("stats"))["by_path"]) - {"warehouses"}  # a minute after the consent
        assert called == {"shops"}, "a call left for an id that is none"
