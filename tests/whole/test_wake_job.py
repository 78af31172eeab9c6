"""Wake-ups with real workers: they and not the sweep begin what is asked for, and nothing is lost without them."""

import asyncio
import signal

from redis.asyncio import Redis

from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition
from tests.builders import entries
from tests.processes import patient, sandbox, until, worker
from tests.whole.test_main_job import shop_open

P = Partition(0)
TRIALS = 8


async def _done(redis: Redis, shop: str) -> bool:
    return not await redis.exists(P.backlog("products", shop), P.claimed("products", shop))


async def _raw(redis: Redis, shop: str, product: str) -> None:
    """As another language asks, waking nobody."""
    await redis.zadd(P.backlog("products", shop), {product: 0}, lt=True)
    await redis.zadd(P.due, {f"products:{shop}": 0}, lt=True)


async def test_what_the_client_asks_for_is_begun_by_a_wake_up_and_what_wakes_nobody_by_the_sweep(
    redis: Redis, redis_url: str
) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        product = (await front.see(f"shops/{shop}/products"))["products"][0]
        loop = asyncio.get_running_loop()
        took = {"woken": 0.0, "swept": 0.0}
        for n in range(2 * TRIALS):  # in turn: the machine's other load strikes both
            began = loop.time()
            if n % 2:
                await client.sync_products(shop, [product], urgent=True)
            else:
                await _raw(redis, shop, product)
            await until(lambda: _done(redis, shop), every=0.005)
            took["woken" if n % 2 else "swept"] += loop.time() - began
    # What both need is the same, and grows with the load beside them: a sweep comes a quarter of a second later.
    assert took["woken"] < 0.75 * took["swept"], took


async def test_a_flood_of_wake_ups_right_and_wrong_loses_nothing(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "3", "--products", "30") as (front, client, _):
        flooding = True

        async def flood() -> None:
            n = 0
            while flooding:
                n += 1
                async with redis.pipeline(transaction=False) as pipe:
                    for i in range(50):
                        pipe.zadd(wake_key(), {str(i): 0, f"garbage-{n}-{i}": -1} if n % 10 == 0 else {"0": 0})
                    await pipe.execute()
                await asyncio.sleep(0.01)

        flooded = asyncio.create_task(flood())
        for shop in front.shops:
            ids = (await front.see(f"shops/{shop['shop_id']}/products"))["products"]
            assert not (await client.wait(await client.sync_products(shop["shop_id"], ids), timeout=60)).dead
        flooding = False
        await flooded
        assert len(await entries(redis, "products")) == 90
        # Its garbage is gone, and the next one is heard.
        await until(lambda: _empty(redis))


async def _empty(redis: Redis) -> bool:
    return not await redis.exists(wake_key())


async def test_an_idle_worker_that_listens_ends_cleanly_at_sigterm_and_the_others_hear(
    redis: Redis, redis_url: str
) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        env = front.env(redis_url)
        async with worker(env) as staying, worker(env) as leaving:
            await front.authorize(client)
            await until(lambda: _listen(redis, 2))
            leaving.child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(leaving.child.wait(), 20) == 0
            assert any(line["event"] == "worker_stopped" for line in leaving.logs)
            await until(lambda: _listen(redis, 1))
            shop = front.shops[0]["shop_id"]
            ids = (await front.see(f"shops/{shop}/products"))["products"]
            assert not (await client.wait(await client.sync_products(shop, ids), timeout=60)).dead
        assert not [line for line in [*staying.logs, *leaving.logs] if line["event"] == "wake_up_failed"]


async def _listen(redis: Redis, count: int) -> bool:
    return int((await redis.info("clients"))["blocked_clients"]) == count


async def test_every_way_of_asking_wakes(redis: Redis, redis_url: str) -> None:
    async with shop_open(redis_url, "--shops", "1", "--products", "3") as (front, client, shop):
        product = (await front.see(f"shops/{shop}/products"))["products"][0]
        missing = await client.sync_products(shop, ["404"])
        assert (await client.wait(missing, timeout=60)).dead.keys() == {"404"}
    # Nobody listens now: each leaves its wake-up.
    async with patient(redis_url) as client:
        for ask in (
            lambda: client.sync_products(shop, [product]),
            lambda: client.sync_stock(shop, [product]),
            lambda: client.sync_stock(shop),
            lambda: client.sync_shop(shop),
            lambda: client.sync_shop(shop, full=True),
            lambda: client.dry_run("delta", shop),
            lambda: client.requeue_dead_letters(everything=True),
        ):
            await redis.delete(wake_key())
            await ask()
            assert await redis.zrange(wake_key(), 0, -1) == [b"0"]
