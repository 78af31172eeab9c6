"""T27: every secret is a canary, everything that can fail fails, and then all that anybody can read is searched."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream.errors import AuthorizationFailed
from tests.chaos.case import Case, Result, Size
from tests.chaos.stage import Stage, authorize, stage
from tests.chaos.tools.proxy import proxy
from tests.chaos.upstream.t_upstream import elsewhere
from tests.processes import KEY, program, until
from worker.tokens.vault import Undecryptable, Vault

OLD_KEY = Fernet.generate_key().decode()
PASSWORD = "redis-canary-5e1f"
WRONG_CODE = "ROW_code-canary-77aa"
WRONG_KEY = "fernet-canary-not-a-key"


async def canaries(size: Size, seed: int) -> Result:
    """T27: wrong codes, faults, lost rights, Redis killed, a broken token host, swapped ciphers, a revoked consent."""
    products = size.pick(short=30, ci=500, nightly=5_000)
    options = ("--shops", "2", "--products", str(products), "--seed", str(seed))
    secrets = {"redis password": PASSWORD, "key": KEY, "old key": OLD_KEY, "code, wrong": WRONG_CODE}
    failures = 0
    async with stage(*options, workers=0, authorized=False) as made, elsewhere() as other:
        front = urlsplit(made.front.url)
        assert front.port
        async with proxy("127.0.0.1", front.port) as between:
            await _user(made)
            secrets["app secret"] = made.front.app_secret
            made.env |= {
                "SHOPSTREAM_REDIS_URL": f"redis://worker:{PASSWORD}@127.0.0.1:{made.valkey.port}/0",
                "SHOPSTREAM_AUTH_URL": between.url("http", ""),
                "SHOPSTREAM_TOKEN_KEYS": f"{KEY},{OLD_KEY}",
                "SHOPSTREAM_PACING_MIN_RATE": "200",
            }
            texts = [await _refused_to_start(made)]
            await made.start_worker()
            texts += [await _wrong_code(made), json.dumps(made.front.shops[0]["name"])]
            secrets |= _numbered("code", made.front.auth_codes) | _numbered(
                "cipher", (shop["cipher"] for shop in made.front.shops)
            )
            await authorize(made)
            secrets |= await _tokens(made, "first")
            for shop in made.shops:
                await made.ask(shop, await made.products(shop))
            await made.front.control("faults", rate=0.5, seconds=0.5, seed=seed, redirect_to=other.url)
            await asyncio.sleep(size.pick(short=1.5, ci=20, nightly=120))
            await made.front.control("faults")
            began = time.monotonic()
            await _lost_rights(made, seed)
            await _killed_redis(made)
            await _broken_token_host_and_swapped_record(made, between)
            secrets |= await _tokens(made, "second")
            await _revoked(made)
            secrets |= await _tokens(made, "third")
            failures += 7
            await made.settle(120)
            recovered = time.monotonic() - began
            titles = [await asyncio.to_thread(_command, one.child.pid) for one in made.living]
            await made.end_workers()
        texts += titles
        for one in made.workers:
            assert one.child.stdout is not None
            texts += [json.dumps(one.logs), (await one.child.stdout.read()).decode()]
        texts += [repr(request) for request in other.heard]
        stored = b"".join([part async for part in everything(made.redis)])
        files = await asyncio.to_thread(_files, made.valkey.folder)
        result = await made.judge()
    looked = {"logs and titles": "\n".join(texts).encode(), "keys and values": stored}
    # A code is in the append-only file, as it was in Redis until a worker took it: used by then, and good for one use.
    assert all(made.shops[0].encode() in text for text in looked.values()), "nothing was looked at"
    _search(secrets, looked)
    _search({name: value for name, value in secrets.items() if not name.startswith("code")}, {"Redis's files": files})
    result.runs, result.recover_seconds = failures, recovered
    size_kib = sum(map(len, looked.values())) + len(files)
    result.note = f"{len(secrets)} secrets, 0 hits in {size_kib // 1024} KiB of logs, titles, keys, values and files"
    return result


def _search(secrets: dict[str, str], places: dict[str, bytes]) -> None:
    assert all(len(value) >= 8 for value in secrets.values()), "too short to be told from chance"
    hits = [
        f"{name} in {place}"
        for name, value in secrets.items()
        for place, text in places.items()
        if value.encode() in text
    ]
    assert not hits, "; ".join(hits)


def _numbered(name: str, values: Iterable[str]) -> dict[str, str]:
    return {f"{name} {n}": value for n, value in enumerate(values)}


async def _user(made: Stage) -> None:
    await made.redis.execute_command("ACL", "SETUSER", "worker", "on", f">{PASSWORD}", "~*", "&*", "+@all")  # type: ignore[no-untyped-call]


async def _tokens(made: Stage, when: str) -> dict[str, str]:
    """Every access and refresh token in the store, which is the only place that may know them."""
    vault = Vault([KEY, OLD_KEY])
    found: dict[str, str] = {}
    async for key in made.redis.scan_iter("*:token:*"):
        name = key.decode().rpartition(":")[2]
        for part in ("pair", "previous"):
            sealed = await made.redis.hget(key, part)  # type: ignore[misc]
            if sealed is None:
                continue
            try:
                grant = json.loads(vault.open(name, sealed))["grant"]
            except Undecryptable:
                continue  # the swapped one
            found |= {f"{when} {kind} {name} {part}": grant[kind] for kind in ("access_token", "refresh_token")}
    assert found
    return found


async def _refused_to_start(made: Stage) -> str:
    """With a key that is none, and with a password that Redis refuses: what it says on its way out."""
    wrong_url = f"redis://worker:{PASSWORD}x@127.0.0.1:{made.valkey.port}/0"
    slash = f"redis://worker:{PASSWORD}/x@127.0.0.1:{made.valkey.port}/0"
    output = ""
    for changed in (
        {"SHOPSTREAM_TOKEN_KEYS": f"{KEY},{WRONG_KEY}"},
        {"SHOPSTREAM_REDIS_URL": wrong_url},
        {"SHOPSTREAM_REDIS_URL": slash},
    ):
        async with program("worker", env=made.env | changed) as child:
            out, err = await asyncio.wait_for(child.communicate(), 20)
        assert child.returncode == 2, err
        output += out.decode() + err.decode()
        assert WRONG_KEY not in output
    return output


async def _wrong_code(made: Stage) -> str:
    try:
        await made.client.authorize(WRONG_CODE, timeout=15)
    except AuthorizationFailed as refused:
        return repr(refused) + str(refused)
    raise AssertionError("a wrong code was taken")


async def _lost_rights(made: Stage, seed: int) -> None:
    """Scripts fail in the middle; redis-py's errors hold whole commands."""
    (shop, *_) = made.shops
    await made.redis.execute_command("ACL", "SETUSER", "worker", "-xadd")  # type: ignore[no-untyped-call]
    await made.front.control("stock", shop_id=shop, random=5, seed=seed)
    await made.ask(shop, await made.products(shop))
    await made.workers[-1].logged("work_refused_by_redis")
    await made.redis.execute_command("ACL", "SETUSER", "worker", "+xadd")  # type: ignore[no-untyped-call]
    await made.expire_leases()
    await made.settle(60)


