"""A whole worker whose instrument records: each hook is called where the thing happens."""

import asyncio
import gc
import signal
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from config import settings as configuration
from shopstream import SyncClient
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import AGAIN, Partition
from tests.chaos.stage import valkey
from tests.processes import Sandbox, patient, sandbox, settle, until, worker
from tests.running.recorder import Recorder
from worker.__main__ import _serve
from worker.instrumentation.instrument import SILENT
from worker.instrumentation.metrics import WorkerMetrics
from worker.tokens.vault import Vault
from worker.wakeups.doorbell import QUEUE

P = Partition(0)
SEED = "1731029337055922770"
SKU = "1731159324007369298"
ENDED = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def recorded(front: Sandbox, redis_url: str, **more: str) -> AsyncIterator[Recorder]:
    """Run a worker in this process, as `python -m worker` does, and end it by a real signal."""
    recorder = Recorder()
    handlers = {number: signal.getsignal(number) for number in ENDED}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in front.env(redis_url, **more).items():
            environment.setenv(name, value)
        settings = configuration.load()
    serving = asyncio.create_task(_serve(settings, Vault(settings.keys()), WorkerMetrics("202309"), recorder))

    async def listens() -> bool:
        if serving.done():
            serving.result()
        return signal.getsignal(signal.SIGTERM) != handlers[signal.SIGTERM]

    try:
        await until(listens)
        yield recorder
        signal.raise_signal(signal.SIGTERM)
        await serving
    finally:
        signal.alarm(0)  # which would end this process, since it is the worker's
        for number, handler in handlers.items():
            signal.signal(number, handler)
        serving.cancel()
        await asyncio.wait((serving,))
        with warnings.catch_warnings():
            # A worker ends with its process: the kernel closes what was in use at that moment.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@asynccontextmanager
async def shop_recorded(redis_url: str, *options: str, **more: str) -> AsyncIterator[tuple[Any, ...]]:
    async with (
        sandbox("--shops", "1", *options) as front,
        recorded(front, redis_url, **more) as recorder,
        patient(redis_url) as client,
    ):
        await front.authorize(client)
        yield front, recorder, client, front.shops[0]["shop_id"]


async def heard(recorder: Recorder, hook: str, *first: object) -> list[tuple[Any, ...]]:
    """Wait for a call of a hook with these arguments, and give all such calls."""

    async def find() -> list[tuple[Any, ...]]:
        return recorder.of(hook, *first)

    found: list[tuple[Any, ...]] = await until(find)
    return found


async def test_the_way_of_an_id_is_told_from_its_call_to_its_events(redis_url: str) -> None:
    async with shop_recorded(redis_url, "--products", "3") as (front, recorder, client, shop):
        await client.wait(await client.products(shop, [SEED]), timeout=60)
        await client.wait(await client.products(shop, ["404"], urgent=True), timeout=60)
        await heard(recorder, "report_end", "products", shop, "done")
        assert await heard(recorder, "report_call", "", "authorized_shops", "ok")
        assert await heard(recorder, "report_call", shop, "product", "not_found")
        ((*_, seconds),) = await heard(recorder, "report_call", shop, "product", "ok")
        assert 0 < seconds < 30
        assert len(recorder.of("report_wait", "product")) >= 2
        published = [name for _, name in recorder.of("report_event")]
        assert published.count("product.created") == 1
        assert published.count("stock.changed") == 2
        assert "shop.authorized" in published
        assert recorder.of("report_letter") == [(shop, "not_found")]
        ((_, (turn,)),) = recorder.of("report_latencies", "turn")
        assert 0 <= turn < 60
        await client.wait(await client.products(shop, [SEED], urgent=True), timeout=60)

        async def all_settled() -> bool:
            return sum(int(one.claimed) for (one,) in recorder.of("report_settled")) == 3

        await until(all_settled)
        urgent = [seconds for _, some in recorder.of("report_latencies", "urgent") for seconds in some]
        assert len(urgent) == 2
        assert all(0 <= seconds < 60 for seconds in urgent)
        settled = [given for (given,) in recorder.of("report_settled")]
        assert {(one.kind, one.shop) for one in settled} == {("products", shop)}
        assert [sum(getattr(one, name) for one in settled) for name in ("claimed", "changed", "dead", "events")] == [
            3, 2, 1, 3,
        ]  # fmt: skip
        assert (SEED, "published", 3) in [given[1:] for given in recorder.of("report_comparison", shop)]
        assert await heard(recorder, "report_wake_up", "work")
        # Stock that moves unannounced, found by a poll and looked at again, since it sells.
        await client.wait(await client.stock(shop), timeout=60)
        await front.control("stock", shop_id=shop, changes=[{"sku_id": SKU, "quantity": 2}])
        await client.wait(await client.stock(shop), timeout=60)
        assert await heard(recorder, "report_drift") == [(shop, 1)]
        assert await heard(recorder, "report_end", "poll", shop, "done")
        await client.redis.zadd(P.backlog("stock", shop), {AGAIN + SEED: 2})
        await client.redis.hset(P.asked("stock", shop), AGAIN + SEED, '{"cause": "guard-1-1", "wait": 1000}')
        await client.redis.zadd(P.due, {f"stock:{shop}": 1})
        assert await heard(recorder, "report_latencies", "look")
        assert await heard(recorder, "report_end", "stock", shop, "done")

        async def looked() -> bool:
            return {one.calls for (one,) in recorder.of("report_settled") if one.kind == "stock"} == {1}

        await until(looked)


