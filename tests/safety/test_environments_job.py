"""A worker in the wrong environment says so in one line, calls nothing in vain, and harms no consent; two sandboxes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.authorizations.findings import Finding
from shopstream.redis.deployment_keys import LAYOUT, LAYOUT_KEY
from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.workers import WorkerSeen
from tests.commands.running import command
from tests.processes import Sandbox, Worker, patient, program, sandbox, until, worker

P = Partition(0)
OTHER_KEY = Fernet.generate_key().decode()
KINDS = ("products", "delta", "full", "poll", "stock", "warehouses")


@asynccontextmanager
async def two_environments() -> AsyncIterator[tuple[Sandbox, Sandbox]]:
    """Two sandboxes with apps, hosts and sellers of their own: the right one has two shops, the other one."""
    async with (
        sandbox("--shops", "2", "--products", "3") as right,
        sandbox("--shops", "1", "--products", "3", "--seed", "2") as other,
    ):
        yield right, other


def lines(running: Worker, event: str) -> list[dict[str, Any]]:
    return [line for line in running.logs if line["event"] == event]


async def token_of(redis: Redis, shop: str, client: SyncClient) -> bytes:
    (name,) = [one.authorization for one in await client.list_shops() if one.shop_id == shop]
    return await redis.hgetall(P.token(name))  # type: ignore[misc, no-any-return]


async def press(redis: Redis, client: SyncClient) -> None:
    """Have everything due at once that calls TikTok for the shops, and wait until a worker has put it off."""
    members = {f"{kind}:{shop.shop_id}": 0 for shop in await client.list_shops() for kind in KINDS}
    members |= {f"{kind}:{shop.authorization}": 0 for shop in await client.list_shops() for kind in ("refresh", "list")}
    await redis.zadd(P.due, members)

    async def put_off() -> bool:
        seconds, _ = await redis.time()
        scores = await redis.zmscore(P.due, list(members))
        return all(score is None or score > (seconds + 5) * 1000 for score in scores)

    await until(put_off, 30)


async def found(client: SyncClient) -> WorkerSeen:
    async def seen() -> WorkerSeen | None:
        return next((one for one in await client.list_workers() if one.findings), None)

    one: WorkerSeen = await until(seen)
    return one


async def calls(*fronts: Sandbox) -> list[dict[str, Any]]:
    return [(await front.see("stats"))["by_path"] for front in fronts]


@pytest.mark.parametrize("wrong", ["environment", "app", "host"])
async def test_a_worker_of_another_app_or_host_calls_nothing_and_parks_nobody(
    redis: Redis, redis_url: str, wrong: str
) -> None:
    async with two_environments() as (right, other), patient(redis_url) as client:
        async with worker(right.env(redis_url)):
            await right.authorize(client, *right.auth_codes)
        before, shops = await calls(right, other), await client.list_shops()
        tokens = [await token_of(redis, shop.shop_id, client) for shop in shops]
        given = {
            "environment": other.env(redis_url),
            "app": right.env(redis_url, SHOPSTREAM_APP_KEY="another"),
            "host": right.env(redis_url, SHOPSTREAM_AUTH_URL=other.url),
        }[wrong]
        asked = await client.sync_products(shops[0].shop_id, ["1731029337055922770"])
        async with worker(given) as running:
            (finding,) = (await found(client)).findings
            await press(redis, client)
            (line,) = lines(running, "authorizations_unusable")
            assert (finding.shops, finding.authorizations) == (2, 2)
            assert finding.kind == ("other_host" if wrong == "host" else "other_app")
            expected = right.url if wrong == "host" else right.app_key
            assert finding.theirs == expected
            assert "2 shops" in line["finding"]
            assert expected in line["finding"]
            assert "SHOPSTREAM_" in line["advice"]
            assert not [one for one in running.logs if one.get("level") == "error" and one is not line]
            shown = await command(redis_url, "status")
            assert line["advice"] in shown.out
            assert line["finding"][1:] in shown.out
            examined = await command(redis_url, "doctor", "--offline")
            assert line["finding"] in examined.out
            assert examined.code == 2
        # Another start, and another worker, say it in their heartbeats alone.
        async with worker(given) as again:
            assert (await found(client)).findings == (finding,)
            assert not lines(again, "authorizations_unusable")
        assert await calls(right, other) == before
        assert [shop.status for shop in await client.list_shops()] == ["active", "active"]
        assert [await token_of(redis, shop.shop_id, client) for shop in shops] == tokens
        assert await redis.xlen(P.stream("dead")) == 0
        types = {fields[b"type"] for _, fields in await redis.xrange(P.stream("shops"))}
        assert types <= {b"io.shopstream.shop.authorized", b"io.shopstream.shop.warehouses"}
        async with worker(right.env(redis_url)):
            await client.wait(asked, timeout=60)
            assert not (await client.list_workers())[-1].findings


async def test_a_renamed_host_is_adopted_by_a_command(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await front.authorize(client)
        renamed = front.env(redis_url, SHOPSTREAM_API_URL=front.url.replace("127.0.0.1", "localhost"))
        async with worker(renamed) as running:
            line = await running.logged("authorizations_unusable")
            assert line["finding"].startswith(
                f"1 shop has the consent from {front.url}, and the worker calls http://local"
            )
            listed = await command(redis_url, "shops", "adopt", front.app_key)
            assert (listed.code, listed.out.split()[-4:]) == (1, [front.app_key, front.url, front.url, "1"])
            done = await command(redis_url, "shops", "adopt", front.app_key, "--yes")
            assert done.out.startswith("1 authorizations")
        async with worker(renamed):
            asked = await client.sync_products(front.shops[0]["shop_id"], ["1731029337055922770"])
            await client.wait(asked, timeout=60)
        assert await redis.xlen(P.stream("dead")) == 0


async def test_shops_of_another_environment_stop_no_others(redis_url: str) -> None:
    async with two_environments() as (right, other), patient(redis_url) as client:
        async with worker(other.env(redis_url)):
            await other.authorize(client)
        strange = other.shops[0]["shop_id"]
        if strange == right.shops[1]["shop_id"]:
            strange = ""
        async with worker(right.env(redis_url)) as running:
            await running.logged("authorizations_unusable")
            await right.authorize(client, right.auth_codes[1])
            mine = right.shops[1]["shop_id"]
            ids = (await right.see(f"shops/{mine}/products"))["products"]
            assert not (await client.wait(await client.sync_products(mine, ids), timeout=60)).dead
        assert {shop.status for shop in await client.list_shops()} == {"active"}


async def test_a_foreign_key_is_one_line_for_all_records_and_ends_nothing(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "3", "--products", "3") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await front.authorize(client, *front.auth_codes)
        asked = await client.sync_products(front.shops[0]["shop_id"], ["1731029337055922770"])
        before = await calls(front)
        async with worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=OTHER_KEY)) as running:
            (finding,) = (await found(client)).findings
            await press(redis, client)
            assert finding == Finding("no_key", "", "", 3, 3, stopped=3)
            (line,) = [one for one in running.logs if one.get("level") == "error"]
            assert line["finding"] == "no key of SHOPSTREAM_TOKEN_KEYS opens the tokens of 3 shops"
            (document,) = (await command(redis_url, "workers", "--json")).documents
            assert document["unusable"] == [dict(zip(finding._fields, finding, strict=True))]
            assert document["unreadable_records"] == 3
        assert await calls(front) == before
        async with worker(front.env(redis_url)):
            await client.wait(asked, timeout=60)


async def test_records_of_before_count_as_ours_and_learn_their_issuer_by_a_refresh(
    redis: Redis, redis_url: str
) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        shop = front.shops[0]["shop_id"]
        async with worker(front.env(redis_url)):
            await front.authorize(client)
            (name,) = [one.authorization for one in await client.list_shops()]
        record = P.token(name)
        assert await redis.hdel(record, "issuer", "issued") == 2  # type: ignore[misc]
        async with worker(front.env(redis_url)) as running:
            await running.logged("token_keys_checked")
            assert not await redis.hexists(record, "issuer")  # type: ignore[misc]
            assert not (await client.list_workers())[-1].findings
            await redis.hset(record, "called_at", "1")  # type: ignore[misc]
            await front.control("tokens", expire_access=True)
            await client.wait(await client.sync_products(shop, ["1731029337055922770"]), timeout=60)
        assert await redis.hexists(record, "issuer")  # type: ignore[misc]


async def test_a_newer_layout_is_refused_in_one_line(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "1") as front:
        async with worker(front.env(redis_url)):
            assert int(await redis.get(LAYOUT_KEY) or 0) == LAYOUT
        await redis.set(LAYOUT_KEY, LAYOUT + 1)
        async with program("worker", env=front.env(redis_url)) as refused:
            _, written = await asyncio.wait_for(refused.communicate(), 60)
        assert refused.returncode == 2
        (line,) = written.decode().splitlines()
        assert "layout 2" in line
        assert "docs/upgrade.md" in line
        assert "layout 2" in (await command(redis_url, "doctor", "--offline")).out


async def test_an_empty_redis_is_said_once_and_a_lost_one_too(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "1") as front:
        async with worker(front.env(redis_url)) as running:
            assert "import a backup" in (await running.logged("no_shop_authorized"))["advice"]
            await redis.flushall()
            assert "docs/backup.md" in (await running.logged("redis_lost_its_data"))["advice"]
        async with worker(front.env(redis_url)) as again:
            await again.logged("no_shop_authorized")
        async with worker(front.env(redis_url)) as again:
            await again.logged("token_keys_checked")
            assert not lines(again, "no_shop_authorized")
        assert partition_for("1", 1) == P


@pytest.mark.parametrize("minutes", [20, -20])
async def test_a_clock_that_is_wrong_by_minutes_is_said_and_costs_one_call(redis_url: str, minutes: int) -> None:
    async with (
        sandbox("--shops", "2", "--products", "3") as front,
        worker(front.env(redis_url)) as running,
        patient(redis_url) as client,
    ):
        await front.control("clock", offset_seconds=60 * minutes)
        await front.authorize(client, *front.auth_codes)
        for shop in front.shops:
            ids = (await front.see(f"shops/{shop['shop_id']}/products"))["products"]
            assert not (await client.wait(await client.sync_products(shop["shop_id"], ids), timeout=60)).dead
        refused = [kinds.get("36009004", 0) for kinds in (await front.see("stats"))["by_path"].values()]
        assert sum(refused) == 1
        assert len(lines(running, "clock_off_from_api")) == 1
        assert not [one for one in running.logs if one.get("level") == "error"]

        async def shown() -> bool:
            return any(one.clock_off for one in await client.list_workers())

        await until(shown)
        line = f"TikTok refuses the clock of 1 of 1 workers: .* {'behind' if minutes > 0 else 'ahead of'} TikTok's"
        for name in ("status", "doctor --offline"):
            assert re.search(line, (await command(redis_url, *name.split())).out)
        # A clock that is right again ends it by itself.
        await front.control("clock", offset_seconds=0)
        await client.wait(await client.sync_products(shop["shop_id"], ids), timeout=60)

        async def over() -> bool:
            return not any(one.clock_off for one in await client.list_workers())

        await until(over)
