"""The token store against a real Valkey: one refresh for everybody, and no crash that loses more than it must."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from shopstream.redis.keys import partition_for
from tests.processes import until
from worker.apps.record_owners import authorization_id
from worker.marketplace.call_errors import (
    AddressRefused,
    CallError,
    CredentialsRefused,
    Inactive,
    NotAllowed,
    RefreshRefused,
    Throttled,
    Transient,
    UnknownCode,
)
from worker.marketplace.values import Grant
from worker.tokens.authorizations import ReauthorizationRequired, RefreshUnavailable, TokenError
from worker.tokens.token_records import TokenRecords
from worker.tokens.token_store import TokenStore
from worker.tokens.vault import InvalidKeys, Undecryptable, Vault

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
OPEN_ID = "seller-1"
NAME = authorization_id(OPEN_ID)
RECORD = partition_for(NAME, 1).token(NAME)
REFRESH_SECONDS = 0.5


def grant(number: int, *, life: float = 3600, refresh_token: str | None = None) -> Grant:
    token = f"refresh-{number}-canary" if refresh_token is None else refresh_token
    return Grant(f"access-{number}-canary", int(time.time() + life), token, 2**32, OPEN_ID, "S", "VN", ("a",))


class TokenHost:
    """Rotates: a refresh token is good once (strict), or for ever (lenient)."""

    def __init__(self, *, strict: bool = True, seconds: float = REFRESH_SECONDS) -> None:
        self.calls: list[str] = []
        self.strict = strict
        self.seconds = seconds
        self.spent: set[str] = set()

    async def refresh(self, token: str) -> Grant:
        self.calls.append(token)
        if self.strict and token in self.spent:
            raise RefreshRefused("refused", code=36004004)
        self.spent.add(token)
        await asyncio.sleep(self.seconds)
        return grant(len(self.calls) + 1)


def store(redis: Redis, call: Callable[[str], Awaitable[Grant]], *keys: str) -> TokenStore:
    return TokenStore(redis, Vault(keys or (KEY,)), call, partitions=1)


async def lock_ends(redis: Redis) -> None:
    """As if the 45 s of a dead holder's lock had passed, and the minute between two calls."""
    await redis.hset(RECORD, mapping={"lock_until": "1", "called_at": "1"})  # type: ignore[misc]


async def test_200_askers_in_4_stores_are_one_call_and_few_commands(redis: Redis) -> None:
    host = TokenHost()
    stores = [store(redis, host.refresh) for _ in range(4)]
    await stores[0].save(grant(1), {"1": "c"})
    before = (await redis.info("stats"))["total_commands_processed"]
    found = await asyncio.gather(*(one.refresh(NAME, 1) for one in stores for _ in range(50)))
    commands = (await redis.info("stats"))["total_commands_processed"] - before
    assert host.calls == ["refresh-1-canary"]
    assert {(one.version, one.grant.access_token) for one in found} == {(2, "access-2-canary")}
    assert found[0].ciphers == {"1": "c"}
    assert commands <= 100  # those inside of scripts are counted too


async def test_whoever_comes_later_takes_the_winners_pair(redis: Redis) -> None:
    host = TokenHost(seconds=0)
    first, second = store(redis, host.refresh), store(redis, host.refresh)
    await first.save(grant(1), {})
    await first.refresh(NAME, 1)
    assert (await second.refresh(NAME, 1)).version == 2
    assert len(host.calls) == 1


async def test_a_call_whose_askers_are_all_gone_is_stored_all_the_same(redis: Redis) -> None:
    host = TokenHost()
    tokens = store(redis, host.refresh)
    await tokens.save(grant(1), {})
    asker = asyncio.create_task(tokens.refresh(NAME, 1))
    await until(lambda: _true(host.calls))
    asker.cancel()
    await tokens.close()
    assert (await store(redis, host.refresh).load(NAME)).version == 2


