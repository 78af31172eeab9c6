"""Memory and CPU of stored states, as JSON and compressed: `make bench ONLY=state`.

States are made by the worker's own publisher. Memory is the difference of Redis's `used_memory` after the streams are
removed. CPU is that of the publisher's process: the same changed products, with states in both forms by turns.
"""

import gc
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks import system
from benchmarks.reporting.report import Report
from benchmarks.states.made_states import make_detail, read_detail
from benchmarks.valkey import valkey
from shopstream.compression.dictionary_store import begin_compression
from shopstream.redis.deployment_keys import DICTIONARY_IN_USE
from shopstream.redis.keys import STREAMS, Partition
from shopstream.registry.settings import ShopSettings
from shopstream.state.state_codec import find_codec
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.view import bodies
from worker.changes.drafts import Cause
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Seen, Target
from worker.redis import pool

P: Final = Partition(0)
_AT_MS: Final = 1_764_372_118_424
_BATCH: Final = 50
_HALF: Final = 1
"""The half of the words that the training of the general dictionary did not see."""
_PLACE: Final = 100
"""The first place of sandbox shops whose products it did not see."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured: products compressed and as JSON, products of a shop, rounds of CPU."""

    products: int = 100_000
    as_json: int = 4_000
    of_shop: int = 1_000
    varied: int = 8_000
    rounds: int = 41


SHORT: Final = Sizes(products=200, as_json=100, of_shop=50, varied=1_200, rounds=1)
"""Enough varied products that buffers of connections, 100 KB by turns, weigh little."""
Detail = dict[str, Any]


async def run(report: Report, sizes: Sizes = Sizes()) -> None:
    """All rows."""
    for name, few in (
        ("the sandbox's", [*_list_sandbox(_BATCH, _BATCH)]),
        ("like TikTok's samples, 1 SKU", [*_list_varied(_BATCH, 1)]),
    ):
        report.row("CPU of a changed product, µs", {"products_are": name, **await _spend(few, sizes.rounds)})
    for name, form, publish, details in (
        ("the sandbox's", "JSON", "products", _list_sandbox(sizes.as_json, sizes.of_shop)),
        ("the sandbox's", "compressed", "stock", _list_sandbox(sizes.as_json, sizes.of_shop)),
        ("like TikTok's samples, 1 SKU", "JSON", "products", _list_varied(sizes.varied // 2, 1)),
        ("like TikTok's samples, 1 SKU", "compressed", "products", _list_varied(sizes.varied, 1)),
        ("like TikTok's samples, 5 SKUs", "compressed", "products", _list_varied(sizes.varied // 2, 5)),
        ("the sandbox's", "compressed", "products", _list_sandbox(sizes.products, sizes.of_shop)),
    ):
        weight = await _weigh(details, sizes.of_shop, form, publish)
        report.row("bytes in Redis", {"products_are": name, "form": form, "publish": publish, **weight})


def _list_sandbox(products: int, of_shop: int) -> Iterator[Detail]:
    for number in range(-(-products // of_shop)):
        shop = Shop(_PLACE + number, of_shop, seed=1)
        for product_id in shop.ids():
            product = shop.get(product_id)
            assert product is not None
            yield bodies.detail(shop, product)


def _list_varied(products: int, skus: int) -> Iterator[Detail]:
    for number in range(products):
        yield make_detail(Random(f"measured/{number}"), _HALF, skus)


async def _weigh(details: Iterable[Detail], of_shop: int, form: str, publish: Any) -> dict[str, Any]:
    """Publish the products, and weigh what they leave beside the streams."""
    with valkey() as server:
        redis = pool.client(f"{server.connection_url}/0")
        publisher, products, skus = Publisher(redis), 0, 0
        await _choose(redis, form)
        await _warm(redis, publisher)
        before = await _used(redis)
        system.first((await redis.info("server"))["process_id"])
        with _before_others():
            for batch in _in_batches(details):
                target = _target(products // of_shop, publish)
                await publisher.settle(target, None, [_see(one, products) for one in batch])
                products += len(batch)
                skus += sum(len(one["skus"]) for one in batch)
                await redis.delete(*(P.stream(name) for name in STREAMS))
        after = await _used(redis)
        await redis.aclose()
    return {
        "products": products, "skus_a_product": skus / products, "a_product": (after - before) / products,
        "a_sku": (after - before) / skus,
    }  # fmt: skip


async def _warm(redis: Redis, publisher: Publisher) -> None:
    """Have Redis load the scripts and make what it keeps once, by products of another shop that goes again."""
    for turn in range(20):
        await publisher.settle(_target(-1, "products"), None, [_see(one, turn) for one in _list_varied(_BATCH, 1)])
    await redis.delete(_target(-1, "products").state, *(P.stream(name) for name in STREAMS))


async def _spend(details: Sequence[Detail], rounds: int) -> dict[str, float]:
    """Publish changes of the same products by turns in both forms, and give the median of each."""
    spent: dict[str, list[float]] = {"JSON": [], "compressed": []}
    with valkey() as server:
        redis = pool.client(f"{server.connection_url}/0")
        publisher, turn = Publisher(redis), 0
        for number in range(2 * rounds + 2):
            form = ("JSON", "compressed")[number % 2]
            target = _target(number % 2, "products")
            await _choose(redis, form)
            for _ in range(4):
                turn += 1
                seen = [_see(_change(one, turn), turn) for one in details]
                gc.collect()
                with _before_others():
                    began = time.process_time()
                    counts = await publisher.settle(target, None, seen)
                    if number > 1:
                        spent[form].append(1e6 * (time.process_time() - began) / len(seen))
                assert counts.changed == len(seen)
            await redis.delete(*(P.stream(name) for name in STREAMS))
        await redis.aclose()
    found = {form.lower(): median(values) for form, values in spent.items()}
    return {**found, "more": found["compressed"] - found["json"]}


@contextmanager
def _before_others() -> Iterator[None]:
    """Run before the machine's other work meanwhile, where that is allowed: others leave the caches alone."""
    system.first(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _change(detail: Detail, turn: int) -> Detail:
    """Give the detail with another stock of its first SKU."""
    first, *others = detail["skus"]
    rows = [{**row, "quantity": turn} for row in first["inventory"]]
    return {**detail, "skus": [{**first, "inventory": rows}, *others]}


def _see(detail: Detail, number: int) -> Seen:
    cause = Cause("1", "https://bench/shops/1", "request", "bench", None, f"req-{number}", _AT_MS + number)
    content = read_detail(detail)
    return Seen(b"", detail["id"], number + 1, cause, content)


def _target(shop: int, publish: Any) -> Target:
    return Target(
        P, str(7_495_000_000_000_000_000 + shop), "VN", "https://bench/shops/1", ShopSettings(publish=publish)
    )


async def _choose(redis: Redis, form: str) -> None:
    await (begin_compression(redis) if form == "compressed" else redis.delete(DICTIONARY_IN_USE))
    await find_codec(redis).renew(now=True)


def _in_batches(details: Iterable[Detail]) -> Iterator[list[Detail]]:
    batch: list[Detail] = []
    for one in details:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])
