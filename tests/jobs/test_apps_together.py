"""Several apps of one shop at once: what one consent brings, the end of another never undoes, whoever comes first."""

import asyncio
import time

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobs.notices import consent_notices
from jobs.notices.notice import WebhookNotice
from jobs.shops.coverage import follow
from jobs.shops.reports import activate, park
from jobs.upkeep import forget as forgetting
from shopstream.authorizations.issuer import Issuer
from shopstream.enqueue.forgetting import order_name
from shopstream.redis.keys import Partition
from shopstream.registry import sellers
from shopstream.registry.shop_of_apps import ShopOfApps, list_views
from tests.jobs.rooms import runtime_of
from worker.marketplace.values import Grant, ListedShop
from worker.runtime import Runtime
from worker.tokens.authorizations import Authorization, IssuedElsewhere

P = Partition(0)
FIRST, SECOND = Issuer("first", "https://a", "https://b"), Issuer("second", "https://a", "https://b")
SHOPS = [str(number) for number in range(101, 113)]
"""So many that two jobs at once meet in some of them."""


def grant(open_id: str = "seller") -> Grant:
    end = int(time.time()) + 86_400
    return Grant("access", end, "refresh", end, open_id, "Seller", "GB", ())


async def consent(runtime: Runtime, app: str, shops: list[str]) -> Authorization:
    """Store the pair of a consent to an app, and register its shops."""
    saved = await runtime.tokens.save(grant(), app=runtime.tokens.apps.by_name(app))
    await follow(runtime, saved, [ListedShop(shop, f"cipher-{shop}") for shop in shops], "test", consent=True)
    return saved


async def keys_of_tokens(redis: Redis) -> list[bytes]:
    return [key async for key in redis.scan_iter(P.token("*"))]


async def states(redis: Redis, shop: str) -> dict[str, str]:
    stored = await redis.hget(P.registry, shop)  # type: ignore[misc]
    return {view.app: view.status for view in list_views(ShopOfApps.from_json(stored))} if stored else {}


async def test_consents_to_two_apps_at_once_are_both_kept(redis: Redis) -> None:
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        await asyncio.gather(consent(one, "", SHOPS), consent(one, "second", SHOPS))
    for shop in SHOPS:
        assert await states(redis, shop) == {"": "active", "second": "active"}


async def test_two_consents_that_end_at_once_are_both_noted_and_consumers_hear_it(redis: Redis) -> None:
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        for app in ("", "second"):
            await consent(one, app, SHOPS)
        for shop in SHOPS:
            found = await one.registry.get(P, shop)
            assert found
            await asyncio.gather(*(park(one, view, "gone", "deauthorized") for view in list_views(found[0])))
            assert await states(redis, shop) == {"": "deauthorized", "second": "deauthorized"}
    rows = [fields for _, fields in await redis.xrange(P.stream("shops"))]
    ended = [fields for fields in rows if fields[b"type"] == b"io.shopstream.shop.deauthorized"]
    assert len(ended) == len(SHOPS), "once a shop, when the last of its consents has ended"


async def test_two_consents_that_begin_again_at_once_are_both_active(redis: Redis) -> None:
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        names = [(await consent(one, app, SHOPS)).id for app in ("", "second")]
        for shop in SHOPS:
            found = await one.registry.get(P, shop)
            assert found
            for view in list_views(found[0]):
                await park(one, view, "gone", "deauthorized")
            await asyncio.gather(*(activate(one, shop, name) for name in names))
            assert await states(redis, shop) == {"": "active", "second": "active"}


async def test_a_record_that_is_moved_to_another_app_is_not_used_though_its_pair_is_known(redis: Redis) -> None:
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        name = (await consent(one, "second", SHOPS[:1])).id
        assert (await one.tokens.load(name)).app == "second"
        await redis.hset(P.token(name), "issuer", FIRST.to_json())  # type: ignore[misc]
        with pytest.raises(IssuedElsewhere):
            await one.tokens.load(name, anew=True)
        with pytest.raises(IssuedElsewhere):
            await one.tokens.load(name)


async def test_a_seller_is_known_by_the_shops_of_all_apps(redis: Redis) -> None:
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        await consent(one, "", SHOPS)
        await consent(one, "second", SHOPS[:1])
        assert (await sellers.find(redis, 1, ["seller"]))["seller"] == tuple(SHOPS)
        await redis.set(P.order(order_name(SHOPS[0])), "1")
        await forgetting.forget(one, P, SHOPS[0])
        assert not await states(redis, SHOPS[0])
        assert len(await keys_of_tokens(redis)) == 1, "the second app's consent covered this shop alone"
        assert set(SHOPS[1:]) <= set((await sellers.find(redis, 1, ["seller"]))["seller"])
        for shop in SHOPS[1:]:
            await redis.set(P.order(order_name(shop)), "1")
            await forgetting.forget(one, P, shop)
        assert not await keys_of_tokens(redis)
        assert not await redis.exists(P.sellers)


async def test_a_notice_ends_the_consent_to_its_own_app_alone(redis: Redis) -> None:
    shop = SHOPS[0]
    async with runtime_of(redis, issuer=FIRST, further=[SECOND]) as one:
        for app in ("", "second"):
            await consent(one, app, [shop])
        found = await one.registry.get(P, shop)
        assert found
        sent = int(time.time()) + 10
        notice = WebhookNotice(type=consent_notices.DEAUTHORIZED, cause="n", sent_s=sent, app="second")
        await consent_notices.take_in(one, found[0], notice)
        await consent_notices.take_in(one, found[0], notice)
        assert await states(redis, shop) == {"": "active", "second": "deauthorized"}
        other = WebhookNotice(type=consent_notices.DEAUTHORIZED, cause="m", sent_s=sent)
        await consent_notices.take_in(one, found[0], other)
        assert set((await states(redis, shop)).values()) == {"deauthorized"}


async def test_a_notice_that_redis_fails_in_between_is_taken_in_whole_when_it_comes_again(redis: Redis) -> None:
    shop = SHOPS[0]
    async with runtime_of(redis, issuer=FIRST) as one:
        saved = await consent(one, "", [shop])
        notice = WebhookNotice(type=consent_notices.DEAUTHORIZED, cause="n", sent_s=int(time.time()) + 10)

        async def take_in() -> None:
            found = await one.registry.get(P, shop)
            assert found
            await consent_notices.take_in(one, found[0], notice)

        await redis.set(P.due, "of another program")
        with pytest.raises(ResponseError):
            await take_in()
        await redis.delete(P.due)
        await take_in()
        assert await states(redis, shop) == {"": "deauthorized"}
        assert await redis.zscore(P.due, f"list:{saved.id}") is not None, "nobody would see that the notice was late"
