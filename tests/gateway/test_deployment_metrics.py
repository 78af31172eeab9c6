"""A gateway's `/metrics` tells the state of the deployment, and its API the number of shops by state."""

import hashlib
import json

from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from shopstream import metric_names
from shopstream.redis.keys import Partition
from tests.gateway.process import Gateway, gateway
from tests.processes import patient, sandbox, until, worker
from tests.whole.test_glance_job import load, see

P = Partition(0)
TOKEN = "api-canary-5d11"


async def read(door: Gateway) -> dict[str, dict[tuple[str, ...], float]]:
    """Each metric's values by the values of its labels."""
    status, text = await door.see("/metrics")
    assert status == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_the_state_of_the_deployment_is_in_the_metrics(redis: Redis, redis_url: str) -> None:
    async with (
        sandbox("--shops", "3", "--products", "4") as front,
        patient(redis_url) as client,
        worker(front.env(redis_url)),
    ):
        await load(front, client)
        await redis.xgroup_create(P.stream("stock"), "erp", "0")
        await front.control("deauthorize", shop_id=front.shops[0]["shop_id"])
        await client.sync_products(front.shops[0]["shop_id"], ["1731029337055922770"])
        await see(client, stopped=1, in_step=2)
        async with gateway(redis_url, SHOPSTREAM_METRICS_SHOPS="1") as door:
            found = await read(door)
            assert found["shopstream_shops"] == {
                ("stopped",): 1, ("throttled",): 0, ("late",): 0, ("first_load",): 0, ("paused",): 0,
                ("in_step",): 2,
            }  # fmt: skip
            assert found["shopstream_workers"] == {(): 1}
            assert found["shopstream_due_overdue_seconds"][()] < 60
            assert found["shopstream_stream_entries"][("stock",)] >= 12
            assert found["shopstream_group_unread_entries"] == {("erp", "stock"): await redis.xlen(P.stream("stock"))}
            assert found["shopstream_group_members"] == {("erp", "stock"): 0}
            assert found["shopstream_group_lost_entries_total"] == {("erp", "stock"): 0}
            assert found["shopstream_redis_memory_used_bytes"][()] > 0
            assert found["shopstream_redis_aof_last_write_ok"] == {(): 1}
            assert found["shopstream_tokens_expiry_min_timestamp_seconds"][()] > 1_700_000_000
            # One shop alone has series of its own: the one that needs a look most.
            assert {shop for (shop,) in found["shopstream_shop_backlog_ids"]} == {front.shops[0]["shop_id"]}
            known = {metric.name for metric in metric_names.METRICS if "gateway" in metric.processes}
            base = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in found}
            assert base <= known | {name + "_created" for name in known}


async def test_without_redis_the_gateway_tells_its_own_counts() -> None:
    async with gateway("redis://127.0.0.1:1/0", SHOPSTREAM_GATEWAY_REDIS_SECONDS="0.2") as door:

        async def told() -> bool:
            found = await read(door)
            return "shopstream_http_requests_total" in found and "shopstream_shops" not in found

        await until(told, seconds=60)


async def test_the_list_of_shops_has_the_numbers_by_state(redis_url: str) -> None:
    tokens = f"erp:viewer:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
    async with sandbox("--shops", "2") as front, patient(redis_url) as client, worker(front.env(redis_url)):
        await load(front, client)
        await see(client, in_step=2)
        async with gateway(redis_url, SHOPSTREAM_GATEWAY_TOKENS=tokens) as door:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with door.http.get(f"{door.private}/v1/shops", headers=headers) as response:
                answer = json.loads(await response.text())
            assert answer["states"] == {
                "stopped": 0, "throttled": 0, "late": 0, "first_load": 0, "paused": 0, "in_step": 2,
            }  # fmt: skip
            assert len(answer["shops"]) == 2