async def _killed_redis(made: Stage) -> None:
    """And it has forgotten its user for a moment when it comes back."""
    made.valkey.kill()
    await made.valkey.restart()
    await _user(made)
    for shop in made.shops:
        await made.ask(shop, await made.products(shop))
    await made.settle(60)


async def _broken_token_host_and_swapped_record(made: Stage, between: Any) -> None:
    """One seller's refresh finds no host; in the place of the other's pair lies that of the first."""
    await between.down()
    keys = sorted([key async for key in made.redis.scan_iter("*:token:*")])
    foreign = await made.redis.hget(keys[0], "pair")  # type: ignore[misc]
    await made.redis.hset(keys[1], "pair", foreign)  # type: ignore[misc]
    await made.front.control("tokens", expire_access=True)
    for shop in made.shops:
        await made.ask(shop, await made.products(shop))
    reasons = ('"endpoint": "token", "error": "transient"', '"kind": "moved"')
    for reason in reasons:
        await until(partial(_said, made, reason))
    await between.up()
    await _consent_anew(made)


async def _revoked(made: Stage) -> None:
    await made.front.control("tokens", revoke=made.front.shops[0]["seller"])
    await made.ask(made.shops[0], await made.products(made.shops[0]))
    await made.workers[-1].logged("shop_reauthorization_required")
    await _consent_anew(made)


async def _consent_anew(made: Stage) -> None:
    for seller in {shop["seller"]: shop for shop in made.front.shops}:
        code = (await made.front.control("auth_code", seller=seller))["auth_code"]
        made.front.auth_codes.append(code)
        await made.client.authorize(code, timeout=15)


async def _said(made: Stage, words: str) -> bool:
    return any(words in json.dumps(line) for line in made.workers[-1].logs)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def everything(redis: Redis) -> AsyncIterator[bytes]:
    """Every key with all that it holds."""
    reads: dict[bytes, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    async for key in redis.scan_iter(count=1_000):
        kind = await redis.type(key)
        if kind != b"none":
            yield key + b" " + repr(await reads[kind](key)).encode() + b"\n"


CASES = [Case("T27", "every secret a canary, through failures of all kinds", canaries)]
