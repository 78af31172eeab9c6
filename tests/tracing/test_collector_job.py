"""A collector that is away, slow or broken costs no work and no time, and one line in the log."""

import signal
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.processes import Sandbox, Worker, free_port, patient, sandbox, until, worker
from tests.tracing.collector import Collector, collector


async def sync_all(front: Sandbox, redis_url: str, env: dict[str, str]) -> tuple[Worker, float]:
    """Sync a shop's products, end the worker, and give it with the seconds that its end took."""
    async with worker(env) as running, patient(redis_url) as client:
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        products = (await front.see(f"shops/{shop}/products"))["products"]
        done = await client.wait(await client.sync_products(shop, products), timeout=60)
        assert (done.done, done.given_up) == (len(products), 0)
        await running.logged("drained")
        # The queue is full long before the end.
        ended = await _end(running)
    return running, ended


async def _end(running: Worker) -> float:
    began = time.monotonic()
    running.child.send_signal(signal.SIGTERM)
    await running.child.wait()
    assert running.child.returncode == 0
    stopped = running.logs
    assert stopped
    return time.monotonic() - began


def about_traces(logs: Sequence[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in logs if "span" in str(line) or "trac" in str(line).lower()]


def env_of(front: Sandbox, redis_url: str, traces: Collector, **more: str) -> dict[str, str]:
    # A queue that is full at once, and sent at once.
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    return front.env(redis_url, **traces.env(**small), **more)


@pytest.mark.parametrize("status", [500, 400])
async def test_a_collector_that_refuses_is_logged_once(redis_url: str, status: int) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "40") as front:
        traces.status = status
        running, _ = await sync_all(front, redis_url, env_of(front, redis_url, traces))
        assert traces.requests > 2
        assert about_traces(running.logs) == ["spans_not_sent"]


async def test_a_collector_that_is_away_is_logged_once(redis_url: str) -> None:
    traces = Collector(f"http://127.0.0.1:{free_port()}")
    async with sandbox("--shops", "1", "--products", "40") as front:
        env = env_of(front, redis_url, traces) | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        running, _ = await sync_all(front, redis_url, env)
        assert about_traces(running.logs).count("spans_not_sent") <= 1
        assert set(about_traces(running.logs)) <= {"spans_not_sent", "spans_lost"}


async def test_a_collector_that_never_answers_holds_up_neither_work_nor_the_end(redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "40") as front:
        traces.answering.clear()
        # The exporter would wait for minutes.
        env = env_of(front, redis_url, traces) | {"OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
        running, seconds = await sync_all(front, redis_url, env)
        assert traces.requests >= 1
        assert about_traces(running.logs) == ["spans_lost"]
        lines = [line["event"] for line in running.logs]
        assert lines.index("worker_stopped") < lines.index("spans_lost")
        assert seconds < 60


async def test_the_last_spans_are_sent_at_the_end(redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        env = front.env(redis_url, **traces.env() | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"})
        await sync_all(front, redis_url, env)
        assert len(traces.of("drain shopstream:backlog:products")) >= 1
        assert len(traces.of("create shopstream:products")) == 3


async def test_spans_are_sent_again_once_the_collector_is_well(redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        traces.status = 500
        env = front.env(redis_url, **traces.env(OTEL_BSP_SCHEDULE_DELAY="10"))
        async with worker(env) as running, patient(redis_url) as client:
            await front.authorize(client)
            await running.logged("spans_not_sent")
            traces.status = 200
            shop = front.shops[0]["shop_id"]

            async def ask_again() -> bool:
                await client.wait(await client.sync_products(shop, ["404"]), timeout=60)
                return any(line["event"] == "spans_sent_again" for line in running.logs)

            await until(ask_again, seconds=30)
        assert traces.spans
