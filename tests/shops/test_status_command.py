"""`shopstream status`, `shops`, `pause` and `resume`, as an operator calls them, with real workers behind them."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.gateway.process import Gateway, gateway
from tests.monitoring.live_rules import list_firing
from tests.processes import Sandbox, free_port, patient, program, sandbox, until, worker
from tests.whole.test_glance_job import SEED, load, see
from worker.glances.glance_script import GlanceScript, ShopNews

P = Partition(0)
TOKEN = "status-canary-77d1"


async def call(redis_url: str, *words: str) -> tuple[int, str, str]:
    """Run a command to its end: its exit code, standard output and standard error."""
    async with program("shopstream.cli", *words, env={"SHOPSTREAM_REDIS_URL": redis_url}) as child:
        out, err = await child.communicate()
        assert child.returncode is not None
        return child.returncode, out.decode(), err.decode()


async def status(redis_url: str) -> tuple[int, dict[str, Any]]:
    code, out, err = await call(redis_url, "status", "--json")
    assert not err
    document: dict[str, Any] = json.loads(out)
    return code, document


def names(document: dict[str, Any]) -> set[str]:
    return {need["name"] for need in document["needs"]}


@dataclass
class Seen:
    """All places where an operator may look."""

    redis_url: str
    door: Gateway
    worker: str = ""
    """The worker's `/metrics`; "" without one."""

    async def need(self, name: str, state: str = "") -> bool:
        """Whether `status` has a need, or one of that beginning."""
        _, document = await status(self.redis_url)
        return any(one.startswith(name) for one in names(document)) and (not state or document["shops"][state] == 1)

    async def page(self, text: str, path: str = "/") -> bool:
        """Whether a page of the dashboard has this text."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
        async with self.door.http.get(self.door.private + path, headers=headers) as response:
            assert response.status == 200
            return text in await response.text()

    async def alert(self, name: str) -> bool:
        """Whether an alert would fire if all stayed as it is."""
        scrapes = [(await self.door.see("/metrics"))[1]]
        if self.worker:
            async with self.door.http.get(self.worker) as response:
                scrapes.append(await response.text())
        return name in await asyncio.to_thread(list_firing, *scrapes)


@pytest.mark.usefixtures("promtool")
async def test_each_thing_that_breaks_is_on_the_screen_on_the_page_and_in_an_alert(
    redis: Redis, redis_url: str
) -> None:
    tokens = f"me:viewer:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
    port = free_port()
    health = {"SHOPSTREAM_HEALTH_PORT": str(port), "SHOPSTREAM_HEALTH_HOST": "127.0.0.1"}
    async with (
        sandbox("--shops", "3", "--products", "12") as front,
        patient(redis_url) as client,
        gateway(redis_url, SHOPSTREAM_GATEWAY_TOKENS=tokens) as door,
    ):
        shops = [shop["shop_id"] for shop in front.shops]
        seen = Seen(redis_url, door)
        async with worker(front.env(redis_url, **health)):
            seen.worker = f"http://127.0.0.1:{port}/metrics"
            await load(front, client)
            await see(client, in_step=3)
            code, document = await status(redis_url)
            assert (code, document["needs"]) == (0, [])
            assert document["shops"] == {
                "stopped": 0, "throttled": 0, "late": 0, "first_load": 0, "paused": 0, "in_step": 3,
            }  # fmt: skip
            assert (document["workers"], document["paused"]) == (1, False)
            code, out, _ = await call(redis_url, "status")
            assert code == 0
            assert out.startswith("All 3 shops are in step.")
            await until(lambda: seen.page("All 3 shops are in step."))
            assert not await seen.alert("SellerMustAuthorize")

            await consent_gone(front, redis_url, shops[0])
            await until(lambda: seen.need("stopped:", "stopped"), seconds=30)
            await until(lambda: seen.page("1 shop must be authorized again"), seconds=30)
            await until(lambda: seen.alert("SellerMustAuthorize"), seconds=60)
            code, out, _ = await call(redis_url, "shops", "--state", "stopped", "--json")
            assert [json.loads(line)["shop_id"] for line in out.splitlines()] == [shops[0]]

            await quota_cut(front, redis_url, shops[1])
            await see(client, throttled=1)
            code, out, _ = await call(redis_url, "status")
            assert code == 1
            assert "1 of 3 shops are in step. 1 need you." in out
            await until(lambda: seen.page(shops[1], "/?state=throttled"), seconds=30)
            await until(lambda: seen.alert("ThrottledTooOften"), seconds=60)
            await front.control("quota", shop_id=shops[1], endpoint="product")

        seen.worker = ""
        await break_the_rest(seen, redis, shops[0])


async def break_the_rest(seen: Seen, redis: Redis, shop: str) -> None:
    """No worker lives; a group stands still; webhooks are silent; Redis is nearly full."""
    await until(lambda: seen.need("workers"), seconds=60)
    await until(lambda: seen.page("No worker runs"), seconds=30)
    await until(lambda: seen.alert("NoWorkers"), seconds=60)

    await redis.xgroup_create(P.stream("stock"), "erp", "0")
    await until(lambda: seen.need("group:stock:erp"), seconds=90)
    await until(lambda: seen.page("Group erp is"), seconds=30)
    await until(lambda: seen.alert("GroupBehind"), seconds=60)

    seconds, _ = await redis.time()
    old = {f"68:{shop}:{number}": 1000 * (int(seconds) - 7_200) for number in range(30)}
    await redis.zadd(P.notified, old)
    await until(lambda: seen.need("webhooks"), seconds=30)
    await until(lambda: seen.page("No webhook for 2 h"), seconds=30)

    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", int(used / 0.82))
    try:
        await until(lambda: seen.need("memory"), seconds=30)
        await until(lambda: seen.page("s memory is 8"), seconds=30)
        await until(lambda: seen.alert("RedisNearlyFull"), seconds=60)
    finally:
        await redis.config_set("maxmemory", 0)


async def consent_gone(front: Sandbox, redis_url: str, shop: str) -> None:
    await front.control("deauthorize", shop_id=shop)
    assert (await call(redis_url, "sync", "products", shop, SEED))[0] == 0


async def quota_cut(front: Sandbox, redis_url: str, shop: str) -> None:
    await front.control("quota", shop_id=shop, endpoint="product", per_second=0)
    listed = (await front.see(f"shops/{shop}/products"))["products"]
    assert (await call(redis_url, "sync", "products", shop, *listed))[0] == 0


async def test_a_shop_and_all_are_paused_and_resumed(redis_url: str) -> None:
    async with sandbox("--shops", "2") as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await load(front, client)
        shop = front.shops[0]["shop_id"]
        code, out, _ = await call(redis_url, "pause", shop)
        assert (code, out) == (0, f"shop {shop} is paused; go on with: shopstream resume {shop}\n")
        await see(client, paused=1, in_step=1)
        code, out, _ = await call(redis_url, "pause", "--json")
        assert (code, json.loads(out)) == (0, {"shop_id": None, "paused": True})
        await see(client, paused=2)
        code, document = await status(redis_url)
        assert (code, names(document), document["paused"]) == (1, {"paused"}, True)
        assert (await call(redis_url, "resume"))[0] == 0
        await see(client, paused=1, in_step=1)
        code, out, _ = await call(redis_url, "resume", shop)
        assert (code, out) == (0, f"shop {shop} goes on\n")
        await see(client, in_step=2)
        _, _, err = await call(redis_url, "resume", shop)
        assert err == f"shop {shop} was not paused\n"


async def test_shops_are_filtered_and_bad_words_are_refused_in_a_line(redis_url: str) -> None:
    async with sandbox("--shops", "2") as front, worker(front.env(redis_url)), patient(redis_url) as client:
        await load(front, client)
        await see(client, in_step=2)
        for options, count in (((), 2), (("--stale", "1h"), 0), (("--stale", "0s"), 2), (("--expiring", "9999d"), 2)):
            code, out, err = await call(redis_url, "shops", *options, "--json")
            assert (code, len(out.splitlines())) == (0, count), (options, err)
        _, out, _ = await call(redis_url, "shops")
        assert all(shop["shop_id"] in out for shop in front.shops)
        for options in (("--state", "happy"), ("--stale", "soon")):
            code, _, err = await call(redis_url, "shops", *options)
            assert code == 2
            assert len(err.splitlines()) == 1


async def test_without_redis_the_exit_code_is_2() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    code, _, err = await call(url, "status")
    assert (code, len(err.splitlines())) == (2, 1)


async def test_shops_that_no_worker_has_looked_at_are_not_denied(redis: Redis, redis_url: str) -> None:
    """After an import and before the first worker the registry has shops, and nothing else is known."""
    await redis.set("shopstream:partitions", 1)
    shop = Shop("1", "Good", "GB", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", 2**32)
    await redis.hset(P.registry, "1", shop.to_json())  # type: ignore[misc]
    code, out, _ = await call(redis_url, "status")
    assert (code, "No shops yet" in out, "shopstream shops" in out) == (1, False, True), out


async def test_an_entry_of_another_program_hides_no_other_shop(redis: Redis, redis_url: str) -> None:
    await redis.set("shopstream:partitions", 1)
    good = Shop(
        shop_id="1", name="Good", region="GB", seller_type="LOCAL", authorization="a", status="active", reason=None,
        since="2026-01-01T00:00:00.000Z", refresh_expires_at=0,
    )  # fmt: skip
    strange = {"2": '{"authorization":5}', "3": '{"status":"active","name":[1],"shop_id":7}', "4": "[]", "5": "no JSON"}
    strange["6"] = '{"status":"active","name":"\\ud800","region":1e999}'
    await redis.hset(P.registry, mapping={"1": good.to_json(), **strange})  # type: ignore[misc]
    await GlanceScript(redis).write(P, [(shop, ShopNews()) for shop in ("1", *strange)])
    code, document = await status(redis_url)
    assert code == 1
    assert sum(document["shops"].values()) >= 1
    async with SyncClient(redis_url) as client:
        overview = await client.overview()
        assert "Good" in {shop.glance.name for shop in overview.shops}
        assert all(isinstance(shop.glance.entry["refresh_expires_at"], int) for shop in overview.shops)


async def test_status_names_the_remedy_of_a_redis_that_refuses_it(redis: Redis, redis_url: str) -> None:
    await redis.acl_setuser("bare", enabled=True, passwords=["+pw"], commands=["+ping"])
    refused = {
        redis_url.replace("://", "://bare:pw@"): "lacks a right",
        redis_url.replace("://", "://:wrong@"): "user or password",
        redis_url.replace("redis://", "redis+cluster://"): "no node of a cluster",
    }
    for url, words in refused.items():
        code, out, err = await call(url, "status")
        assert (code, out, words in err, err.count("\n")) == (2, "", True, 1), err
        code, out, _ = await call(url, "status", "--json")
        assert (code, words in json.loads(out)["error"]) == (2, True)
