"""A deployment moves under load, from one Redis to 256 partitions: nothing is lost, and `seq` goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shopstream import SyncClient
from shopstream.errors import Moved
from shopstream.redis.connection import connect
from tests.chaos.stage import valkey
from tests.commands.running import command
from tests.move.deployment import Reading, end, read_contents, readers, start_move
from tests.processes import ANSWER_SECONDS, Sandbox, patient, sandbox, until, worker
from tests.running.clusters import cluster

STREAMS = ("products", "stock", "shops")


async def load_all(front: Sandbox, client: SyncClient) -> list[str]:
    """Authorize all shops and load them."""
    await front.authorize(client, *front.auth_codes, timeout=60)
    shops = sorted(shop["shop_id"] for shop in front.shops)
    for shop in shops:
        await client.wait(await client.sync_shop(shop, full=True), timeout=120)
    return shops


async def keep_selling(front: Sandbox, client: SyncClient, shops: list[str], accepted: dict[str, set[str]]) -> None:
    """Change stock and have it fetched, until the source says that the deployment has moved."""
    while True:
        for shop in shops:
            listed = (await front.see(f"shops/{shop}/products"))["products"]
            await front.control("stock", shop_id=shop, random=3)
            await client.sync_products(shop, listed)
            accepted.setdefault(shop, set()).update(listed)
        await asyncio.sleep(0.05)


def check_order(seen: list[tuple[str, str, int, str]]) -> None:
    """Check that `seq` of each subject goes on without gap, repeat or step back, over both sides."""
    last: dict[str, int] = {}
    for subject, _, seq, _ in seen:
        assert seq == last.get(subject, 0) + 1, (subject, seq, last.get(subject))
        last[subject] = seq


@asynccontextmanager
async def moved_under_load(
    redis_url: str, to: str, readings: dict[str, Reading]
) -> AsyncIterator[tuple[Sandbox, list[str]]]:
    """Move a deployment while stock is sold, fetched and read, and wait until its processes have noticed."""
    accepted: dict[str, set[str]] = {}
    async with sandbox("--shops", "4", "--products", "12") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)) as running, readers(redis_url, readings) as reading:
            shops = await load_all(front, client)
            await client.change_settings(shops[0], low=9)
            await client.sync_products(shops[1], ["404"])  # a dead letter
            selling = asyncio.create_task(keep_selling(front, client, shops, accepted))
            done = await end(await start_move(redis_url, to, "--partitions", "256"))
            assert done.code == 0, done
            with suppress(Moved):
                await asyncio.wait_for(selling, 60)
            assert isinstance(selling.exception(), Moved)
            await running.logged("redis_moved")
            assert await asyncio.wait_for(running.child.wait(), 60) == 0
            await asyncio.wait_for(asyncio.gather(*reading), 60)
        assert all("was moved to" in one.moved for one in readings.values()), readings
        refused = await command(redis_url, "shops")
        assert (refused.code, "was moved to" in refused.err) == (1, True)
        before, after = await read_contents(redis_url), await read_contents(to)
        assert after == before
        assert len(after.products) == 48
        assert after.letters == [(shops[1], "404")]
        assert "low=9" in after.settings[shops[0]]
        yield front, shops


async def test_a_deployment_under_load_moves_to_256_partitions(redis_url: str) -> None:
    async with valkey() as server:
        await move_and_go_on(redis_url, server.url)


async def test_a_deployment_under_load_moves_to_a_cluster(redis_url: str) -> None:
    async with cluster() as nodes:
        await move_and_go_on(redis_url, nodes.url)
        status = await command(redis_url, "move", "--status")
        assert f"moved to {nodes.url}" in status.out


async def move_and_go_on(redis_url: str, to: str) -> None:
    """Move, then have workers, clients and consumers go on at the target."""
    readings = {stream: Reading() for stream in STREAMS}
    async with moved_under_load(redis_url, to, readings) as (front, shops):
        old = {epoch for one in readings.values() for _, epoch, _, _ in one.seen}
        env = front.env(to, SHOPSTREAM_PARTITIONS="256", SHOPSTREAM_QUEUE_URL=redis_url)
        async with (
            readers(to, readings),
            worker(env),
            connect(to, retry=True, seconds=ANSWER_SECONDS) as client,
            SyncClient(client) as there,
        ):
            for shop in shops:
                listed = (await front.see(f"shops/{shop}/products"))["products"]
                await front.control("stock", shop_id=shop, random=2)
                request = await there.sync_products(shop, listed)
                assert not (await there.wait(request, timeout=120)).dead

            async def caught_up() -> bool:
                groups = await there.list_groups()
                return len(groups) == 3 and all(not one.unread and not one.pending for one in groups)

            await until(caught_up, 60)
            assert {epoch for one in readings.values() for _, epoch, _, _ in one.seen} - old, "epochs of its own"
        for stream in ("products", "stock"):
            check_order(readings[stream].seen)
        await check_against_truth(front, to, shops)


async def check_against_truth(front: Sandbox, url: str, shops: list[str]) -> None:
    """Compare the units of each SKU with the sandbox's."""
    after = await read_contents(url)
    for shop in shops:
        for product in (await front.see(f"shops/{shop}/state?limit=10000"))["products"].values():
            for sku, row in product["skus"].items():
                assert after.skus[shop, sku][1] == sum(row["stock"].values())
