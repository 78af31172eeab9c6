"""Surveys of many token records: one for all workers with the same settings, and few commands for many records."""

import asyncio
from dataclasses import asdict, replace

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004

from jobs.upkeep import survey
from shopstream.authorizations.issuer import Issuer
from shopstream.redis import clock
from shopstream.redis.keys import Partition
from shopstream.registry.shop import Shop, Status
from shopstream.registry.shop_of_apps import OtherConsent, ShopOfApps
from tests.jobs.rooms import runtime_of
from tests.processes import KEY, stop
from worker.runtime import Runtime
from worker.surveys.survey_turn import Survey
from worker.tokens.vault import Vault

P = Partition(0)
OURS, THEIRS = Issuer("ours", "https://a", "https://b"), Issuer("theirs", "https://a", "https://b")
COUNT = 1_100
NAMES = [f"{number:016x}" for number in range(COUNT)]
SHOP = Shop("1", "One", "GB", "", NAMES[0], "active", None, "2026-01-01T00:00:00Z", 2**31)


async def seed(redis: Redis, issuer: Issuer = OURS) -> None:
    vault = Vault([KEY])
    async with redis.pipeline(transaction=False) as pipe:
        for number, name in enumerate(NAMES):
            sealed = {part: vault.seal(name, b"{}") for part in ("pair", "ciphers")}
            pipe.hset(P.token(name), mapping={"version": 1, "issuer": issuer.to_json(), **sealed})
            entry = replace(SHOP, shop_id=str(number), authorization=name).to_json()
            pipe.hset(P.registry, str(number), entry)
        await pipe.execute()


async def count_calls(redis: Redis) -> dict[str, int]:
    stats = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()}


async def test_workers_with_the_same_settings_share_a_survey(redis: Redis) -> None:
    await seed(redis)
    before = await count_calls(redis)
    async with runtime_of(redis, issuer=OURS) as one:
        since = await clock.read_ms(redis)
        found = await asyncio.gather(*(survey.find(one, survey.Tools.of(one), since) for _ in range(4)))
    after = await count_calls(redis)
    assert [each.records for each, _ in found] == [COUNT] * 4
    assert sum(own for _, own in found) == 1
    assert after["hmget"] - before.get("hmget", 0) == COUNT, "each record was read once"
    assert after["evalsha"] - before.get("evalsha", 0) <= COUNT / 500 + 2
    assert after.get("hvals", 0) == before.get("hvals", 0)


async def test_a_survey_from_before_a_start_and_one_of_other_settings_will_not_do(redis: Redis) -> None:
    await seed(redis)
    other = Fernet.generate_key().decode()
    async with (
        runtime_of(redis, issuer=OURS) as one,
        runtime_of(redis, other, KEY, issuer=OURS) as renewing,
        runtime_of(redis, issuer=THEIRS) as strange,
    ):
        since = await clock.read_ms(redis)
        first, _ = await survey.find(one, survey.Tools.of(one), since)
        again, own = await survey.find(one, survey.Tools.of(one), first.begun_ms + 1)
        assert own
        assert again.begun_ms > first.begun_ms
        assert not first.findings
        wrong, own = await survey.find(strange, survey.Tools.of(strange), since)
        assert own
        assert [(one.kind, one.shops) for one in wrong.findings] == [("other_app", COUNT)]
        assert set(wrong.names) == {*NAMES, *(str(number) for number in range(COUNT))}
        renewed, own = await survey.find(renewing, survey.Tools.of(renewing), since)
        assert (own, renewed.renewed, renewed.unreadable) == (True, COUNT, 0)


