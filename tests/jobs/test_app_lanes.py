"""The calls of a shop by two apps: a failure of one of them is no trouble of the shop, and those of both are one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from jobs.calling.app_lane import ALIKE_AFTER
from jobs.calling.caller import Deferred
from jobs.calling.shared_caller import find_usable, open_caller
from shopstream.redis import clock
from shopstream.registry.shop_of_apps import ShopOfApps
from shopstream.registry.troubles import troubles
from tests.jobs.rooms import runtime_of
from tests.jobs.test_apps_together import FIRST, SECOND, SHOPS, P, consent
from worker.marketplace.call_errors import CallError, HourlyCap, NotAllowed, UnknownCode
from worker.marketplace.values import Access
from worker.runtime import Runtime

SHOP = SHOPS[0]
ENDPOINT = "product"


@asynccontextmanager
async def shared_shop(redis: Redis) -> AsyncIterator[tuple[Runtime, ShopOfApps]]:
    """A worker that has read no token yet, and a shop of two apps, of which `second` leads."""
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as other:
        for app in ("", "second"):
            await consent(other, app, [SHOP])
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        found = await one.registry.get(P, SHOP)
        assert found
        yield one, found[0]


def refuse(error: CallError, *apps: str) -> Callable[[Access], Awaitable[str]]:
    """Make calls that these apps can't do, and that give the name of the app by which they went."""

    async def call(access: Access) -> str:
        if access.app in apps:
            raise error
        return access.app

    return call


def list_usable(one: Runtime, entry: ShopOfApps) -> list[str]:
    return [view.app for view in find_usable(one, entry, ENDPOINT)]


async def test_an_app_without_a_token_is_left_out_of_the_next_pieces_of_work(redis: Redis) -> None:
    async with shared_shop(redis) as (one, entry):
        await redis.delete(P.token(entry.authorization))
        answer, _ = await open_caller(one, entry, ENDPOINT)(refuse(NotAllowed("no")))
        assert (answer, list_usable(one, entry)) == ("", [""])
        assert not await troubles(redis, 1)


async def test_a_shop_whose_apps_have_all_reached_their_hourly_cap_is_in_trouble(redis: Redis) -> None:
    async with shared_shop(redis) as (one, entry):
        answer, _ = await open_caller(one, entry, ENDPOINT)(refuse(HourlyCap("cap"), "second"))
        assert (answer, list_usable(one, entry), await troubles(redis, 1)) == ("", [""], {})
        one.app_pauses.clear()
        with pytest.raises(Deferred) as stopped:
            await open_caller(one, entry, ENDPOINT)(refuse(HourlyCap("cap"), "second", ""))
        assert stopped.value.seconds or stopped.value.not_before_ms
        assert [each.error_class for each in (await troubles(redis, 1))[SHOP]] == ["hourly_cap"]


async def test_two_apps_that_reach_their_cap_in_one_piece_of_work_are_a_trouble(redis: Redis) -> None:
    async with shared_shop(redis) as (one, entry):
        with pytest.raises(Deferred):
            await open_caller(one, entry, ENDPOINT)(refuse(HourlyCap("cap"), "second", ""))
        assert [each.error_class for each in (await troubles(redis, 1))[SHOP]] == ["hourly_cap"]


async def test_an_optional_call_goes_by_the_app_that_has_the_scope(redis: Redis) -> None:
    async with shared_shop(redis) as (one, entry):
        caller = open_caller(one, entry, ENDPOINT, optional=True)
        assert (await caller(refuse(NotAllowed("no"), "second")))[0] == ""
        with pytest.raises(NotAllowed):
            await open_caller(one, entry, ENDPOINT, optional=True)(refuse(NotAllowed("no"), "second", ""))
        assert not await troubles(redis, 1)


async def count_failures(one: Runtime, entry: ShopOfApps, *apps: str) -> int:
    """Count the calls of ten that fail while these apps give an unknown code."""
    caller, failures = open_caller(one, entry, ENDPOINT), 0
    for _ in range(10):
        try:
            await caller(refuse(UnknownCode("strange", code=99), *apps))
        except UnknownCode:
            failures += 1
    return failures


async def test_an_app_that_alone_fails_in_a_row_is_left_out(redis: Redis) -> None:
    async with shared_shop(redis) as (one, entry):
        assert (await count_failures(one, entry, "second", ""), list_usable(one, entry)) == (10, ["second", ""])
        assert (await count_failures(one, entry, "second"), list_usable(one, entry)) == (ALIKE_AFTER, [""])


async def test_a_shop_waits_for_the_app_that_can_be_tried_again_soonest(redis: Redis) -> None:
    """One app's wait is a moment of Redis's clock, the other one's is a number of seconds."""
    async with shared_shop(redis) as (one, entry):
        for sooner, later in (("second", ""), ("", "second")):
            caller = open_caller(one, entry, ENDPOINT)
            await caller(refuse(NotAllowed("no")))  # the pacer knows Redis's clock from now on
            now_ms = await clock.read_ms(redis)
            lanes = {lane.app: lane for lane in caller._lanes}  # type: ignore[attr-defined]
            lanes[sooner].end(Deferred("sooner", now_ms + 5_000 if sooner else 0, 0.0 if sooner else 5.0))
            lanes[later].end(Deferred("later", now_ms + 600_000 if later else 0, 0.0 if later else 600.0))
            with pytest.raises(Deferred, match="sooner"):
                await caller.take(1)
            one.app_pauses.clear()
