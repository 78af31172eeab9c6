"""Sentinels that are wrong, away, silent or want a password, and a primary that moves, for clients and processes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from shopstream import EventConsumer, SyncClient
from shopstream.errors import ShopstreamError
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import PARTITIONS
from shopstream.redis.sentinel.primary import Primary, PrimarySeen
from shopstream.redis.sentinel.sentinel_errors import NoPrimary, WrongSentinel
from shopstream.redis.urls.host_list import Address
from tests.commands.running import command
from tests.processes import free_port, settle, until
from tests.running.refused_start import read_refusal
from tests.running.sentinels import Trio, trio
from tests.running.tls import Authority, tls_front

PASSWORD = "canary-5f20"


@pytest.fixture
async def small() -> AsyncIterator[Trio]:
    """One Sentinel, with a user that may ask for the primary alone, and a primary without a replica."""
    async with trio(replicas=0, sentinels=1) as made:
        rules = ("-@all", "+sentinel|master", "+sentinel|get-master-addr-by-name")
        await set_rights(made, "on", f">{PASSWORD}", *rules)
        primary = await made.primary()
        async with Redis.from_url(primary.url) as redis:
            await settle(redis)
        yield made


async def set_rights(servers: Trio, *rules: str) -> None:
    await servers.sentinels[0].redis.execute_command("ACL", "SETUSER", "clients", *rules)  # type: ignore[no-untyped-call]


@pytest.mark.minute
async def test_what_no_wait_mends_is_refused_in_one_line_by_all(small: Trio) -> None:
    """Side by side, as a worker tries for some seconds."""
    (sentinel,) = small.sentinels
    redis = await small.primary()
    place = f"127.0.0.1:{sentinel.port}"
    own = f"sentinel_username=clients&sentinel_password={PASSWORD}"
    wrong = {
        f"redis+sentinel://u:{PASSWORD}@{place}/shp": "watches no primary 'shp'",
        f"redis+sentinel://{place}/shop?{own}-": "refused user or password; set SHOPSTREAM_",
        f"redis+sentinel://127.0.0.1:{redis.port}/shop": "is no Sentinel",
        f"redis://u:{PASSWORD}@{place}/0": "Redis refused",
        f"redis://{place}/0": "is a Sentinel, not Redis: write redis+sentinel://",
    }

    async def check(url: str, reason: str) -> None:
        async with SyncClient(url) as client:
            with pytest.raises((RedisError, ShopstreamError)) as caught:
                await client.list_shops()
        lines = [str(caught.value)]
        lines.append((await command(url, "shops")).err.strip())
        lines.append(await read_refusal(url, "worker"))
        if reason != "Redis refused":  # a gateway starts with it, and is not ready
            lines.append(await read_refusal(url, "gateway"))
        for line in lines[1:]:
            assert reason in line
        for line in lines:
            assert PASSWORD not in line
            assert "\n" not in line

    async with asyncio.TaskGroup() as checks:
        for url, reason in wrong.items():
            checks.create_task(check(url, reason))


async def read_one(url: str) -> None:
    async with EventConsumer(url, stream="stock", group="erp") as consumer:
        async for _ in consumer:
            return


async def test_a_consumer_raises_what_no_wait_mends_at_once(small: Trio) -> None:
    url = small.url.removesuffix("shop") + "shp"
    with pytest.raises(WrongSentinel, match="watches no primary"):
        await read_one(url)


@pytest.mark.minute
async def test_sentinels_that_are_all_away_are_named_in_one_line() -> None:
    url = f"redis+sentinel://u:{PASSWORD}@127.0.0.1:{free_port()},127.0.0.1:{free_port()}/shop"
    async with SyncClient(url) as client:
        with pytest.raises(NoPrimary, match=r"no Sentinel answers at 127.0.0.1:\d+, 127.0.0.1:\d+: check") as caught:
            await client.list_shops()
    said, line = await asyncio.gather(command(url, "shops"), read_refusal(url, "worker"))
    for text in (str(caught.value), said.err, line):
        assert "no Sentinel answers at" in text
        assert PASSWORD not in text


async def test_a_sentinel_whose_certificate_is_not_trusted_gets_no_password(small: Trio, tmp_path: Path) -> None:
    (right, wrong) = (Authority(tmp_path), Authority(tmp_path, "stranger"))
    async with tls_front(right.context("localhost"), small.sentinels[0].port) as front:
        url = f"rediss+sentinel://localhost:{front.port}/shop?sentinel_username=clients&sentinel_password={PASSWORD}"
        async with SyncClient(f"{url}&ssl_ca_certs={wrong.path}") as client:
            with pytest.raises(
                WrongSentinel, match=r"TLS: the certificate of Sentinel localhost:[0-9]+ was not accepted"
            ):
                await client.list_shops()
        assert not front.heard
        async with connect(f"{url}&ssl_ca_certs={right.path}") as redis:

            async def logged_in() -> bool:
                with suppress(RedisError):  # this test's Redis has no TLS
                    await redis.ping()
                return PASSWORD.encode() in front.heard

            await until(logged_in)


async def test_sentinels_own_user_needs_two_rights(small: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPSTREAM_SENTINEL_USERNAME", "clients")
    monkeypatch.setenv("SHOPSTREAM_SENTINEL_PASSWORD", PASSWORD)
    async with SyncClient(small.url) as client:
        assert await client.list_shops() == []
    await set_rights(small, "-@all")
    async with SyncClient(small.url) as client:
        with pytest.raises(WrongSentinel, match=r"its user needs \+sentinel\|master"):
            await client.list_shops()


async def test_a_sentinel_that_is_frozen_or_dead_is_passed_over(small: Trio) -> None:
    async with trio(replicas=0, sentinels=1) as other:
        silent, dead = other.sentinels[0], free_port()
        silent.child.send_signal(signal.SIGSTOP)
        try:
            places = f"127.0.0.1:{dead},127.0.0.1:{silent.port},127.0.0.1:{small.sentinels[0].port}"
            async with SyncClient(f"redis+sentinel://{places}/shop") as client:
                assert await client.list_shops() == []
        finally:
            silent.child.send_signal(signal.SIGCONT)


async def test_an_idle_connection_to_an_old_primary_is_not_used_again() -> None:
    """The old primary lives, and would take the write for some seconds more."""
    async with trio(replicas=1, sentinels=1) as servers, SyncClient(servers.url) as client:
        old = await servers.primary()
        await settle(client.redis)

        async def begun() -> bool:
            try:
                return bool(await servers.sentinels[0].ask("FAILOVER", "shop"))
            except ResponseError:  # Sentinel judges a new replica only after some seconds
                return False

        await until(begun)
        new, _ = await servers.moved(old)

        async def written() -> bool:
            await client.redis.set(PARTITIONS, 7)
            async with Redis.from_url(new.url) as redis:
                return bool(await redis.get(PARTITIONS) == b"7")

        await until(written)
        await client.redis.set(PARTITIONS, 8)
        async with Redis.from_url(new.url) as redis:
            assert await redis.get(PARTITIONS) == b"8"


@pytest.mark.parametrize("refused", [False, True])
async def test_a_living_primary_is_used_by_new_connections_too_while_no_sentinel_answers(
    small: Trio, *, refused: bool
) -> None:
    """As while all Sentinels have another password, or are restarted together."""
    (sentinel,) = small.sentinels
    primary = await small.primary()
    async with connect(small.url) as redis:
        await redis.ping()
        if refused:
            await sentinel.redis.execute_command("ACL", "SETUSER", "default", "-sentinel")  # type: ignore[no-untyped-call]
        else:
            sentinel.child.kill()
            await sentinel.child.wait()
        waiting = [redis.execute_command("BLPOP", "nothing", 1) for _ in range(5)]  # type: ignore[no-untyped-call]
        assert await asyncio.gather(*waiting) == [None] * 5
        primary.kill()
        for _ in range(2):
            with pytest.raises((NoPrimary, WrongSentinel)):
                await redis.ping()


async def test_a_late_failure_at_a_former_primary_casts_no_doubt_on_the_present_one() -> None:
    former, present = ("10.0.0.1", 6379), ("10.0.0.2", 6379)
    answers = [former, present]

    async def ask(_sentinel: Address, _name: str) -> PrimarySeen:
        if not answers:
            raise RedisConnectionError("no Sentinel is there any more")
        return PrimarySeen(answers.pop(0), up=True)

    primary = Primary([("10.0.0.3", 26379)], "shop", ask)
    assert [await primary.find() for _ in range(2)] == [former, present]
    primary.doubt(former)
    assert await primary.find() == present
    primary.suspect(primary.generation)
    assert await primary.find() == present, "one answer that came late: a new connection asks it for its role"
    primary.doubt(present)
    with pytest.raises(NoPrimary):
        await primary.find()


async def test_a_minority_of_sentinels_is_named() -> None:
    async with trio() as servers:
        primary = await servers.primary()
        assert "Sentinels\tall 3 answer" in (await command(servers.url, "doctor", "--offline")).out
        for one in servers.sentinels[:2]:
            one.child.kill()
            await one.child.wait()
        told = (await command(servers.url, "doctor", "--offline")).out
        assert f"Sentinels\t2 of 3 do not answer: 127.0.0.1:{servers.sentinels[0].port}, " in told
        primary.signal(signal.SIGSTOP)

        async def seen() -> bool:
            async with connect(servers.url) as redis:
                with pytest.raises((NoPrimary, RedisError)) as lost:
                    await redis.ping()
            return "1 of 3 Sentinels answer" in str(lost.value)

        await until(seen)