async def test_a_definite_refusal_is_everybodys(redis: Redis) -> None:
    host = TokenHost()
    host.spent.add("refresh-1-canary")
    tokens = store(redis, host.refresh)
    await tokens.save(grant(1), {})
    for _ in range(2):
        with pytest.raises(ReauthorizationRequired, match="36004004"):
            await tokens.refresh(NAME, 1)
    assert len(host.calls) == 1
    with pytest.raises(ReauthorizationRequired):
        await store(redis, host.refresh).load(NAME)
    await tokens.save(grant(9), {})  # the seller has authorized again
    assert (await tokens.load(NAME)).grant.access_token == "access-9-canary"


async def test_a_token_host_that_is_down_is_not_hammered(redis: Redis) -> None:
    calls = 0

    async def down(_: str) -> Grant:
        nonlocal calls
        calls += 1
        raise Transient("HTTP 503")

    tokens = store(redis, down)
    await tokens.save(grant(1), {})
    for _ in range(50):
        with pytest.raises(RefreshUnavailable):
            await tokens.refresh(NAME, 1)
    assert calls == 1
    assert (await tokens.load(NAME)).version == 1


async def test_a_paused_holder_that_stores_late_overwrites_nothing_newer(redis: Redis) -> None:
    go = asyncio.Event()

    async def paused(_: str) -> Grant:
        await go.wait()
        return grant(50)

    slow, fast = store(redis, paused), store(redis, TokenHost(strict=False, seconds=0).refresh)
    await fast.save(grant(1), {})
    late = asyncio.create_task(slow.refresh(NAME, 1))
    await until(lambda: redis.hget(RECORD, "lock_until"))  # type: ignore[arg-type, return-value]
    await lock_ends(redis)
    newer = await fast.refresh(NAME, 1)
    go.set()
    assert (await late).grant.access_token == newer.grant.access_token
    assert (await store(redis, paused).load(NAME)).grant.access_token == newer.grant.access_token


