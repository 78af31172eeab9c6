"""A worker whose secret alone is wrong leaves the shops to those that TikTok takes, and reports of workers name it."""

from dataclasses import replace
from functools import partial

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from jobs.work_kinds import _is_for_others, do_work
from shopstream.authorizations.issuer import Issuer
from shopstream.doctor.worker_reports import check_refused
from shopstream.enqueue.consent import write_app_code
from shopstream.redis.deployment_keys import refused_key, spare_key, sweepers_key
from shopstream.redis.keys import Partition
from tests.jobs.rooms import runtime_of
from tests.processes import patient, sandbox, until, worker
from tests.shops.test_apps_job import consent_to_second, two_apps
from worker.marketplace.call_errors import CredentialsRefused, Misconfigured
from worker.marketplace.own_refusals import OwnRefusals
from worker.wakeups.due_queue import Lane, Piece

P = Partition(0)


async def is_sweeper(redis: Redis, name: str) -> bool:
    for key in (sweepers_key(), spare_key(), refused_key()):
        if await redis.exists(key):
            return await redis.zscore(key, name) is not None
    return False


async def is_left(redis: Redis, name: str) -> bool:
    return not await is_sweeper(redis, name)


async def test_a_worker_that_is_refused_itself_leaves_its_shops_to_the_others(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        shop = front.shops[0]["shop_id"]
        (product, *_) = (await front.see(f"shops/{shop}/products"))["products"]
        async with worker(front.env(redis_url)):
            await front.authorize(client)
        wrong = "another-app-secret-0123456789abcdef"
        async with worker(front.env(redis_url, SHOPSTREAM_APP_SECRET=wrong)) as refused:
            asked = await client.sync_products(shop, [product], urgent=True)
            line = await refused.logged("worker_refused")
            assert line["app"] == "default"
            assert wrong not in str(line)
            name = (await refused.logged("worker_started"))["name"]
            await until(partial(is_sweeper, redis, name))  # it is alone: whatever there is, it tries
            async with worker(front.env(redis_url)):
                await until(partial(is_left, redis, name))
                assert not (await client.wait(asked, timeout=40)).dead
                assert not await client.list_troubles()
                again = await client.sync_products(shop, [product], urgent=True)
                assert not (await client.wait(again, timeout=20)).dead
                assert not await client.list_troubles()
                (report,) = check_refused(await client.list_workers())
                assert report.grade == "bad"
                assert name in report.text
            await until(partial(is_sweeper, redis, name))  # it is alone again


async def test_a_worker_that_is_refused_for_one_app_leaves_the_shops_of_this_app_alone(
    redis: Redis, redis_url: str
) -> None:
    async with sandbox("--shops", "2", "--products", "3", "--apps", "2") as front, patient(redis_url) as client:
        of_second, of_default = (one["shop_id"] for one in front.shops)
        asked = {shop: (await front.see(f"shops/{shop}/products"))["products"] for shop in (of_second, of_default)}
        env = two_apps(front, redis_url)
        async with worker(env):
            await front.authorize(client, front.auth_codes[1])
            await consent_to_second(front, client)
        wrong = env["SHOPSTREAM_APPS"][:-4] + "dead"
        async with worker(env | {"SHOPSTREAM_APPS": wrong}) as refused:
            waiting = await client.sync_products(of_second, asked[of_second], urgent=True)
            assert (await refused.logged("worker_refused"))["app"] == "second"
            name = (await refused.logged("worker_started"))["name"]
            assert not (await client.wait(await client.sync_products(of_default, asked[of_default]), timeout=20)).dead
            assert await is_sweeper(redis, name)  # it is alone: whatever there is, it tries
            async with worker(env):
                await until(partial(is_left, redis, name))
                assert not (await client.wait(waiting, timeout=40)).dead
                for _ in range(6):  # either worker may be woken
                    again = await client.sync_products(of_second, asked[of_second], urgent=True)
                    assert not (await client.wait(again, timeout=20)).dead
                    assert not await client.list_troubles()
            await until(partial(is_sweeper, redis, name))


async def test_a_worker_without_the_token_key_leaves_the_shops_to_one_that_has_it(redis: Redis, redis_url: str) -> None:
    async with sandbox("--shops", "1", "--products", "3") as front, patient(redis_url) as client:
        shop = front.shops[0]["shop_id"]
        asked = (await front.see(f"shops/{shop}/products"))["products"]
        async with worker(front.env(redis_url)):
            await front.authorize(client)
        other = Fernet.generate_key().decode()
        async with worker(front.env(redis_url, SHOPSTREAM_TOKEN_KEYS=other)) as keyless:
            assert (await keyless.logged("token_keys_checked"))["unreadable"] == 1
            name = (await keyless.logged("worker_started"))["name"]
            await until(partial(is_sweeper, redis, name))
            async with worker(front.env(redis_url)):
                await until(partial(is_left, redis, name))
                for _ in range(6):  # either worker may be woken
                    assert not (await client.wait(await client.sync_products(shop, asked), timeout=20)).dead
            await until(partial(is_sweeper, redis, name))


async def test_a_code_is_left_to_workers_that_have_its_app_and_are_not_refused_as_it(redis: Redis) -> None:
    issuers = [Issuer(name, "https://a", "https://b") for name in ("first", "second")]
    async with runtime_of(redis, issuer=issuers[0], further=issuers[1:]) as made:
        made.refusals.note("second", CredentialsRefused("invalid signature", code=106001))
        for app in ("second", "third"):
            await redis.set(P.code("r"), write_app_code(app, "a-code"))
            assert not await do_work(replace(made, left=lambda: True), Piece(0, "authorize:r", Lane.UPKEEP))
            assert await redis.exists(P.code("r"))
        await redis.set(P.code("r"), write_app_code("", "a-code"))
        assert not await _is_for_others(made, P, "authorize", "r")
        assert not await _is_for_others(made, P, "authorize", "gone")


@pytest.mark.parametrize("kind", ["refresh", "list"])
async def test_the_tokens_of_a_refused_app_are_left_to_workers_that_are_not_refused_as_it(
    redis: Redis, kind: str
) -> None:
    issuers = [Issuer(name, "https://a", "https://b") for name in ("first", "second")]
    async with runtime_of(redis, issuer=issuers[0], further=issuers[1:]) as made:
        made.refusals.note("second", CredentialsRefused("invalid signature", code=106001))
        for name, issuer in zip(("a", "b"), issuers, strict=True):
            await redis.hset(P.token(name), "issuer", issuer.to_json())  # type: ignore[misc]
        assert not await _is_for_others(made, P, kind, "a")
        assert await _is_for_others(made, P, kind, "b")


def test_one_refused_app_beside_another_one_that_is_taken() -> None:
    now = 1000.0
    refusals = OwnRefusals(lambda: now)
    refusals.note_taken("")
    refusals.note("second", CredentialsRefused("invalid signature", code=106001))
    assert (refusals.aside, refusals.apps) == (False, {"second"})
    now += 60
    assert (refusals.aside, refusals.apps) == (False, set())
    refusals.note("second", CredentialsRefused("invalid signature", code=106001))
    now += 119
    assert refusals.apps == {"second"}
    refusals.note_taken("second")
    assert not refusals.apps


def test_one_odd_refusal_beside_good_answers_is_not_the_workers() -> None:
    now = 1000.0
    refusals = OwnRefusals(lambda: now)
    refusals.note_taken("")
    refusals.note("", CredentialsRefused("invalid signature", code=106001))
    assert not refusals.aside
    assert refusals.reasons == {"default": "invalid signature (code 106001)"}
    refusals.note_taken("")
    assert not refusals.reasons


def test_a_refused_worker_tries_again_after_a_time_that_doubles() -> None:
    moments = [1000.0]
    refusals = OwnRefusals(lambda: moments[-1])
    refusals.note("", Misconfigured("unknown version"))
    waits = [is_aside_after_a_refusal(refusals)]
    for seconds in (60, 120, 240, 480, 600, 600):
        moments.append(moments[-1] + seconds - 1)
        waits.append(is_aside_after_a_refusal(refusals, late=True))
        moments.append(moments[-1] + 1)
        waits.append(refusals.aside)
        refusals.note("", CredentialsRefused("invalid signature", code=106001))
    assert waits == [True, *(True, False) * 6]
    refusals.note_taken("")
    assert not refusals.aside


def is_aside_after_a_refusal(refusals: OwnRefusals, *, late: bool = False) -> bool:
    """Tell whether the worker is aside, and still is after the refusal of a call that was under way."""
    before = refusals.aside
    refusals.note("", CredentialsRefused("invalid signature", code=106001))
    return refusals.aside and before is late
