"""A real worker's health port: metrics that move, and answers while its loop or its Redis stands still."""

import asyncio
import http.client
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from shopstream import metric_names as names
from shopstream.metric_names import Metric
from shopstream.registry.workers import WorkerSeen, workers
from shopstream.version import VERSION
from tests.chaos.stage import valkey
from tests.processes import Sandbox, free_port, patient, process, sandbox, settle, until, worker

SEED: Final = "1731029337055922770"
HELD: Final = """
import signal, sys, time
from worker.__main__ import main
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))
sys.exit(main())
"""
"""A worker whose loop stands still from SIGUSR1 on."""
LATE: Final = 30.0
"""Seconds for what takes 10 s by its rule."""
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def get(port: int, path: str) -> tuple[int, str]:
    """Give status and body; 0 without an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""


async def scrape(port: int) -> Samples:
    status, body = await asyncio.to_thread(get, port, "/metrics")
    assert status == 200
    families = text_string_to_metric_families(body)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def pick(samples: Samples, metric: Metric, *values: str, part: str = "") -> float:
    labels = zip([label.name for label in metric.labels], values, strict=True)
    return samples[metric.name + part, frozenset(labels)]


async def answers(port: int, path: str, status: int, seconds: float = 15) -> str:
    """Wait until a path is answered with this status, and give the body."""

    async def ask() -> str | None:
        found, body = await asyncio.to_thread(get, port, path)
        return body if found == status else None

    body: str = await until(ask, seconds=seconds)
    return body


async def scraped(port: int, enough: Callable[[Samples], bool]) -> Samples:
    """Wait until the metrics are so, and give them."""

    async def look() -> Samples | None:
        samples = await scrape(port)
        return samples if enough(samples) else None

    found: Samples = await until(look, seconds=30)
    return found


async def test_a_sync_a_throttle_a_refused_token_and_a_dead_letter_are_counted(redis_url: str) -> None:
    port = free_port()
    async with (
        sandbox("--shops", "1", "--products", "30") as front,
        worker(front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(port))),
        patient(redis_url) as client,
    ):
        shop = front.shops[0]["shop_id"]
        await front.authorize(client)
        assert pick(await scrape(port), names.CALLS, "product", "ok") == 0, "known from the start"
        await throttle(front, client, shop, port)
        await front.control("tokens", expire_access=True)
        await client.wait(await client.stock(shop, [SEED]), timeout=60)
        await client.wait(await client.products(shop, ["404"], urgent=True), timeout=60)
        await client.wait(await client.products(shop, [SEED], urgent=True), timeout=60)
        samples = await scraped(
            port,
            lambda seen: (
                pick(seen, names.IDS, "products", "unchanged") >= 1
                and pick(seen, names.DRAINS, "stock", "done") >= 1
                and pick(seen, names.TOKEN_REFRESHES, "renewed") >= 1
            ),
        )
        moved: dict[Metric, tuple[str, ...]] = {
            names.COOLDOWNS: ("product",),
            names.DEAD_LETTERS: ("not_found",),
            names.WAKEUPS: ("work",),
            names.SLOTS: (),
        }
        assert all(pick(samples, metric, *values) >= 1 for metric, values in moved.items())
        assert pick(samples, names.CALLS, "product", "ok") >= 30
        assert pick(samples, names.CALLS, "inventory_search", "token_expired") >= 1
        assert pick(samples, names.CALLS, "product", "throttled") == pick(samples, names.COOLDOWNS, "product")
        assert pick(samples, names.EVENTS, "product.created") == 30
        assert pick(samples, names.IDS, "products", "changed") == 31
        for kind in ("turn", "urgent"):
            assert pick(samples, names.PUBLISH_LATENCY, kind, part="_count") >= 1
        assert pick(samples, names.CALL_DURATION, "product", part="_count") >= 31
        assert pick(samples, names.PERMIT_WAIT, "product", part="_count") >= 31
        assert pick(samples, names.PUBLISH_FAILED) == 0
        assert abs(pick(samples, names.REDIS_WRITE) - time.time()) < 60
        assert len(samples) <= 400
        await tells_its_totals(client.redis, samples)


async def throttle(front: Sandbox, client: Any, shop: str, port: int) -> None:
    """Have all products fetched, and some of the calls refused meanwhile."""
    await front.control("quota", shop_id=shop, endpoint="product", per_second=5)
    request = await client.products(shop, (await front.see(f"shops/{shop}/products"))["products"])
    await scraped(port, lambda seen: pick(seen, names.COOLDOWNS, "product") >= 1)
    await front.control("quota", shop_id=shop, endpoint="product")
    await client.wait(request, timeout=120)


async def tells_its_totals(redis: Redis, samples: Samples) -> None:
    """See that the heartbeat soon says what the metrics do."""
    events = sum(value for (name, _), value in samples.items() if name == names.EVENTS.name)

    async def whole() -> WorkerSeen | None:
        (seen,) = await workers(redis)
        return seen if seen.published >= events and seen.drained >= 32 else None

    seen: WorkerSeen = await until(whole)
    assert (seen.version, seen.generation, seen.dead) == (VERSION, "202309", 1)
    assert seen.calls > seen.throttled >= 1
    assert 0 < seen.cpu_seconds < 600
    assert seen.rss_bytes > 10_000_000 or sys.platform != "linux"


async def test_a_worker_whose_loop_stands_still_says_so_and_is_measured(redis: Redis, redis_url: str) -> None:
    port = free_port()
    async with sandbox("--shops", "1", "--products", "3") as front:
        env = front.env(redis_url, SHOPSTREAM_HEALTH_PORT=str(port))
        async with process(sys.executable, "-c", HELD, env=env) as child:
            await until(lambda: workers(redis), seconds=30)
            assert await answers(port, "/livez", 200) == "ok\n"
            child.send_signal(signal.SIGUSR1)
            assert "the event loop has been blocked for 1" in await answers(port, "/livez", 503, LATE)
            samples = await scrape(port)
            assert pick(samples, names.LOOP_LAG) > 10
            assert pick(samples, names.BUILD_INFO, *build(samples)) == 1
            child.kill()  # it could not end by itself


def build(samples: Samples) -> list[str]:
    (pairs,) = [dict(labels) for name, labels in samples if name == names.BUILD_INFO.name]
    assert pairs["version"] == VERSION
    return [pairs[label.name] for label in names.BUILD_INFO.labels]


async def test_a_worker_whose_redis_is_frozen_is_alive_and_not_ready() -> None:
    port = free_port()
    async with valkey() as server, sandbox("--shops", "1", "--products", "3") as front:
        async with Redis.from_url(server.url) as redis:
            await settle(redis)
        async with worker(front.env(server.url, SHOPSTREAM_HEALTH_PORT=str(port))):
            assert await answers(port, "/readyz", 200) == "ok\n"
            server.signal(signal.SIGSTOP)
            try:
                assert "no write to Redis has succeeded" in await answers(port, "/readyz", 503, LATE)
                assert await answers(port, "/livez", 200) == "ok\n"
                await scraped(port, lambda seen: pick(seen, names.REDIS_FAILURES, "TimeoutError") >= 1)
            finally:
                server.signal(signal.SIGCONT)
            assert await answers(port, "/readyz", 200, LATE) == "ok\n"
