"""The main job on a cluster of 256 partitions: every command, script and pipeline of it goes to the right node."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from shopstream import EventConsumer, SyncClient
from shopstream.redis.cluster.node_choice import reach_primaries
from shopstream.redis.connection import connect
from shopstream.redis.keys import Partition, partition_for
from tests import every_event
from tests.chaos.stage import valkey
from tests.commands.running import command
from tests.gateway.process import Gateway, gateway
from tests.processes import ANSWER_SECONDS, Sandbox, Worker, sandbox, until, worker
from tests.running.clusters import Cluster, cluster

WITHIN = 90
PARTITIONS = 256


@dataclass
class Deployment:
    """Processes on one cluster."""

    servers: Cluster
    redis: Redis
    client: SyncClient
    front: Sandbox
    worker: Worker
    door: Gateway
    env: dict[str, str]

    @property
    def shops(self) -> list[str]:
        return [shop["shop_id"] for shop in self.front.shops]


@asynccontextmanager
async def deployed(shops: int, products: int) -> AsyncIterator[Deployment]:
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(cluster(node_timeout_ms=15_000))
        queue = await stack.enter_async_context(valkey())
        front = await stack.enter_async_context(sandbox("--shops", str(shops), "--products", str(products)))
        env = front.env(servers.url, SHOPSTREAM_QUEUE_URL=queue.url)
        running = await stack.enter_async_context(worker(env))
        app = {name: env[name] for name in ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET")}
        door = await stack.enter_async_context(gateway(servers.url, **app))
        redis = await stack.enter_async_context(connect(servers.url, retry=True, seconds=ANSWER_SECONDS))
        client = await stack.enter_async_context(SyncClient(redis))
        yield Deployment(servers, redis, client, front, running, door, env)


async def load(one: Deployment) -> None:
    """Authorize all shops, and wait until their first loads have ended."""
    await asyncio.gather(*(one.client.authorize(code, timeout=WITHIN) for code in one.front.auth_codes))
    for shop in one.shops:
        await one.client.wait(await one.client.sync_shop(shop, full=True), timeout=WITHIN)


async def dead_letter(one: Deployment, shop: str) -> None:
    """Give an id up, look at its letter, and requeue it."""
    request = await one.client.sync_products(shop, ["1731029337055999999"])
    assert (await one.client.wait(request, timeout=WITHIN)).given_up == 1
    (letter,) = [item async for item in one.client.list_dead_letters()]
    assert letter.data["shop_id"] == shop
    assert (await one.client.requeue_dead_letters(shop_id=shop)).done == 1


@pytest.mark.minute
async def test_the_main_job_runs_on_a_cluster() -> None:
    async with deployed(shops=3, products=6) as one:
        await load(one)
        first, second, _ = one.shops
        homes = {partition_for(shop, PARTITIONS).number for shop in one.shops}
        assert len({(await one.servers.owner(Partition(home).due)).port for home in homes}) > 1, "all on one node"
        client = one.client
        snapshot = await client.take_snapshot(first)
        assert len(snapshot.products) == 6
        product = next(iter(snapshot.products.values()))
        sku = product.stock[0].sku_id
        asked = await client.sync_products(first, [product.product_id], urgent=True)
        assert (await client.wait(asked, timeout=WITHIN)).done == 1
        await dead_letter(one, first)
        assert (await client.wait(await client.sync_stock(second), timeout=WITHIN)).complete
        assert (await client.wait(await client.dry_run("delta", second), timeout=WITHIN)).complete
        assert (await client.explain(first, sku)).stock
        assert (await client.explain_product(first, product.product_id)).changes
        assert (await client.change_settings(second, interval="20m")).interval == 1_200
        assert (await client.load_settings(second)).interval == 1_200
        await client.pause(second)
        assert await client.resume(second)
        assert (await client.sync_all_shops(over_seconds=0)).shops == 3
        await read_all(one, expected=18)
        assert {(one.group, one.unread) for one in await client.list_groups()} == {("erp", 0)}
        await client.delete_group("products", "erp")
        overview = await client.overview()
        assert len(overview.shops) == 3
        assert len(await client.list_workers()) == 1
        exported = await client.export_backup(io.BytesIO())
        assert exported.shops == 3
        await sell(one, first, sku)
        for arguments in (("status",), ("doctor", "--offline"), ("shops",), ("dead", "list")):
            done = await command(one.servers.url, *arguments, **one.env)
            assert done.code in {0, 1}, done
            assert "Traceback" not in done.err
        done = await command(one.servers.url, "tail", "products", "--from-start", "-n", "18", "--json")
        assert len({item["product_id"] for item in done.documents}) == 18
        assert (await one.door.see("/readyz"))[0] == 200
        assert (await one.door.see("/metrics"))[0] == 200
        assert (await client.forget(second, timeout=WITHIN)).keys
        faults = [line for line in one.worker.logs if line.get("level") in {"error", "critical"}]
        assert not faults, faults
        for node in await reach_primaries(one.redis):
            await every_event.check(node)


async def read_all(one: Deployment, expected: int) -> None:
    """Read and acknowledge the events of all partitions, and look at the lag."""
    found: set[str] = set()
    async with EventConsumer(one.servers.url, stream="products", group="erp") as consumer:
        async for event in consumer:
            found.add(str(event.data["product_id"]))
            await event.ack()
            if len(found) == expected:
                break
        assert (await consumer.lag()).total == 0


async def sell(one: Deployment, shop: str, sku: str) -> None:
    """Have a sale pushed to the gateway, and wait for its event."""
    await one.front.control("webhooks", url=f"{one.door.public}/webhooks/tiktok", types=[68])
    await one.front.control("stock", shop_id=shop, changes=[{"sku_id": sku, "quantity": 500}])
    await one.client.wait(await one.client.sync_stock(shop, [f"{sku}"]), timeout=WITHIN)
    left = (await one.front.control("order", shop_id=shop, sku_id=sku, event="created"))["after"]["available"]
    stream = partition_for(shop, PARTITIONS).stream("stock")

    async def there() -> bool:
        entries = await one.redis.xrevrange(stream, count=20)
        data = [json.loads(fields[b"data"]) for _, fields in entries]
        return any(item.get("sku_id") == sku and item.get("available") == left for item in data)

    await until(there, seconds=WITHIN)
