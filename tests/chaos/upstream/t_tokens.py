"""Token pairs: many askers at once, and workers that die or stand still in the middle of a refresh."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.chaos.case import Case, Result, Size
from tests.chaos.checker import check
from tests.chaos.commands import Fault
from tests.chaos.stage import Stage, stage
from tests.chaos.tools.proxy import Cut, Link, proxy
from tests.processes import load_tomorrow, until, worker

P: Final = Partition(0)
DELAY: Final = 0.3
"""Seconds that a refresh takes at the sandbox."""
PROCESSES: Final = 4
ASKERS: Final = 50


async def stampede(size: Size, seed: int) -> Result:
    """T10: 200 askers in 4 processes find the token expired in the same moment."""
    rounds = size.pick(short=3, ci=20, nightly=200)
    async with (
        stage("--shops", "1", "--products", "5", "--seed", str(seed), workers=0) as made,
        AsyncExitStack() as everybody,
    ):
        await made.front.control("tokens", refresh_delay_ms=int(DELAY * 1000))
        (name,) = [shop.authorization for shop in await made.client.list_shops()]
        record = P.token(name)
        askers = await asyncio.gather(*(everybody.enter_async_context(_askers(made, name)) for _ in range(PROCESSES)))
        slowest, most = 0.0, 0
        for n in range(rounds):
            await _a_minute_passes(made.redis, name)
            version = int(await made.redis.hget(record, "version") or 0)  # type: ignore[misc]
            before = (await made.redis.info("stats"))["total_commands_processed"]
            answers = await asyncio.gather(*(_asked(one, version) for one in askers))
            commands = (await made.redis.info("stats"))["total_commands_processed"] - before
            slowest = max(slowest, *(answer["seconds"] for answer in answers))
            most = max(most, commands)
            assert [answer["versions"] for answer in answers] == [[version + 1]] * PROCESSES
            refreshes = (await made.front.see("stats"))["tokens"]["refresh"]
            assert refreshes == n + 1, f"{refreshes} refreshes in {n + 1} rounds"
        ids = await made.products(made.shops[0])
        async with worker(made.env):
            await made.ask(made.shops[0], ids)
            await made.settle()
        result = await made.judge()
    assert most <= 100, f"{most} Redis commands in a round"
    result.runs, result.recover_seconds = rounds, slowest
    result.note = f"a refresh takes {DELAY} s; at most {most} Redis commands a round, those in scripts included"
    return result


@asynccontextmanager
async def _askers(made: Stage, name: str) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.tools.askers",
        name,
        str(ASKERS),
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | made.env,
    )
    try:
        assert child.stdout is not None
        assert json.loads(await asyncio.wait_for(child.stdout.readline(), 30))["ready"]
        yield child
    finally:
        assert child.stdin is not None
        child.stdin.close()
        await asyncio.wait_for(child.wait(), 10)


async def _asked(child: Process, version: int) -> dict[str, Any]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"%d\n" % version)
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(child.stdout.readline(), 30))
    return answer


POINTS: Final = ("before the call", "call sent", "answer read", "stored", "lock over")


async def killed(size: Size, seed: int) -> Result:
    """T11: kill -9 at each point of a refresh, with a token host that rotates strictly and one that is lenient."""
    rotations = size.pick(short=["strict"], ci=["strict", "lenient"], nightly=["strict", "lenient"])
    results: list[tuple[str, Result]] = []
    for rotation in rotations:
        shops = len(POINTS) + 1
        options = ("--shops", str(shops), "--products", "20", "--seed", str(seed))
        async with stage(*options, workers=0, authorized=False, config={"databases": "64"}) as made:
            await made.front.control("tokens", rotation=rotation, refresh_delay_ms=int(DELAY * 1000))
            together = asyncio.Barrier(len(POINTS))
            runs = await asyncio.gather(*(_Run(made, together, i + 1, point).go() for i, point in enumerate(POINTS)))
            results += [(f"{rotation}, {point}", run) for point, run in zip(POINTS, runs, strict=True)]
    total = Result(len(results), 0, 0, 0, 0)
    for _, one in results:
        total.asked += one.asked
        total.published += one.published
        total.dead += one.dead
    parked = [name for name, one in results if one.note]
    waiting = total.asked - total.published - total.dead
    total.note = f"{waiting} ids wait for their seller, whose pair is lost by: {'; '.join(parked) or 'none'}"
    total.note += "; locks run out by hand"
    return total


@dataclass
class _Run:
    """One crash, in a database of its own, with a shop that suffers and one that must not notice."""

    made: Stage
    together: asyncio.Barrier
    """The runs share a sandbox: no pair of it ends before all sellers have consented."""
    database: int
    point: str

    async def go(self) -> Result:
        made, front = self.made, self.made.front
        victim, other = made.shops[self.database - 1], made.shops[-1]
        url = made.valkey.url.removesuffix("/0") + f"/{self.database}"
        async with SyncClient(url) as client, Redis.from_url(url) as redis:
            async with worker(made.env | {"SHOPSTREAM_REDIS_URL": url}):
                await load_tomorrow(redis, (victim, other))
                for shop in (victim, other):
                    code = (await front.control("auth_code", shop_id=shop))["auth_code"]
                    await client.authorize(code, timeout=60)
            for entry in await client.list_shops():
                await forget_host(redis, entry.authorization)
            (name,) = [shop.authorization for shop in await client.list_shops() if shop.shop_id == victim]
            if await self.together.wait() == 0:
                await front.control("tokens", expire_access=True)  # everybody's: each renews its own
            await self.together.wait()
            asked = {shop: await made.products(shop) for shop in (victim, other)}
            await self._crash(client, victim, asked[victim], name)
            await forget_host(redis, name)  # a worker behind a proxy may have stored the pair
            await _a_minute_passes(redis, name)
            await redis.hset(P.lease("products", victim), "until", "0")
            await redis.zadd(P.due, {f"products:{victim}": 0})
            async with worker(made.env | {"SHOPSTREAM_REDIS_URL": url}):
                for shop, ids in asked.items():
                    await client.sync_products(shop, ids)
                await until(lambda: _ended(redis, [other]), seconds=60)
                await until(lambda: _ended(redis, [victim]), seconds=90)
            shops = {shop.shop_id: shop for shop in await client.list_shops()}
            parked = [victim] if shops[victim].status != "active" else []
            assert shops[other].status == "active", "a shop of another seller has suffered"
            result = await check(redis, front, asked, parked=parked)
            result.note = shops[victim].reason or "" if parked else ""
        return result

    async def _crash(self, client: SyncClient, shop: str, ids: list[str], name: str) -> None:
        made = self.made

        async def kill() -> None:
            running.child.kill()
            await running.child.wait()

        async def http(link: Link, data: bytes) -> bytes:
            if b"/token/refresh" not in data or self.point not in {"before the call", "call sent", "lock over"}:
                return data
            if self.point != "before the call":
                link.server.write(data)
                await asyncio.sleep(DELAY / 3)
            if self.point == "lock over":
                await _a_minute_passes(client.redis, name)
            await kill()
            raise Cut

        def counted(arguments: list[bytes]) -> bool:
            if self.point == "stored":
                return arguments[0] == b"WAITAOF"
            # store.lua: EVALSHA, sha, 1, key, fence, the sealed pair, ciphers, issuer.
            stored = arguments[0] == b"EVALSHA" and P.token(name).encode() in arguments and len(arguments) == 8
            return stored and arguments[4].isdigit() and arguments[5].startswith(b"gAAAA")

        fault = Fault(counted, 1, kill)
        host, port = made.front.url.removeprefix("http://").split(":")
        async with (
            proxy("127.0.0.1", made.valkey.port, tap=fault) as to_redis,
            proxy(host, int(port), tap=http) as to_tiktok,
        ):
            env = {
                "SHOPSTREAM_REDIS_URL": to_redis.url(path=f"/{self.database}"),
                "SHOPSTREAM_API_URL": to_tiktok.url("http", ""),
                "SHOPSTREAM_AUTH_URL": to_tiktok.url("http", ""),
            }
            async with worker(made.env | env) as running:
                await client.sync_products(shop, ids)
                assert await asyncio.wait_for(running.child.wait(), 30) == -signal.SIGKILL
        await asyncio.sleep(DELAY * 1.5)  # the call under way ends at the sandbox


async def _a_minute_passes(redis: Redis, name: str) -> None:
    """Let an authorization be renewed once more: its lock has run out, and so has the minute between two calls."""
    await redis.hset(P.token(name), mapping={"lock_until": "1", "called_at": "1", "not_before": "1"})  # type: ignore[misc]


async def forget_host(redis: Redis, name: str) -> None:
    """Let a record be any host's: a worker behind a proxy has another one, and would leave it alone."""
    await redis.hdel(P.token(name), "issuer", "issued")  # type: ignore[misc]


