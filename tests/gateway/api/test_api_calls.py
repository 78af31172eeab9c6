"""The API over real HTTP, with a real worker and sandbox: requests, shops, stock, dead letters, workers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import PREFIX
from shopstream.redis.partition_count import MoveMark
from shopstream.version import VERSION
from tests.gateway.running import Answer, RunningGateway, gateway
from tests.processes import Sandbox, patient, sandbox, until, worker

SEED = "1731029337055922770"
SKU = "1731159324007369298"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def stage(redis_url: str) -> AsyncIterator[tuple[Sandbox, RunningGateway, SyncClient]]:
    async with (
        sandbox("--products", "5", "--shops", "1") as front,
        worker(front.env(redis_url)),
        gateway(redis_url) as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client)
        yield front, running, client


async def finished(running: RunningGateway, accepted: Answer) -> Answer:
    """Wait for the end of an accepted request."""
    assert accepted.status == 202, accepted.text
    name = accepted.json["request_id"]

    async def look() -> Answer | None:
        answer = await running.call("GET", f"/v1/requests/{name}", role="viewer")
        assert answer.status == 200, answer.text
        return answer if answer.json["finished"] else None

    found: Answer = await until(look)
    return found


async def test_a_requested_product_can_be_seen_and_explained(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, client):
        shop = front.shops[0]["shop_id"]
        asked = {"ids": [SEED], "urgent": True, "cause": "order-17"}
        accepted = await running.call(
            "POST", f"/v1/shops/{shop}/products", role="producer", json=asked, headers={"traceparent": TRACE}
        )
        done = (await finished(running, accepted)).json
        assert (done["total"], done["done"], done["given_up"], done["shop_id"]) == (1, 1, 0, shop)
        product = await running.call("GET", f"/v1/shops/{shop}/products/{SEED}", role="viewer")
        assert product.json["state"]["product_id"] == SEED
        sku = await running.call("GET", f"/v1/shops/{shop}/skus/{SKU}", role="viewer")
        assert (sku.json["product_id"], sku.json["stock"]["available"]) == (SEED, 17)
        why = await running.call("GET", f"/v1/shops/{shop}/explain/{SKU}?changes=3", role="viewer")
        assert why.json["changes"][0]["causation_id"] == "order-17"
        assert why.json["paused"] is None
        (entry,) = await client.redis.xrevrange("shopstream:{0}:products", count=1)
        assert entry[1][b"traceparent"].decode().split("-")[1] == TRACE.split("-")[1]
        await front.control("stock", shop_id=shop, changes=[{"sku_id": SKU, "quantity": 4}])
        more = await running.call(
            "POST", f"/v1/shops/{shop}/stock", role="producer", json={"ids": [], "sku_ids": [SKU]}
        )
        assert (await finished(running, more)).json["done"] == 1
        sku = await running.call("GET", f"/v1/shops/{shop}/skus/{SKU}", role="viewer")
        assert sku.json["stock"]["available"] == 4


async def test_a_whole_shop_and_the_views_of_the_system(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, _):
        shop = front.shops[0]["shop_id"]
        accepted = await running.call("POST", f"/v1/shops/{shop}/sync", role="producer", json={"full": True})
        done = (await finished(running, accepted)).json
        assert (done["kind"], done["done"], done["sync"]["complete"]) == ("full", 5, True)
        shown = (await running.call("GET", f"/v1/shops/{shop}", role="viewer")).json
        assert shown["shop"]["shop_id"] == shop
        assert shown["freshness"]["watermark"]
        assert shown["troubles"] == []
        listed = (await running.call("GET", "/v1/shops", role="viewer")).json
        assert ([one["shop_id"] for one in listed["shops"]], listed["next"]) == ([shop], None)
        streams = {
            one["stream"]: one for one in (await running.call("GET", "/v1/streams", role="viewer")).json["streams"]
        }
        assert set(streams) == {"products", "stock", "shops", "dead"}
        assert streams["products"]["entries"] == 5
        (seen,) = (await running.call("GET", "/v1/workers", role="viewer")).json["workers"]
        assert (seen["version"], seen["generation"]) == (VERSION, "202309")
        assert {"calls", "throttled", "published", "drained", "dead", "cpu_seconds", "rss_bytes"} < seen.keys()
        assert seen["slots"] > 0
        scale = (await running.call("GET", "/v1/scale", role="viewer")).json
        assert set(scale) == {"due_overdue_seconds", "slots_in_use_ratio", "workers_wanted"}
        assert scale["workers_wanted"] == 1


async def test_dead_letters_by_page_and_requeued(redis_url: str) -> None:
    async with stage(redis_url) as (front, running, client):
        shop = front.shops[0]["shop_id"]
        lost = [str(number) for number in range(401, 408)]
        accepted = await running.call("POST", f"/v1/shops/{shop}/products", role="producer", json={"ids": lost})
        done = (await finished(running, accepted)).json
        assert (done["given_up"], {letter["error_class"] for letter in done["dead"]}) == (7, {"not_found"})
        found: list[str] = []
        path, cursor = "/v1/dead?limit=3&error_class=not_found", ""
        for _ in range(4):
            page = (await running.call("GET", f"{path}{cursor}", role="viewer")).json
            found += [letter["id"] for letter in page["letters"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert sorted(found) == lost
        assert (await running.call("GET", "/v1/dead?shop_id=1", role="viewer")).json == {"letters": [], "next": None}
        one = done["dead"][0]["entry"]
        assert (await running.call("POST", "/v1/dead/requeue", json={"entries": [one]})).json["requeued"] == 1
        assert (await running.call("POST", "/v1/dead/requeue", json={"entries": ["1-1"]})).status == 404
        assert (await running.call("POST", "/v1/dead/requeue", json={})).status == 422
        assert (await running.call("POST", "/v1/dead/requeue", json={"everything": True, "shop_id": "1"})).status == 422
        rest = await running.call("POST", "/v1/dead/requeue", json={"error_class": "not_found", "shop_id": shop})
        assert rest.json["requeued"] >= 6
        await client.redis.delete("shopstream:{0}:dead")


async def test_dead_letters_of_several_partitions_have_names_of_their_own(redis_url: str) -> None:
    async with (
        sandbox("--products", "5", "--shops", "3") as front,
        worker(front.env(redis_url, SHOPSTREAM_PARTITIONS="4")),
        gateway(redis_url) as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client, *front.auth_codes)
        shops = [shop.shop_id for shop in await client.list_shops()]
        for shop in shops:
            asked = {"ids": ["401", "402", "403"]}
            await finished(running, await running.call("POST", f"/v1/shops/{shop}/products", json=asked))
        names: list[str] = []
        cursor = ""
        while True:
            page = (await running.call("GET", f"/v1/dead?limit=2{cursor}", role="viewer")).json
            names += [letter["entry"] for letter in page["letters"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert len(set(names)) == len(names) == 3 * len(shops)
        assert all("/" in name for name in names)
        done = await running.call("POST", "/v1/dead/requeue", json={"entries": names[:4]})
        assert done.json == {"requeued": 4, "refused": {}}


PROBLEMS = [
    ("/v1/shops/123", 404), ("/v1/shops/123/products/1", 404), ("/v1/shops/0123", 400), ("/v1/shops/x", 400),
    ("/v1/requests/x", 404), ("/v1/requests/products:5:0-0:1", 404),
    ("/v1/requests/products:1:0-0:*0123456789abcdef", 404), ("/v1/nothing", 404),
    ("/v1", 404), ("/v1/shops?limit=0", 400), ("/v1/shops?limit=101", 400), ("/v1/shops?limit=1&limit=1", 400),
    ("/v1/shops?page=2", 400), ("/v1/dead?cursor=x", 400),
    (f"/v1/dead?cursor={2**64}-1", 400), ("/v1/dead?cursor=1-1%0A", 400), (f"/v1/requests/products:1:1-{2**64}:1", 404),
]  # fmt: skip


async def test_an_error_is_a_problem_with_a_remedy(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url) as running:
        for path, status in PROBLEMS:
            answer = await running.call("GET", path, role="viewer")
            assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), path
            assert answer.json["type"].startswith("urn:shopstream:problem:")
            assert answer.json["status"] == status
            assert {"title", "detail", "remedy"} <= set(answer.json)


async def test_shops_are_listed_by_page(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    entry = (
        '{"shop_id":"%s","name":"N","region":"GB","seller_type":"LOCAL","authorization":"a","status":"active",'
        '"reason":null,"since":"2026-01-01T00:00:00.000Z","refresh_expires_at":4294967295}'
    )
    await redis.hset("shopstream:{0}:registry", mapping={str(n): entry % n for n in range(1, 251)})  # type: ignore[misc]
    async with gateway(redis_url) as running:
        seen: list[str] = []
        cursor = ""
        for expected in (100, 100, 50):
            page = (await running.call("GET", f"/v1/shops{cursor}", role="viewer")).json
            assert len(page["shops"]) == expected
            seen += [shop["shop_id"] for shop in page["shops"]]
            cursor = f"?cursor={page['next']}"
        assert page["next"] is None
        assert seen == [str(number) for number in range(1, 251)]


async def test_after_a_move_the_api_names_the_new_place(redis: Redis, redis_url: str) -> None:
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url) as running:
        await redis.set(f"{PREFIX}:move", MoveMark("m", "redis://new:6379/0", 1, 1, "moved").to_json())
        answer = await running.call("POST", "/v1/shops/1/products", role="producer", json={"ids": ["1"]})
        assert (answer.status, answer.json["type"]) == (503, "urn:shopstream:problem:moved")
        assert "redis://new:6379/0" in answer.json["detail"]


async def test_a_gateway_that_was_left_behind_by_a_move_answers_nothing_old(redis: Redis, redis_url: str) -> None:
    """It looks whether the deployment has moved every 5 s."""
    paths = ("/v1/shops", "/v1/shops/1/products/1", "/v1/scale")
    await redis.set(f"{PREFIX}:partitions", 1)
    async with gateway(redis_url) as running:

        async def ask(path: str) -> int:
            answer = await running.call("GET", path, role="viewer")
            assert answer.status != 503 or answer.json["type"] == "urn:shopstream:problem:moved"
            return answer.status

        assert {await ask(path) for path in paths} <= {200, 404}
        await redis.set(f"{PREFIX}:move", MoveMark("m", "redis://new:6379/0", 1, 1, "moved").to_json())

        async def have_moved() -> bool:
            return {await ask(path) for path in paths} == {503}

        await until(have_moved, every=0.5)


async def test_without_a_worker_the_api_says_so(redis_url: str) -> None:
    async with gateway(redis_url) as running:
        answer = await running.call("POST", "/v1/shops/1/products", role="producer", json={"ids": ["1"]})
        assert (answer.status, answer.json["type"]) == (503, "urn:shopstream:problem:not-ready")
