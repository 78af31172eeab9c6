"""The users of docs/operations.md on a cluster: worker, producer and consumer do their work, with news."""

import asyncio
import logging

import pytest

from shopstream import EventConsumer, SyncClient
from tests.chaos.stage import valkey
from tests.processes import sandbox, worker
from tests.running.clusters import cluster
from tests.safety.test_acl import PASSWORD, USERS


async def test_users_have_the_rights_of_a_cluster(caplog: pytest.LogCaptureFixture) -> None:
    rules = {name: [rule.replace("PASSWORD", PASSWORD) for rule in some] for name, some in USERS.items()}
    async with cluster(replicas=0) as servers, valkey() as queue, sandbox("--shops", "1", "--products", "3") as front:
        for node in servers.nodes.values():
            for name, some in rules.items():
                await node.ask("ACL", "SETUSER", name, *some)

        def url(name: str) -> str:
            return servers.url.replace("://", f"://{name}:{PASSWORD}@")

        shop = front.shops[0]["shop_id"]
        async with worker(front.env(url("worker"), SHOPSTREAM_QUEUE_URL=queue.url)):
            async with SyncClient(url("worker")) as operator:
                await operator.authorize(front.auth_codes[0], timeout=60)
            products = (await front.see(f"shops/{shop}/products"))["products"]
            async with SyncClient(url("producer")) as producer:
                await producer.sync_products(shop, products)
            found: set[str] = set()
            with caplog.at_level(logging.WARNING):
                async with EventConsumer(url("consumer"), stream="products", group="erp") as consumer:
                    async with asyncio.timeout(60):
                        async for event in consumer:
                            await event.ack()
                            found.add(str(event.data["product_id"]))
                            if found == set(products):
                                break
            assert "no news" not in caplog.text
            async with SyncClient(url("consumer")) as reader:
                assert set((await reader.take_snapshot(shop)).products) == set(products)