@pytest.mark.parametrize("rotation", ["strict", "lenient"])
@pytest.mark.parametrize("point", ["before_call", "call_sent", "answer_read"])
async def test_a_worker_killed_in_the_middle_of_a_refresh(
    redis: Redis, redis_url: str, point: str, rotation: str
) -> None:
    """kill -9 at each point before the pair is stored; then another worker comes."""
    host = TokenHost(strict=rotation == "strict", seconds=0)
    await store(redis, host.refresh).save(grant(1), {"1": "c"})
    child = subprocess.Popen(  # noqa: S603, ASYNC220
        [sys.executable, "-c", _CRASHER, redis_url, KEY, NAME, point],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert (await asyncio.to_thread(child.stdout.readline)).strip() == b"now"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    if point != "before_call":
        host.spent.add("refresh-1-canary")  # TikTok has seen the call
    heir = store(redis, host.refresh)
    await lock_ends(redis)
    if point == "before_call" or rotation == "lenient":
        assert (await heir.refresh(NAME, 1)).version == 2
    else:
        # The only copy of the new pair died with the worker: the present token is used until it ends.
        for _ in range(3):
            with pytest.raises(RefreshUnavailable, match="unknown end"):
                await _once(heir, redis)
        assert (await heir.load(NAME)).grant.access_token == "access-1-canary"
    assert host.calls.count("refresh-1-canary") <= 3


async def test_an_unknown_end_and_an_expired_token_ask_for_the_seller(redis: Redis) -> None:
    host = TokenHost()
    host.spent.add("refresh-1-canary")
    tokens = store(redis, host.refresh)
    await tokens.save(grant(1, life=-1), {})
    await redis.hset(RECORD, "intent", "0:1:1")  # type: ignore[misc]
    with pytest.raises(ReauthorizationRequired, match="refresh_outcome_unknown"):
        await tokens.refresh(NAME, 1)


async def test_an_unknown_end_and_an_access_token_that_tiktok_refuses_ask_for_the_seller(redis: Redis) -> None:
    """A strict host: the pair that was lost has made the stored one worthless, days before it was to expire."""
    host = TokenHost(seconds=0)
    mine = store(redis, host.refresh)
    await mine.save(grant(1), {})
    host.spent.add("refresh-1-canary")
    await redis.hset(RECORD, "intent", "1:1:1")  # type: ignore[misc]
    with pytest.raises(RefreshUnavailable, match="used up first"):  # ahead of time: it may still be good
        await mine.refresh(NAME, 1)
    with pytest.raises(RefreshUnavailable, match="may be renewed again"):
        await mine.refresh(NAME, 1)
    for _ in range(2):
        with pytest.raises(ReauthorizationRequired, match="refresh_outcome_unknown"):
            await mine.refresh(NAME, 1, refused=True)


async def test_an_answer_without_a_refresh_token_keeps_the_old_one(redis: Redis) -> None:
    async def call(_: str) -> Grant:
        return grant(2, refresh_token="")

    tokens = store(redis, call)
    await tokens.save(grant(1), {})
    assert (await tokens.refresh(NAME, 1)).grant.refresh_token == "refresh-1-canary"


async def test_a_pair_is_renewed_between_half_and_four_fifths_of_its_life(redis: Redis) -> None:
    tokens = store(redis, TokenHost().refresh)
    one = await tokens.save(grant(1, life=1000), {})
    assert 499 <= tokens.due_at(one) - one.issued_at <= 801


async def test_no_token_in_redis_nor_in_any_error(redis: Redis) -> None:
    async def down(_: str) -> Grant:
        raise Transient("HTTP 503")

    tokens = store(redis, down)
    one = await tokens.save(grant(1), {"1": "cipher-canary"})
    texts = [repr(one), str(one), repr(one.grant), repr(tokens)]
    try:
        await tokens.refresh(NAME, 1)
    except TokenError:
        texts.append(traceback.format_exc())
    record: dict[bytes, bytes] = await redis.hgetall(RECORD)  # type: ignore[misc]
    texts += [repr(value) for value in record.values()]
    assert not any("canary" in text for text in texts)


async def test_keys_are_renewed_and_a_moved_record_is_noticed(redis: Redis) -> None:
    tokens = store(redis, TokenHost().refresh)
    await tokens.save(grant(1), {})
    both = store(redis, TokenHost().refresh, OTHER, KEY)
    records = TokenRecords(redis, both.vault, 1)
    assert await records.rotate(NAME)
    assert not await records.rotate(NAME)
    assert (await store(redis, TokenHost().refresh, OTHER).load(NAME)).version == 1
    with pytest.raises(TokenError, match="dropped too early"):
        await store(redis, TokenHost().refresh, KEY).load(NAME)
    vault = Vault([KEY])
    with pytest.raises(Undecryptable, match="moved"):
        vault.open("shop-b", vault.seal("shop-a", b"x"))


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, "not a key"]])
def test_bad_keys_are_refused_without_being_shown(keys: list[str]) -> None:
    with pytest.raises(InvalidKeys) as caught:
        Vault(keys)
    assert not any(key in str(caught.value) for key in keys)


async def _true(value: Any) -> bool:
    return bool(value)


async def _once(tokens: TokenStore, redis: Redis) -> None:
    await redis.hdel(RECORD, "not_before", "called_at")  # type: ignore[misc]  # as after the ten minutes
    await tokens.refresh(NAME, 1)


_CRASHER = """
import asyncio, sys, time
from worker.redis import pool as redis
from worker.tokens import token_store as tokens, vault
from worker.marketplace.values import Grant
url, key, name, point = sys.argv[1:]
def here():
    print("now", flush=True)
    time.sleep(60)
async def call(token):
    if point != "answer_read":
        here()
    return Grant("a", int(time.time()) + 9, "r", 2**32, "seller-1", "S", "VN", ())
async def main():
    client = redis.client(url)
    store = tokens.TokenStore(client, vault.Vault([key]), call, partitions=1)
    if point == "answer_read":
        async def put(*_, **__):
            here()
        store._put = put
    await store.refresh(name, 1)
asyncio.run(main())
"""


async def test_one_authorization_is_refreshed_once_a_minute_whatever_answers_say(redis: Redis) -> None:
    """A pair that counts as expired on arrival, asked for all the time: one call, and the loop keeps turning."""
    calls = 0

    async def expired(_: str) -> Grant:
        nonlocal calls
        calls += 1
        return grant(calls + 1, life=-5)

    tokens = store(redis, expired)
    await tokens.save(grant(1), {})
    assert (await tokens.refresh(NAME, 1)).version == 2
    for refused in (False, True) * 20:
        with pytest.raises(RefreshUnavailable) as unavailable:
            await tokens.refresh(NAME, 2, refused=refused)
        assert 50 < unavailable.value.seconds <= 60
    assert calls == 1


