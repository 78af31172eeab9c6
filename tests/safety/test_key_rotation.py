"""T32: token keys are renewed under load without a failed call; one dropped too early is said, and loses nothing."""

import asyncio
import json
from functools import partial

from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.doctor.worker_reports import check_keys
from shopstream.redis.keys import Partition
from shopstream.registry.workers import WorkerSeen
from tests.processes import KEY as OLD
from tests.processes import Worker, patient, sandbox, stop, until, worker
from worker.tokens.vault import Vault

P = Partition(0)
NEW, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


async def sealed(redis: Redis) -> dict[str, bytes]:
    """Every ciphertext there is, by authorization and part."""
    found = {}
    async for key in redis.scan_iter(P.token("*")):
        name = key.decode().rpartition(":")[2]
        for part in ("pair", "previous"):
            if text := await redis.hget(key, part):  # type: ignore[misc]
                found[f"{name} {part}"] = text
    return found


async def said(running: Worker, words: str) -> bool:
    return any(words in json.dumps(line) for line in running.logs)


async def test_keys_are_renewed_under_load_without_a_failed_call(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "2", "--products", "100") as front, patient(redis_url) as client:
        ids = {one["shop_id"]: (await front.see(f"shops/{one['shop_id']}/products"))["products"] for one in front.shops}
        # Slow enough to last through all the restarts.
        pace = {f"SHOPSTREAM_PACING_{name}_RATE": "100" for name in ("MIN", "START", "MAX")}
        rounds = 0

        async def ask_always() -> None:
            nonlocal rounds
            while True:
                for shop, some in ids.items():
                    await client.sync_products(shop, some)
                rounds += 1
                await asyncio.sleep(0.3)

        logs = []
        async with asyncio.TaskGroup() as group:
            before = worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=OLD, **pace))
            running = await before.__aenter__()
            assert (await running.logged("token_keys_checked"))["renewed"] == 0
            await front.authorize(client, *front.auth_codes)
            # A pair of each seller has a predecessor, which has to be sealed anew too.
            await front.control("tokens", expire_access=True)
            asking = group.create_task(ask_always())
            await until(partial(_previous, redis))
            for keys in (f"{OLD},{NEW}", f"{NEW},{OLD}", NEW):
                after = worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=keys, **pace))
                running, earlier = await after.__aenter__(), running
                await before.__aexit__(None, None, None)  # only now: the next one is there already
                logs += earlier.logs
                before = after
                checked = await running.logged("token_keys_checked")
                assert checked["unreadable"] == 0
                assert checked["renewed"] == (2 if keys.startswith(f"{NEW},") else 0)
                # An operator needs no log for it.
                mark = Vault(keys.split(",")).mark
                await until(partial(is_shown, client, f"by key {mark}, and all 2 records are encrypted by it"))
            await stop(asking)
        for shop, some in ids.items():
            await client.wait(await client.sync_products(shop, some), timeout=60)
        await before.__aexit__(None, None, None)
        logs += running.logs
        assert rounds > 3
        vault = Vault([NEW])
        assert not [name for name, text in (await sealed(redis)).items() if vault.needs_rotation(text)]
        warnings = {line["event"] for line in logs if line.get("level") in {"warning", "error"}}
        assert warnings <= {"guard", "calls_late"}, warnings  # late: the machine is slow, and no call has failed
        stats = await front.see("stats")
        assert stats["tokens"]["refresh"] == 2
        # Calls that are under way with the pair that another worker has just replaced are refused, and made again.
        assert set(stats["by_path"]["product"]) <= {"ok", "105002", "36009004"}


async def is_shown(client: SyncClient, words: str) -> bool:
    return words in check_keys(await client.list_workers()).text


def test_no_checked_record_frees_no_key() -> None:
    """Records of consents and imports come between two checks."""
    said = check_keys([WorkerSeen("w", "h", 1, "", 1, 0, full=False, seen_ms=0, key="K", records=0)]).text
    assert "older keys may go" not in said


async def _previous(redis: Redis) -> bool:
    return sum(name.endswith("previous") for name in await sealed(redis)) == 2


async def test_a_key_dropped_too_early_is_said_and_loses_nothing(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "5") as front, patient(redis_url) as client:
        shop = front.shops[0]["shop_id"]
        ids = (await front.see(f"shops/{shop}/products"))["products"]
        async with worker(front.env(redis_url)):
            await front.authorize(client)
        before = await sealed(redis)
        asked = await client.sync_products(shop, ids)
        async with worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=OTHER)) as running:
            assert (await running.logged("token_keys_checked"))["unreadable"] == 1
            await until(partial(said, running, "no key of SHOPSTREAM_TOKEN_KEYS opens the tokens of 1 shop"))
        assert await sealed(redis) == before
        assert await redis.xlen(P.stream("dead")) == 0
        await redis.zadd(P.due, {f"products:{shop}": 0})  # not to wait for the pause of 10 s
        async with worker(front.env(redis_url)):
            assert not (await client.wait(asked, timeout=60)).dead
