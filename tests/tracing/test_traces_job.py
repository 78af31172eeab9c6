"""A trace from the asking service through a real worker to the handler of a consumer, at a real OTLP endpoint."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.gateway.process import gateway, push, sign
from tests.gateway.running import gateway as gateway_with_api
from tests.processes import patient, process, sandbox, worker
from tests.sources import ROOT, text
from tests.tracing.collector import CLIENT, CONSUMER, PRODUCER, Collector, SentSpan, collector
from tests.tracing.programs import ASK, CONSUME, run_program, run_to_end

SEED = "1731029337055922770"
SKU = "1731159324007369298"
STOCK = Partition(0).stream("stock")
ASKED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def traceparents(redis: Redis, stream: str = STOCK) -> list[str]:
    return [fields.get(b"traceparent", b"").decode() for _, fields in await redis.xrange(stream)]


def alone(spans: Sequence[SentSpan]) -> SentSpan:
    (span,) = spans
    return span


async def test_one_trace_from_the_asker_to_the_handler(redis: Redis, redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, **traces.env())), patient(redis_url) as client:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            on = traces.env(SHOPSTREAM_TRACING="on")
            async with run_program(
                CONSUME, redis_url, "stock", "2", env=on | {"OTEL_SERVICE_NAME": "their-erp"}
            ) as consumer:
                await run_to_end(ASK, redis_url, shop, SEED, env=on | {"OTEL_SERVICE_NAME": "their-shop"})
                out, err = await asyncio.wait_for(consumer.communicate(), 60)
                assert consumer.returncode == 0, err.decode()
        handled = [json.loads(line) for line in out.decode().splitlines()]
        root = alone(traces.of("their request"))
        ask = alone(traces.of("ask shopstream:backlog:products"))
        assert (ask.kind, ask.service, ask.parent, ask.trace) == (PRODUCER, "their-shop", root.id, root.trace)
        assert ask.attributes["messaging.batch.message_count"] == 1
        drain = alone(traces.of("drain shopstream:backlog:products"))
        assert (drain.kind, drain.service, drain.parent, drain.links) == (CONSUMER, "shopstream-worker", "", (ask.id,))
        assert (drain.attributes["shopstream.events"], drain.attributes["shopstream.calls"]) == (3, 1)
        call = alone(traces.of("call product"))
        assert (call.kind, call.trace, call.parent, call.links) == (CLIENT, ask.trace, ask.id, (drain.id,))
        creates = traces.of("create shopstream:stock")
        assert len(creates) == 2
        for create in creates:
            assert (create.kind, create.trace, create.parent) == (PRODUCER, ask.trace, ask.id)
            assert create.links == (drain.id,)
        assert {one.attributes["cloudevents.event_id"] for one in creates} == {identifier for identifier, *_ in handled}
        # The event has the asker's context, never that of a hop.
        assert await traceparents(redis) == [ask.context] * 2
        assert [trace for *_, trace in handled] == [ask.context] * 2
        handlers = traces.of("process shopstream:stock")
        for handler, (identifier, entry, _) in zip(handlers, handled, strict=True):
            assert (handler.kind, handler.service) == (CONSUMER, "their-erp")
            assert (handler.trace, handler.parent, handler.links) == (ask.trace, ask.id, (ask.id,))
            assert handler.attributes == {
                "messaging.system": "redis",
                "messaging.destination.name": "shopstream:stock",
                "messaging.destination.template": "shopstream:{partition}:stock",
                "messaging.destination.partition.id": "0",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": "erp",
                "messaging.message.id": entry,
                "cloudevents.event_id": identifier,
                "cloudevents.event_type": "io.shopstream.stock.changed",
                "cloudevents.event_source": f"https://shopstream.local/shops/{shop}",
                "shopstream.shop_id": shop,
                "shopstream.deliveries": 1,
            }
        # The handler runs inside of its span, and what comes after the loop does not.
        assert [one.parent for one in traces.of("their handler")] == [one.id for one in handlers]
        assert alone(traces.of("their end")).parent == ""
        _hold_no_content(traces, front.app_secret)


def _hold_no_content(traces: Collector, *secrets: str) -> None:
    text = repr(traces.spans)
    for word in ("title", "token", "cipher", "secret", "sign=", *secrets):
        assert word not in text.lower().replace("their-", ""), word


async def test_an_event_without_an_asker_has_the_context_of_its_own_create(redis: Redis, redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, **traces.env())), patient(redis_url) as client:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
            await front.control("stock", shop_id=shop, changes=[{"sku_id": SKU, "quantity": 2}])
            await client.wait(await client.sync_stock(shop), timeout=60)
        drain = alone(traces.of("drain shopstream:backlog:products"))
        assert (drain.parent, drain.links) == ("", ())
        creates = traces.of("create shopstream:stock")
        assert [one.context for one in creates] == await traceparents(redis)
        assert len({one.id for one in creates}) == 3
        assert {(one.trace, one.parent) for one in creates[:2]} == {(drain.trace, drain.id)}
        # A walk has no drain: its first event begins the trace.
        assert creates[2].parent == ""
        assert not traces.of("call product"), "nobody asked for it in a trace"
        assert traces.of("create shopstream:shops"), "the shop's own event"


async def test_unsampled_work_leaves_no_span_unless_its_id_is_sampled(redis: Redis, redis_url: str) -> None:
    none = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, **traces.env(**none))), patient(redis_url) as client:
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            (other,) = {*(await front.see(f"shops/{shop}/products"))["products"][:2]} - {SEED}
            unsampled = ASKED[:-1] + "0"
            await client.wait(await client.sync_products(shop, [other], traceparent=unsampled), timeout=60)
            before = await traceparents(redis)
            assert set(before) == {unsampled}
            await client.wait(await client.sync_products(shop, [SEED], traceparent=ASKED), timeout=60)
            assert set((await traceparents(redis))[len(before) :]) == {ASKED}
        drain = alone(traces.of("drain shopstream:backlog:products"))
        call = alone(traces.of("call product"))
        parent = ASKED.split("-")[2]
        assert (drain.parent, drain.links, call.parent) == (parent, (parent,), parent)
        assert {one.context[3:35] for one in traces.spans} == {ASKED[3:35]}
        assert {one.name.split()[0] for one in traces.spans} == {"drain", "call", "create"}


async def test_a_batch_for_two_askers_is_one_call_with_links_to_both(redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await front.authorize(client)
            shop = front.shops[0]["shop_id"]
            products = (await front.see(f"shops/{shop}/products"))["products"][:2]
            await client.wait(await client.sync_products(shop, products), timeout=60)
        asked = [f"00-{number:032x}-{number:016x}-01" for number in (1, 2)]
        requests = [
            await client.sync_stock(shop, [one], traceparent=each) for one, each in zip(products, asked, strict=True)
        ]
        async with worker(front.env(redis_url, **traces.env())):
            for request in requests:
                await client.wait(request, timeout=60)
        drain, call = alone(traces.of("drain shopstream:backlog:stock")), alone(traces.of("call inventory_search"))
        spans = {one.split("-")[2] for one in asked}
        assert (set(drain.links), set(call.links)) == (spans, spans)
        assert (call.trace, call.parent) == (drain.trace, drain.id)


async def test_a_webhook_is_one_trace_to_the_handler(redis: Redis, redis_url: str) -> None:
    async with (
        collector() as traces,
        sandbox("--shops", "1", "--products", "3") as front,
        patient(redis_url) as client,
        worker(front.env(redis_url, **traces.env())),
    ):
        await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        await client.wait(await client.sync_products(shop, [SEED]), timeout=60)
        before = len(await traceparents(redis, Partition(0).stream("products")))
        await front.control("product", shop_id=shop, product_id=SEED, set={"title": "New title"})
        env = {"SHOPSTREAM_APP_KEY": front.app_key, "SHOPSTREAM_APP_SECRET": front.app_secret, **traces.env()}
        async with gateway(redis_url, **env) as running:
            consumed = traces.env(SHOPSTREAM_TRACING="on", OTEL_SERVICE_NAME="their-erp")
            for body, stream, number in (
                (push(15, {"product_id": SEED}, shop_id=shop), "products", before + 1),
                (push(68, _sale(), shop_id=shop), "stock", 3),
            ):
                raw = json.dumps(body).encode()
                assert await running.post(raw, sign(raw, front.app_secret, front.app_key), traceparent=ASKED) == 200
                await run_to_end(CONSUME, redis_url, stream, str(number), env=consumed)
        ask = alone(await traces.wait_for("ask shopstream:backlog:products"))
        notice = alone(await traces.wait_for("ask shopstream:backlog:notices"))
        for one in (ask, notice):
            assert (one.service, one.trace, one.parent) == ("shopstream-gateway", ASKED[3:35], ASKED.split("-")[2])
        assert (await traceparents(redis, Partition(0).stream("products")))[-1] == ask.context
        assert (await traceparents(redis))[-1] == notice.context
        assert [one.parent for one in traces.of("process shopstream:products")][-1] == ask.id
        assert [one.parent for one in traces.of("process shopstream:stock")][-1] == notice.id
        drain = alone(await traces.wait_for("drain shopstream:backlog:notices"))
        assert drain.links == (notice.id,)


def _sale() -> dict[str, object]:
    """A push that is surely later than any answer before it, by the clocks' allowed difference."""
    moment = (datetime.now(UTC) + timedelta(seconds=60)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "event_id": "e-1", "occurred_at": moment,
        "product_id": SEED, "sku_id": SKU,
        "quantity_snapshot_after_change": {"total_available_quantity": 1, "total_committed_quantity": 0},
    }  # fmt: skip


