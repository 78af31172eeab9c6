"""T5: a primary that turns read-only, one that is loading, and a promotion by a real Sentinel that loses writes."""

import asyncio
import tempfile
import time
from pathlib import Path

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check, settled
from tests.chaos.stage import Stage, Valkey, stage, valkey
from tests.chaos.tools.proxy import Proxy, proxy
from tests.processes import until
from tests.running.sentinels import NAME, watch

P = Partition(0)
PACE = {"SHOPSTREAM_PACING_START_RATE": "20", "SHOPSTREAM_PACING_MAX_RATE": "20"}


async def promotion(size: Size, seed: int) -> Result:
    """Workers reach the primary through a proxy, which follows Sentinel as a load balancer does."""
    products = size.pick(short=80, ci=500, nightly=5_000)
    options = ("--shops", "3", "--products", str(products), "--seed", str(seed))
    async with (
        stage(*options, workers=0, env=PACE) as made,
        proxy("127.0.0.1", made.valkey.port) as between,
        proxy("127.0.0.1", made.valkey.port) as link,  # by which replica and Sentinel know the primary
        valkey(replicaof=f"127.0.0.1 {link.port}") as replica,
    ):
        for _ in range(2):
            await made.start_worker(SHOPSTREAM_REDIS_URL=between.url())
        ids = {shop: await made.products(shop) for shop in made.shops}
        for shop in made.shops:
            await made.ask(shop, ids[shop][: products // 2])
        read_only = await _read_only(made, products // 2)
        loading = await _loading(made, products)
        # Not before: Sentinel would mend the first of these in its own way.
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            async with watch(link.port, Path(folder)) as sentinel:
                await until(lambda: _follows(sentinel.redis, replica), seconds=60)
                for shop in made.shops:
                    await made.ask(shop, ids[shop][products // 2 :])
                lost, promoted = await _promoted(made, between, link, sentinel.redis)
        async with Redis.from_url(replica.url) as redis:
            # The next look at every product repairs what the failover has lost.
            for shop in made.shops:
                await made.front.control("stock", shop_id=shop, random=5, seed=seed)
            for shop in made.shops:
                await _ask_new(redis, shop, ids[shop])
            await settled(redis, made.shops, seconds=120)
            assert len(made.living) == 2, "a worker has died of it"
            await made.end_workers()
            result = await check(redis, made.front, ids, continuous=False)
            epochs = {fields[b"epoch"] for _, fields in await redis.xrange(P.stream("products"))}
    assert len(epochs) >= 2, "the epoch is the same as before the failover"
    result.runs, result.recover_seconds = 3, max(read_only, loading, promoted)
    assert result.recover_seconds <= 10, "drains have waited for the end of their lease"
    result.note = (
        f"read-only → {read_only:.1f} s, loading → {loading:.1f} s, promotion → {promoted:.1f} s (list: 10); "
        f"{lost} entries lost by the failover, repaired; "
        "the address follows Sentinel by a proxy: workers know no Sentinel"
    )
    return result


async def _read_only(made: Stage, count: int) -> float:
    """The primary is made a replica of nobody, then a primary again; seconds until it is used."""
    await made.reach(count)
    await made.redis.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
    await asyncio.sleep(3)
    await made.redis.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
    return await made.grows()


async def _loading(made: Stage, count: int) -> float:
    """Killed, and slow to load: it answers LOADING meanwhile; seconds from its first good answer."""
    await made.reach(count)
    made.valkey.kill()
    await made.valkey.restart(**{"key-load-delay": "1000"})
    return await made.grows()


async def _promoted(made: Stage, between: Proxy, link: Proxy, sentinel: Redis) -> tuple[int, float]:
    """The primary is cut off from its replica, goes on, and dies; what was lost, and seconds from the promotion."""
    link.to_client.black_hole = True
    await made.reach(await made.published() + 20)
    had = await made.published()
    made.valkey.kill()
    await link.down()

    async def other() -> tuple[bytes, bytes] | None:
        host, port = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)  # type: ignore[no-untyped-call]
        return (host, port) if int(port) != link.port else None

    _, port = await until(other, seconds=60)
    began = time.monotonic()
    between.target = ("127.0.0.1", int(port))
    between.reset()
    async with Redis.from_url(f"redis://127.0.0.1:{int(port)}/0") as redis:
        first = await redis.xlen(P.stream("products"))

        async def grown() -> bool:
            return bool(await redis.xlen(P.stream("products")) > first)

        await until(grown, seconds=60)
    assert had > first, "the failover has lost nothing: no test"
    return had - first, time.monotonic() - began


async def _ask_new(redis: Redis, shop: str, ids: list[str]) -> None:
    await redis.zadd(P.backlog("products", shop), dict.fromkeys(ids, 1), lt=True)
    await redis.zadd(P.due, {f"products:{shop}": 0}, lt=True)


async def _follows(sentinel: Redis, replica: Valkey) -> bool:
    """Sentinel knows the replica, and the replica has everything."""
    async with Redis.from_url(replica.url) as redis:
        info = await redis.info("replication")
    known = await sentinel.execute_command("SENTINEL", "REPLICAS", NAME)  # type: ignore[no-untyped-call]
    return bool(known) and info["master_link_status"] == "up"


CASES = [Case("T5", "Redis read-only, loading, and replaced by Sentinel with writes lost", promotion)]
