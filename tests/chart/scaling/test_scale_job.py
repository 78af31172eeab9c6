"""/v1/scale of a real gateway: workers are wanted while work waits for slots, and none while it waits for TikTok."""

import time

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.gateway.running import RunningGateway, gateway
from tests.processes import Sandbox, patient, sandbox, settle, until, worker


async def ask(running: RunningGateway) -> dict[str, float]:
    answer = await running.call("GET", "/v1/scale", role="viewer")
    assert answer.status == 200, answer.text
    found: dict[str, float] = answer.json
    return found


async def authorize_all(front: Sandbox, client: SyncClient) -> None:
    """Consent for all shops of the one seller, and let nothing but requests ask for their products."""
    await front.authorize(client, timeout=60)
    for shop in front.shops:
        await client.settings(shop["shop_id"], interval=0, full_interval=0, stock_interval=0, guard=False)


async def request_all(front: Sandbox, client: SyncClient) -> None:
    """Request all products of all shops."""
    for shop in front.shops:
        listed = await front.see(f"shops/{shop['shop_id']}/products?limit=1000")
        await client.sync_products(shop["shop_id"], listed["products"])


async def waiting(redis: Redis, front: Sandbox) -> int:
    """Count the ids that wait in the backlogs."""
    return sum([await redis.zcard(Partition(0).backlog("products", shop["shop_id"])) for shop in front.shops])


async def test_one_worker_is_wanted_while_slow_shops_wait_for_their_quota(redis: Redis, redis_url: str) -> None:
    """Three shops with 4 calls a second each: their backlogs age, and nearly all slots are free."""
    options = ("--shops", "3", "--shops-per-seller", "3", "--products", "200")
    async with (
        sandbox(*options) as front,
        worker(front.env(redis_url, SHOPSTREAM_PACING_START_RATE="3")),
        gateway(redis_url) as running,
        patient(redis_url) as client,
    ):
        await authorize_all(front, client)
        await front.control("quota", shop_id="all", per_second=4)
        await request_all(front, client)
        answers: list[dict[str, float]] = []

        async def fetched() -> bool:
            answers.append(await ask(running))
            return int(await redis.xlen(Partition(0).stream("products"))) >= 24

        await until(fetched, seconds=60, every=0.2)
        assert await waiting(redis, front) > 400, "the backlogs are long all the time"
        assert {answer["workers_wanted"] for answer in answers} == {1}
        assert max(answer["slots_in_use_ratio"] for answer in answers) < 0.7


async def test_more_workers_are_wanted_while_shops_with_free_quota_wait_for_slots(redis_url: str) -> None:
    options = ("--shops", "12", "--shops-per-seller", "12", "--products", "200")
    async with (
        sandbox(*options) as front,
        worker(front.env(redis_url, SHOPSTREAM_SLOTS="4", SHOPSTREAM_PACING_START_RATE="5")),
        gateway(redis_url) as running,
        patient(redis_url) as client,
    ):
        await authorize_all(front, client)
        await front.control("switches", latency_ms=1_500)
        await request_all(front, client)

        async def grown() -> bool:
            answer = await ask(running)
            # Never before work has waited for 5 s.
            assert answer["workers_wanted"] == 1 or answer["due_overdue_seconds"] >= 5
            return answer["workers_wanted"] > 1

        await until(grown, seconds=60)


async def test_the_first_worker_is_wanted_before_there_is_one(redis: Redis, redis_url: str) -> None:
    async with gateway(redis_url) as running:
        empty = await running.call("GET", "/v1/scale", role="viewer")
        assert (empty.status, empty.json["type"]) == (503, "urn:shopstream:problem:not-ready")
        await settle(redis)
        assert (await ask(running))["workers_wanted"] == 1
        await redis.zadd(Partition(0).due, {"products:1": int(time.time() * 1_000) - 600_000})
        answer = await ask(running)
        assert answer["due_overdue_seconds"] >= 600
        assert answer["workers_wanted"] == 1