async def test_after_a_survey_that_failed_none_from_before_it_will_do(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failed one was to find what a load had met, such as a new consent. An earlier one doesn't know it."""
    monkeypatch.setattr(survey, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(survey, "_TOGETHER_SECONDS", 0.01)
    ages: asyncio.Queue[int] = asyncio.Queue()
    async with runtime_of(redis) as one:

        async def find(_runtime: Runtime, _tools: survey.Tools, since_ms: int) -> tuple[Survey, bool]:
            await ages.put(await clock.read_ms(redis) - since_ms)
            if one.tokens.unusable.records == 7:
                one.tokens.unusable.note_keys(records=8, unreadable=0)
                raise ConnectionError
            one.tokens.unusable.met.set()
            return Survey(0, 7, 0, 0, [], []), True

        monkeypatch.setattr(survey, "find", find)
        surveying = asyncio.create_task(survey.survey(one))
        try:
            assert max([await asyncio.wait_for(ages.get(), 60) for _ in range(3)]) < 60_000
        finally:
            await stop(surveying)


async def test_a_record_that_is_known_to_be_sound_is_not_decrypted_again_and_a_moved_one_is_found(redis: Redis) -> None:
    await seed(redis)
    async with runtime_of(redis, issuer=OURS) as one:
        tools = survey.Tools.of(one)
        await survey.look(one, tools)
        parts = [part async for part in tools.sound.read_all()]
        assert {record.sound for part in parts for record in part} == {True}
        assert max(map(len, parts)) <= 500
        await redis.hset(P.token(NAMES[1]), "pair", await redis.hget(P.token(NAMES[2]), "pair"))  # type: ignore[misc]
        await redis.rename(P.token(NAMES[3]), P.token("f" * 16))
        await redis.hset(P.token(NAMES[4]), "ciphers", Vault([Fernet.generate_key().decode()]).seal(NAMES[4], b"{}"))  # type: ignore[arg-type, misc]
        found = await survey.look(one, tools)
        assert {each.kind: each.authorizations for each in found.findings} == {"moved": 2, "no_key": 1}
        assert found.unreadable == 3
        assert {NAMES[1], "f" * 16, NAMES[4], "1", "4"} == set(found.names)


async def test_a_worker_that_dies_in_its_turn_holds_nobody_up(redis: Redis) -> None:
    async with runtime_of(redis) as one:
        tools = survey.Tools.of(one)
        assert await tools.turn.take()
        assert not await tools.turn.take()
        keys = [key async for key in redis.scan_iter("*:surveying:*")]
        assert 0 < await redis.pttl(keys[0]) <= 10_000


async def test_a_shop_of_two_apps_is_stopped_only_if_no_consent_that_works_is_left(redis: Redis) -> None:
    """The worker has no app `theirs`. The third shop has lost its consent to ours, the fourth one that to theirs."""
    vault = Vault([KEY])
    ours, theirs = NAMES[0], NAMES[1]
    for name, issuer in ((ours, OURS), (theirs, THEIRS)):
        sealed = {part: vault.seal(name, b"{}") for part in ("pair", "ciphers")}
        await redis.hset(P.token(name), mapping={"version": 1, "issuer": issuer.to_json(), **sealed})  # type: ignore[misc]

    def entry(shop: str, leading: str, other: str = "", state: Status = "active") -> str:
        also = [OtherConsent(other, "x" if other == theirs else "", state, None, SHOP.since, 0)] if other else []
        facts = {"shop_id": shop, "authorization": leading, "app": "x" if leading == theirs else "", "also": also}
        return ShopOfApps(**asdict(SHOP) | facts).to_json()

    ended: Status = "reauthorization_required"
    entries = {
        "1": entry("1", ours, theirs), "2": entry("2", theirs), "3": entry("3", theirs, ours, ended),
        "4": entry("4", ours, theirs, ended), "5": entry("5", theirs, ours),
    }  # fmt: skip
    await redis.hset(P.registry, mapping=entries)  # type: ignore[misc]
    async with runtime_of(redis, issuer=OURS) as one:
        found = await survey.look(one, survey.Tools.of(one))
    found_shops = [(each.kind, each.authorizations, each.shops, each.stopped) for each in found.findings]
    assert found_shops == [("other_app", 1, 4, 2)]
    assert set(found.names) == {theirs, "2", "3"}
    async with runtime_of(redis, issuer=THEIRS, further=[OURS]) as both:
        found = await survey.look(both, survey.Tools.of(both))
    assert (found.findings, found.names) == ([], [])
