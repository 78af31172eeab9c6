"""A new shop is loaded at once and whole, and whoever authorized it is told so."""

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.registry import settings_store
from tests.processes import patient, sandbox, until, worker
from tests.shopstream.test_cli import run

P = Partition(0)
PRODUCTS = 130


async def test_a_new_shop_is_loaded_by_itself_and_the_command_says_how_long_it_takes(
    redis: Redis, redis_url: str
) -> None:
    async with (
        sandbox("--shops", "1", "--products", str(PRODUCTS)) as front,
        worker(front.env(redis_url, SHOPSTREAM_PACING_START_RATE="20", SHOPSTREAM_PACING_MAX_RATE="20")),
        patient(redis_url) as client,
    ):
        shop = front.shops[0]["shop_id"]
        done = await run(redis_url, "authorize", front.auth_codes[0])
        assert done.returncode == 0, done.stderr
        line = done.stdout.splitlines()[-1]
        # A detail each and two pages, at 20 a second.
        assert line.startswith(f"shop {shop}: the first load has begun: {PRODUCTS} products, about 7 s; watch it"), line
        assert f"shopstream sync shop {shop} --full --wait" in line

        async def loaded() -> bool:
            snapshot = await client.take_snapshot(shop)
            whole = [one for one in snapshot.products.values() if one.product]
            return len(whole) == PRODUCTS and (await client.read_freshness(shop)).watermark is not None

        await until(loaded, 40)
        # A consent that is given once more loads nothing again.
        await until(lambda: _idle(redis, shop), 20)
        calls = (await front.see("stats"))["by_path"]
        code = (await front.control("auth_code", shop_id=shop))["auth_code"]
        again = await run(redis_url, "authorize", code)
        assert again.stdout.splitlines()[-1] == f"shop {shop}: loaded before; its syncs go on"
        assert (await front.see("stats"))["by_path"]["products_search"] == calls["products_search"]


async def test_a_shop_that_is_never_to_be_walked_is_not_loaded_and_the_command_says_so(
    redis: Redis, redis_url: str
) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, worker(front.env(redis_url)):
        shop = front.shops[0]["shop_id"]
        await settings_store.change(redis, P, shop, {"full_interval": 0})
        done = await run(redis_url, "authorize", front.auth_codes[0])
        assert f"shop {shop}: no first load (full_interval=0)" in done.stdout
        assert await redis.zscore(P.due, f"full:{shop}") is None


async def _idle(redis: Redis, shop: str) -> bool:
    return not await redis.exists(P.backlog("products", shop), P.claimed("products", shop))