async def test_the_api_hands_its_header_on(redis: Redis, redis_url: str) -> None:
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await front.authorize(client)
        shop = front.shops[0]["shop_id"]
        async with gateway_with_api(redis_url, **traces.env()) as running:
            answer = await running.call(
                "POST", f"/v1/shops/{shop}/products", json={"ids": [SEED]}, headers={"traceparent": ASKED}
            )
            assert answer.status == 202
            ask = alone(await traces.wait_for("ask shopstream:backlog:products"))
        assert (ask.trace, ask.parent) == (ASKED[3:35], ASKED.split("-")[2])
        why = json.loads(await redis.hget(Partition(0).asked("products", shop), SEED))  # type: ignore[misc]
        assert why == {"traceparent": ask.context}


async def test_the_pages_example_makes_the_trace_that_the_page_shows(redis_url: str) -> None:
    page = text(ROOT / "docs" / "tracing.md")
    program, _, shown, *_ = page.partition("```python\n")[2].split("```")
    async with collector() as traces, sandbox("--shops", "1", "--products", "3") as front:
        async with worker(front.env(redis_url, **traces.env())), patient(redis_url) as client:
            await front.authorize(client)
            env = traces.env(SHOPSTREAM_REDIS_URL=redis_url)
            async with process(sys.executable, "-c", program, env=env) as child:
                _, err = await asyncio.wait_for(child.communicate(), 90)
                assert child.returncode == 0, err.decode()
            await run_to_end(CONSUME, redis_url, "stock", "2", env=env)
        root = alone(traces.of("price update"))
        here = Counter(one.name for one in traces.spans if one.trace == root.trace and one.name != "their handler")
        tree = shown.partition("drain ")[0]
        assert here == Counter(re.findall(r"^[ └├─]*(.+?)(?:  .*)?$", tree, re.MULTILINE))