async def _ended(redis: Redis, shops: list[str]) -> bool:
    """Nothing left to do, or parked."""
    for shop in shops:
        entry = Shop.from_json(await redis.hget(P.registry, shop) or b"{}")  # type: ignore[misc]
        left = await redis.exists(P.backlog("products", shop), P.claimed("products", shop))
        if left and entry.status == "active":
            return False
    return True


async def paused(size: Size, seed: int) -> Result:
    """T12: the holder of the lock stands still in mid-call until another one has renewed, then goes on."""
    total = Result(0, 0, 0, 0, 0)
    fates = []
    for rotation in size.pick(short=["lenient"], ci=["lenient", "strict"], nightly=["lenient", "strict"]):
        async with stage("--shops", "1", "--products", "20", "--seed", str(seed), workers=0) as made:
            await made.front.control("tokens", rotation=rotation, refresh_delay_ms=int(DELAY * 1000))
            fates.append(f"{rotation}: {await _pause(made)}")
            (shop,) = await made.client.list_shops()
            result = await made.judge(parked=[] if shop.status == "active" else [shop.shop_id])
        total.runs += 1
        total.asked, total.published = total.asked + result.asked, total.published + result.published
    total.note = "; ".join(fates)
    return total


async def _pause(made: Stage) -> str:
    """What became of the shop."""
    (known,) = await made.client.list_shops()
    shop, record = known.shop_id, P.token(known.authorization)
    await forget_host(made.redis, known.authorization)
    stopped = asyncio.Event()

    async def http(link: Link, data: bytes) -> bytes:
        if b"/token/refresh" in data and not stopped.is_set():
            link.server.write(data)
            await asyncio.sleep(DELAY / 3)
            running.child.send_signal(signal.SIGSTOP)
            stopped.set()
            return b""
        return data

    host, port = made.front.url.removeprefix("http://").split(":")
    async with proxy(host, int(port), tap=http) as between:
        running = await made.start_worker(SHOPSTREAM_AUTH_URL=between.url("http", ""))
        await made.front.control("tokens", expire_access=True)
        await made.ask(shop, await made.products(shop))
        await asyncio.wait_for(stopped.wait(), 30)
        await asyncio.sleep(DELAY)
        await _a_minute_passes(made.redis, known.authorization)
        await made.expire_leases()
        await made.start_worker()

        async def decided() -> bool:
            version, state = await made.redis.hmget(record, ["version", "state"])  # type: ignore[misc]
            return int(version) > known_version or state != b"active"

        known_version = int(await made.redis.hget(record, "version") or 0)  # type: ignore[misc]
        await until(decided, seconds=60)
        pair, state = await made.redis.hmget(record, ["pair_fence", "state"])  # type: ignore[misc]
        running.child.send_signal(signal.SIGCONT)
        await until(lambda: _ended(made.redis, [shop]), seconds=60)
        await made.end_workers()
        now = await made.redis.hget(record, "pair_fence")  # type: ignore[misc]
    if state == b"active":
        assert now == pair, "the late holder has overwritten the newer pair"
        return "the late pair was not stored over the newer one"
    return "the seller must authorize again"


CASES = [
    Case("T10", "200 askers in 4 processes find the token expired at once", stampede),
    Case("T11", "a worker killed at each point of a token refresh", killed),
    Case("T12", "the holder of the refresh lock stands still past its end, then stores", paused),
]
