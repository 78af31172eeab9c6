"""Tokens, roles and rates, bodies that are refused, and calls that are sent again."""

import asyncio
import hashlib

import pytest
from redis.asyncio import Redis

from gateway.api.access.bearer import find_token
from gateway.api.access.rates import CALLS, FAILURES, FailureRates, TokenRates
from gateway.api.routes import ALL
from gateway.door import AccessToken
from shopstream.redis.keys import PREFIX, Partition
from shopstream.registry.shop import Shop
from tests.gateway.running import TOKENS, RunningGateway, gateway

SHOP = "7495"
P = Partition(0)
PRODUCTS = f"/v1/shops/{SHOP}/products"


@pytest.fixture
async def known(redis: Redis) -> Redis:
    """A Redis with one shop, of which no worker does anything."""
    await redis.set(f"{PREFIX}:partitions", 1)
    shop = Shop(SHOP, "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(P.registry, SHOP, shop.to_json())  # type: ignore[misc]
    return redis


async def waiting(redis: Redis) -> int:
    return int(await redis.zcard(P.backlog("products", SHOP)))


def filled(path: str) -> str:
    return path.replace("{shop}", SHOP).replace("{sku}", "1").replace("{product}", "1").replace("{request}", "x")


@pytest.mark.usefixtures("known")
async def test_each_role_may_do_its_own_and_nothing_more(redis_url: str) -> None:
    order = ["viewer", "producer", "operator"]
    async with gateway(redis_url) as running:
        for endpoint in ALL:
            for role in order:
                answer = await running.call(endpoint.method, filled(endpoint.path), role=role)
                allowed = endpoint.role is None or order.index(role) >= order.index(endpoint.role)
                assert (answer.status != 403) == allowed, (endpoint.path, role, answer.text)
                assert answer.status != 401
            other = await running.call("DELETE", filled(endpoint.path))
            assert (other.status, other.headers["Allow"]) == (405, endpoint.method)


@pytest.mark.usefixtures("known")
async def test_a_call_without_a_valid_token(redis_url: str) -> None:
    good = TOKENS["viewer"]
    wrong = ["", "Bearer", "Bearer ", f"Bearer {good}x", f"Bearer {hashlib.sha256(good.encode()).hexdigest()}",
             f"Basic {good}", good, "Bearer \u00e9"]  # fmt: skip
    async with gateway(redis_url) as running:
        for value in wrong:
            answer = await running.call("GET", "/v1/shops", role="", headers={"Authorization": value})
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), value
        for _ in range(3 * FAILURES):
            answer = await running.call("GET", "/v1/shops", role="")
            if answer.status == 429:
                break
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert (await running.call("GET", "/v1/shops", role="viewer")).status == 200
        assert (await running.call("GET", "/v1/openapi.json", role="")).status == 200
        assert not [token for token in TOKENS.values() if token in running.logs]


def test_a_token_is_found_by_its_digest() -> None:
    tokens = [AccessToken(name, "viewer", hashlib.sha256(name.encode()).hexdigest()) for name in ("a", "b")]
    assert find_token(tokens, ["Bearer b"]) == tokens[1]
    assert find_token(tokens, ["bearer a"]) == tokens[0]
    for headers in ([], ["Bearer a", "Bearer a"], ["Bearer c"], ["Token a"], [f"Bearer {tokens[0].digest}"]):
        assert find_token(tokens, headers) is None
    assert tokens[0].digest not in repr(tokens[0])


