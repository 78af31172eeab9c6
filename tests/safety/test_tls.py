"""T30, and TLS to Redis: only a right certificate for the right host gets a byte of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.errors import AuthorizationFailed, UntrustedRedis
from shopstream.redis.connection import connect
from tests.processes import KEY, program, sandbox, worker
from tests.running.tls import Authority, Front, tls_front
from worker.marketplace import call_errors as errors
from worker.marketplace.values import Access
from worker.tiktok import http
from worker.tiktok.auth import AuthClient
from worker.tiktok.tiktok_client import TikTokClient

SEED = "1731029337055922770"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "stranger")


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


async def test_the_main_job_over_tls_on_both_sides(redis_url: str, authority: Authority) -> None:
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        tls_front(authority.context("localhost"), port_of(front.url)) as tiktok,
        tls_front(authority.context("localhost"), port_of(redis_url)) as tls,
    ):
        url = f"rediss://localhost:{tls.port}/0?ssl_ca_certs={authority.path}"
        upstream = f"https://localhost:{tiktok.port}"
        env = front.env(url, SHOPSTREAM_API_URL=upstream, SHOPSTREAM_AUTH_URL=upstream)
        async with worker(env | {"SSL_CERT_FILE": str(authority.path)}), SyncClient(url) as client:
            await front.authorize(client)
            done = await client.wait(await client.sync_products(front.shops[0]["shop_id"], [SEED]), timeout=60)
            assert not done.dead
        assert b"GET /product/202309/products/" in tiktok.heard


BAD = {
    "wrong host": ("other.example", 1, True),
    "unknown authority": ("localhost", 1, False),
    "expired": ("localhost", -1, True),
}


@asynccontextmanager
async def bad(kind: str, port: int, authority: Authority, stranger: Authority) -> AsyncIterator[Front]:
    host, days, trusted = BAD[kind]
    async with tls_front((authority if trusted else stranger).context(host, days=days), port) as front:
        yield front


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_certificate_of_the_upstream_is_said_and_gets_no_secret(
    redis_url: str, authority: Authority, stranger: Authority, kind: str
) -> None:
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        bad(kind, port_of(front.url), authority, stranger) as tiktok,
    ):
        upstream = f"https://localhost:{tiktok.port}"
        env = front.env(redis_url, SHOPSTREAM_API_URL=upstream, SHOPSTREAM_AUTH_URL=upstream)
        async with worker(env | {"SSL_CERT_FILE": str(authority.path)}), SyncClient(redis_url) as client:
            with pytest.raises(AuthorizationFailed, match="certificate is not trusted"):
                await client.authorize(front.auth_codes[0], timeout=60)
        assert not tiktok.heard


async def test_a_bad_certificate_of_redis_is_refused_before_the_password(
    redis_url: str, authority: Authority, stranger: Authority
) -> None:
    """Side by side, as a worker tries for about 5 s."""

    async def refused(client: Redis) -> None:
        async with client:
            with pytest.raises(UntrustedRedis):
                await client.ping()

    async def no_start(url: str) -> None:
        keys = {"APP_KEY": "k", "APP_SECRET": "s", "TOKEN_KEYS": KEY, "REDIS_URL": url}
        env = {f"SHOPSTREAM_{name}": value for name, value in keys.items()}
        async with program("worker", env=env) as child:
            _, errors = await asyncio.wait_for(child.communicate(), 30)
        assert child.returncode == 2
        assert errors.count(b"\n") == 1
        assert b"canary" not in errors

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tries:
        fronts = []
        for kind in BAD:
            front = await stack.enter_async_context(bad(kind, port_of(redis_url), authority, stranger))
            url = f"rediss://user:password-canary@localhost:{front.port}/0?ssl_ca_certs={authority.path}"
            tries.create_task(refused(connect(url)))
            if kind == "wrong host":
                tries.create_task(no_start(url))
            fronts.append(front)
    assert [bytes(front.heard) for front in fronts] == [b"", b"", b""]


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_to_another_host(status: int, lean: bool) -> None:  # noqa: FBT001
    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.path_qs)
        return web.Response()

    async def away(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{other.port}/"})

    apps = [web.Application(), web.Application()]
    for app, handler in zip(apps, (elsewhere, away), strict=True):
        app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(apps[0]) as other, TestServer(apps[1]) as host, http.new_session(lean=lean) as session:
        url = f"http://127.0.0.1:{host.port}"
        client = TikTokClient(session, url, "key", "secret-canary")
        auth = AuthClient(session, url, "key", "secret-canary")
        for call in (
            client.product(Access("1", "cipher-canary", "token-canary"), "10"),
            client.inventory(Access("1", "cipher-canary", "token-canary"), product_ids=["10"]),
            auth.refresh("refresh-canary"),
            auth.redeem("code-canary"),
        ):
            with pytest.raises(errors.Transient, match="redirect"):
                await call
    assert heard == []
