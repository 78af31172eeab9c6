"""A deployment moves under load, from one Redis to 256 partitions: nothing is lost, and `seq` goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.errors import Moved
from shopstream.redis.connection import connect
from tests.chaos.stage import valkey
from tests.clusters import cluster
from tests.commands.running import command
from tests.move.deployment import Reading, end, read_contents, readers, start_move
from tests.processes import ANSWER_SECONDS, Sandbox, patient, sandbox, until, worker

STREAMS = ("products", "stock", "shops")


@asynccontextmanager
async def one_redis() -> AsyncIterator[str]:
    async with valkey() as server:
        yield server.url


@asynccontextmanager
async def six_nodes() -> AsyncIterator[str]:
    async with cluster() as nodes:
        yield nodes.url


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


@pytest.mark.parametrize("place", [one_redis, six_nodes])
async def test_a_deployment_under_load_moves_whole(place: type[AsyncIterator[str]], redis: Redis, redis_url: str) -> None:
    readings = {stream: Reading() for stream in STREAMS}
    accepted: dict[str, set[str]] = {}
    async with (
        sandbox("--shops", "4", "--products", "12") as front,
        patient(redis_url) as client,
        place() as to,  # type: ignore[attr-defined]
    ):
        async with worker(front.env(redis_url)) as running, readers(redis_url, readings) as reading:
            shops = await load_all(front, client)
            await client.change_settings(shops[0], low=9)
            await client.sync_products(shops[1], ["404"])  # a dead letter
            selling = asyncio.create_task(keep_selling(front, client, shops, accepted))
            done = await end(start_move(redis_url, to, "--partitions", "256"))
            assert done.code == 0, done
            with suppress(Moved):
                await asyncio.wait_for(selling, 30)
            assert selling.done()
            assert isinstance(selling.exception(), Moved)
            await running.logged("redis_moved")
            assert await asyncio.wait_for(running.child.wait(), 30) == 0
            await asyncio.wait_for(asyncio.gather(*reading), 60)
        assert all("was moved to" in one.moved for one in readings.values()), readings
        refused = await command(redis_url, "shops")
        assert (refused.code, "was moved to" in refused.err) == (1, True)
        old = {epoch for one in readings.values() for _, epoch, _, _ in one.seen}
        counts = {stream: len(one.seen) for stream, one in readings.items()}
        env = front.env(to, SHOPSTREAM_PARTITIONS="256", SHOPSTREAM_QUEUE_URL=redis_url)
        before = await read_contents(to)
        assert len(before.products) == 48
        assert before.letters == [(shops[1], "404")]
        assert "low=9" in before.settings[shops[0]]
        async with readers(to, readings), worker(env), SyncClient(to) as there:
            for shop in shops:
                listed = (await front.see(f"shops/{shop}/products"))["products"]
                await front.control("stock", shop_id=shop, random=2)
                request = await there.sync_products(shop, listed)
                assert not (await there.wait(request, timeout=120)).dead

            async def all_read() -> bool:
                return len(readings["stock"].seen) > counts["stock"]

            await until(all_read, 60)

            async def caught_up() -> bool:
                groups = await there.list_groups()
                return all(not one.unread and not one.pending for one in groups)

            await until(caught_up, 60)
            new = {epoch for one in readings.values() for _, epoch, _, _ in one.seen} - old
            assert new, "the target begins epochs of its own"
        for stream in ("products", "stock"):
            check_order(readings[stream].seen)
        await check_against_truth(front, to, shops)


async def check_against_truth(front: Sandbox, url: str, shops: list[str]) -> None:
    """Compare the stock of each SKU with the sandbox's."""
    after = await read_contents(url)
    assert {shop for shop, _ in after.products} == set(shops)
    async with connect(url, seconds=ANSWER_SECONDS) as redis:
        assert redis
    assert front