async def test_whoever_asks_for_a_pair_newer_than_the_one_just_stored_gives_the_loop_its_turns(redis: Redis) -> None:
    host = TokenHost(seconds=0)
    first, second = store(redis, host.refresh), store(redis, host.refresh)
    await first.save(grant(1), {})
    await first.refresh(NAME, 1)
    asking = asyncio.create_task(second.refresh(NAME, 1))

    async def later() -> None:
        await until(lambda: _true(second._under_way))
        await asyncio.gather(*second._under_way.values())
        with pytest.raises(RefreshUnavailable):
            await second.refresh(NAME, 2)

    await asyncio.wait_for(asyncio.gather(asking, later()), 60)


@pytest.mark.parametrize(
    "error",
    [
        Throttled("too many", code=36009002), CredentialsRefused("Invalid app secret", code=36004003),
        AddressRefused("not allowed", code=36009033), Inactive("the shop is inactive", code=36009043),
        UnknownCode("?", code=4711), NotAllowed("scope", code=105005), Transient("HTTP 503"),
        CredentialsRefused("the upstream's TLS certificate is not trusted"),
    ],
)  # fmt: skip
async def test_what_says_nothing_about_the_consent_ends_none(redis: Redis, error: CallError) -> None:
    answers: list[CallError | Grant] = [error, grant(2)]

    async def call(_: str) -> Grant:
        answer = answers.pop(0)
        if isinstance(answer, CallError):
            raise answer
        return answer

    tokens = store(redis, call)
    await tokens.save(grant(1), {})
    with pytest.raises(RefreshUnavailable) as refused:
        await tokens.refresh(NAME, 1, refused=True)
    assert refused.value.error is error
    assert (await tokens.load(NAME)).version == 1
    await redis.hset(RECORD, mapping={"called_at": "1", "not_before": "1"})  # type: ignore[misc]
    assert (await tokens.refresh(NAME, 1, refused=True)).version == 2


async def test_a_new_consent_keeps_the_ciphers_until_there_is_a_new_list(redis: Redis) -> None:
    tokens = store(redis, TokenHost().refresh)
    await tokens.save(grant(1), {"1": "old"})
    assert (await tokens.save(grant(2))).ciphers == {"1": "old"}
    await tokens.save_ciphers(NAME, {"1": "new"})
    assert (await tokens.load(NAME)).ciphers == {"1": "new"}
    assert (await store(redis, TokenHost().refresh).load(NAME)).ciphers == {"1": "new"}


async def test_a_list_of_shops_that_comes_during_a_refresh_is_kept(redis: Redis) -> None:
    host = TokenHost(seconds=0.2)
    tokens = store(redis, host.refresh)
    await tokens.save(grant(1), {"1": "old"})
    asking = asyncio.create_task(tokens.refresh(NAME, 1))
    await until(lambda: _true(host.calls))
    await tokens.save_ciphers(NAME, {"1": "new"})
    assert (await asking).ciphers == {"1": "new"}


async def test_a_record_of_an_older_version_keeps_its_ciphers(redis: Redis) -> None:
    tokens = store(redis, TokenHost(seconds=0).refresh)
    await tokens.save(grant(1), {"1": "c"})
    await redis.hdel(RECORD, "ciphers")  # type: ignore[misc]
    old = store(redis, TokenHost(seconds=0).refresh)
    assert (await old.load(NAME)).ciphers == {"1": "c"}
    assert (await old.refresh(NAME, 1)).ciphers == {"1": "c"}
    assert (await old.save(grant(3))).ciphers == {"1": "c"}


async def test_shops_are_listed_once_a_minute(redis: Redis) -> None:
    tokens = store(redis, TokenHost().refresh)
    await tokens.save(grant(1), {})
    waits = [await tokens.may_list(NAME) for _ in range(3)]
    assert waits[0] == 0
    assert all(50 < wait <= 60 for wait in waits[1:])