async def test_a_throttle_a_cap_and_a_refresh_are_told(redis_url: str) -> None:
    async with shop_recorded(redis_url, "--products", "30") as (front, recorder, client, shop):
        await front.control("quota", shop_id=shop, endpoint="product", per_second=5)
        listed = (await front.see(f"shops/{shop}/products"))["products"]
        request = await client.products(shop, listed)
        await heard(recorder, "report_cool_down", shop, "product")
        await front.control("quota", shop_id=shop, endpoint="product")
        await client.wait(request, timeout=120)
        throttled = recorder.of("report_call", shop, "product", "throttled")
        assert len(recorder.of("report_cool_down", shop, "product")) == len(throttled) >= 1

        async def settled() -> bool:
            return len(throttled) == sum(int(one.throttled) for (one,) in recorder.of("report_settled"))

        await until(settled)
        await front.control("tokens", expire_access=True)
        await client.stock(shop, [SEED])
        assert await heard(recorder, "report_call", shop, "inventory_search", "token_expired")
        assert await heard(recorder, "report_refresh", "renewed")
        await front.control("quota", shop_id=shop, endpoint="inventory_search", hourly=1)

        async def ask_again() -> bool:
            await client.stock(shop, [SEED])
            return bool(recorder.of("report_cap"))

        await until(ask_again)
        ((*_, seconds), *_) = recorder.of("report_cap", shop, "inventory_search")
        assert 0 < seconds <= 3600


async def test_a_takeover_and_work_that_fails_are_told(redis_url: str) -> None:
    async with shop_recorded(redis_url, "--products", "3") as (front, recorder, client, shop):
        await front.control("faults", rate=1, kinds=["timeout"], seconds=2, paths=["product"])
        await client.products(shop, [SEED])
        await until(lambda: client.redis.zcard(P.claimed("products", shop)))
        await client.redis.hincrby(P.lease("products", shop), "fence", 1)
        ((_, _, fence),) = await heard(recorder, "report_fenced", "products", shop)
        assert fence >= 1
        assert await heard(recorder, "report_end", "products", shop, "fenced")
        assert await heard(recorder, "report_settled")
        await client.redis.set(P.order("x"), "no order")
        await client.redis.zadd(P.due, {"dry:x": 1})
        assert await heard(recorder, "report_end", "dry", "x", "failed")


async def test_a_redis_that_is_away_a_doorbell_that_breaks_and_wake_ups_for_nothing_are_told() -> None:
    async with valkey() as server, Redis.from_url(server.url) as redis, sandbox("--shops", "1") as front:
        await settle(redis)
        async with recorded(front, server.url) as recorder:
            slots, in_use = (await heard(recorder, "report_turn"))[-1]
            assert slots > in_use >= 0
            assert await heard(recorder, "report_write")
            await redis.zadd(wake_key(), {"0": 0})
            assert await heard(recorder, "report_wake_up", "nothing")
            await redis.delete(QUEUE)
            await redis.set(QUEUE, "spoilt")
            assert await heard(recorder, "report_doorbell_restart", "ResponseError")
            server.kill()
            for where in ("heartbeat", "wake_up", "sweep"):
                first, *_ = await heard(recorder, "report_redis_failure", where)
                assert first[2] is False, "not again"
            assert await until(lambda: _again(recorder))
            await server.restart()


async def _again(recorder: Recorder) -> bool:
    return any(again for *_, again in recorder.of("report_redis_failure"))


async def test_a_worker_at_level_debug_says_of_each_product_what_came_of_it(redis_url: str) -> None:
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        worker(front.env(redis_url, SHOPSTREAM_LOG_LEVEL="debug")) as running,
        patient(redis_url) as client,
    ):
        shop = front.shops[0]["shop_id"]
        await front.authorize(client)
        await _ask_twice(client, shop)
        compared = [line for line in running.logs if line["event"] == "product_compared"]
        assert [(line["level"], line["product"], line["verdict"], line["events"]) for line in compared] == [
            ("debug", SEED, "published", 3), ("debug", SEED, "unchanged", 0),
        ]  # fmt: skip
        assert {line["shop"] for line in compared} == {shop}
        drained = await running.logged("drained")
        assert (drained["calls"], drained["throttled"]) == (1, 0)
        await client.wait(await client.stock(shop), timeout=60)
        assert (await running.logged("walked"))["throttled"] == 0


async def test_a_worker_at_level_info_compares_without_a_word(redis_url: str) -> None:
    assert not SILENT.wants_comparisons
    async with (
        sandbox("--shops", "1", "--products", "3") as front,
        worker(front.env(redis_url)) as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client)
        await _ask_twice(client, front.shops[0]["shop_id"])
        await running.logged("drained")
        assert not [line for line in running.logs if line["event"] == "product_compared" or line["level"] == "debug"]


async def _ask_twice(client: SyncClient, shop: str) -> None:
    for _ in range(2):
        await client.wait(await client.products(shop, [SEED]), timeout=60)