def test_the_rate_of_a_token_and_of_another() -> None:
    now = 0.0
    rates = TokenRates(lambda: now)
    assert [rates.wait("a") for _ in range(CALLS)] == [0] * CALLS
    assert rates.wait("a") == 1
    assert rates.wait("b") == 0
    now = 0.5
    assert [rates.wait("a") for _ in range(CALLS // 2 + 1)] == [0] * (CALLS // 2) + [1]


def test_the_failures_of_an_address_are_forgotten_after_a_minute() -> None:
    now = 0.0
    failures = FailureRates(lambda: now)
    assert [failures.wait("a") for _ in range(FAILURES + 1)] == [0] * FAILURES + [60]
    assert failures.wait("b") == 0
    now = 60.0
    assert failures.wait("a") == 0


BODIES = [
    (b"", 422), (b"{", 400), (b"[]", 422), (b'{"ids":[]}', 422), (b'{"ids":[1]}', 422), (b'{"ids":["../x"]}', 422),
    (b'{"ids":["0"]}', 422), (b'{"ids":["1\\n"]}', 422), (b'{"ids":["1"],"cause":"a\\n"}', 422),
    (b'{"ids":["1"],"cause":"a b"}', 422), (b'{"ids":["1"],"other":1}', 422),
    (b'{"ids":["1"],"urgent":"yes"}', 422), (b"\xff", 400), (b"[" * 60_000, 422), (b'{"ids":["\xff"]}', 400),
    (b'{"\xff":1}', 400), (b'{"ids":["1"],"cause":"\xed\xa0\x80"}', 400),
    (b'{"ids":[%s"1"]}' % (b'"1",' * 1_000), 422), (b" " * 65_537, 413), (b'{"ids":["7323577087344185293"]}', 202),
    (b'{"ids":["732357708734418529311"]}', 202),
]  # fmt: skip


async def test_a_body_is_taken_exactly_or_refused_with_a_remedy(known: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:
        for sent, status in BODIES:
            answer = await running.call("POST", PRODUCTS, data=sent)
            assert answer.status == status, (sent[:60], answer.text)
            assert await waiting(known) == (status == 202)
            await known.delete(P.backlog("products", SHOP))
            if status != 202:
                assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("known")
async def test_a_body_in_parts_or_compressed(redis_url: str) -> None:
    async def endless() -> object:
        for _ in range(70):
            yield b" " * 1_000

    async with gateway(redis_url) as running:
        assert (await running.call("POST", PRODUCTS, data=endless())).status == 413
        packed = await running.call("POST", PRODUCTS, data=b"x", headers={"Content-Encoding": "gzip"})
        assert packed.status == 415


async def test_a_call_that_is_sent_again_is_done_once(known: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:

        async def send(body: bytes, key: str = "k-1", role: str = "producer", path: str = PRODUCTS) -> tuple[int, str]:
            answer = await running.call("POST", path, role=role, data=body, headers={"Idempotency-Key": key})
            return answer.status, answer.text

        first = await send(b'{"ids":["1"]}')
        assert first[0] == 202
        await known.delete(P.backlog("products", SHOP))
        assert await send(b'{"ids":["1"]}') == first
        assert await waiting(known) == 0
        for body, path in ((b'{"ids":["2"]}', PRODUCTS), (b'{"ids":["1"]}', f"/v1/shops/{SHOP}/stock")):
            status, text = await send(body, path=path)
            assert (status, "idempotency-key-reused" in text) == (422, True)
        assert await waiting(known) == 0
        assert (await send(b'{"ids":["3"]}', role="operator"))[0] == 202, "another holder's key is another key"
        wrong = await send(b'{"ids":[]}', "k-2")
        assert await send(b'{"ids":[]}', "k-2") == wrong
        assert wrong[0] == 422
        assert (await send(b"{}", "k" * 256))[0] == 400
        assert 86_000 < max([await known.ttl(key) async for key in known.scan_iter(match="*:idempotency:*")]) <= 86_400


async def test_of_the_same_call_at_once_one_is_done(known: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:

        async def send() -> int:
            body, key = {"ids": ["1"]}, {"Idempotency-Key": "k-1"}
            return (await running.call("POST", PRODUCTS, role="producer", json=body, headers=key)).status

        statuses = await asyncio.gather(*(send() for _ in range(20)))
        assert set(statuses) <= {202, 409}
        assert 202 in statuses
        assert await waiting(known) == 1


async def test_a_call_that_still_runs_is_refused(known: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:
        await _ask(running)
        (key,) = [key async for key in known.scan_iter(match="*:idempotency:*")]
        stored = await known.get(key)
        assert stored
        await known.set(key, stored.replace(b'"status":202', b'"status":0'))
        assert (await _ask(running), await _ask(running, "other")) == (409, 202)


async def _ask(running: RunningGateway, key: str = "k-1") -> int:
    headers = {"Idempotency-Key": key}
    return (await running.call("POST", PRODUCTS, role="producer", json={"ids": ["1"]}, headers=headers)).status
