"""A dry run publishes nothing, and its counts are those of the real run after it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shopstream.enqueue.walk_requests import WalkProgress
from tests.processes import until
from tests.walks.stage import CHANGED, CREATED, DELETED, FORMS, REMOVED, UPDATED, P, Store, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def mix(shop: Store) -> None:
    """Changes of all kinds: titles, prices, stock, a new product, one and a SKU less, one back."""
    truth, ids = await shop.truth(), await shop.ids()
    await shop.set(ids[0], title="New title")
    await shop.set(ids[1], price="7.77")
    await shop.set(ids[2], title="Both", price="8.88")
    await shop.turn("stock", random=6, seed=11)
    many = next(product for product in ids[3:] if len(truth[product]) > 1)
    await shop.turn("delete", sku_id=next(iter(truth[many])))
    await shop.turn("delete", product_id=ids[-1])
    await shop.turn("add", count=2)


async def written(shop: Store) -> dict[bytes, Any]:
    """All that is stored about a shop's products. Its own record changes with its warehouses."""
    found: dict[bytes, Any] = await shop.redis.hgetall(P.state(shop.id))  # type: ignore[misc]
    return {name: value for name, value in found.items() if name not in {b"d:shop", b"p:shop"}}


async def dry(shop: Store, kind: Any, ids: list[str] | None = None) -> WalkProgress:
    """A dry run, of which nothing but its result is left."""
    before, backlog = await written(shop), await shop.redis.zcard(P.backlog("products", shop.id))
    await shop.events()
    walk = await shop.wait(await shop.client.dry_run(kind, shop.id, ids or ()))
    assert await shop.events() == []
    assert await written(shop) == before
    assert await shop.redis.zcard(P.backlog("products", shop.id)) == backlog == 0
    assert walk.complete, walk.reason
    return walk


def same(rehearsed: WalkProgress, real: WalkProgress) -> None:
    names = ("types", "events", "products", "deleted", "failed")
    assert {name: getattr(rehearsed, name) for name in names} == {name: getattr(real, name) for name in names}


@pytest.mark.parametrize("publish", ["stock", "prices", "products"])
async def test_full(shop: Store, publish: str) -> None:
    await shop.client.settings(shop.id, publish=publish)
    rehearsed = await dry(shop, "full")
    assert rehearsed.types[CHANGED] > 30
    same(rehearsed, await shop.full())
    await mix(shop)
    rehearsed = await dry(shop, "full")
    if publish == "products":
        assert {CREATED, UPDATED, DELETED, CHANGED, REMOVED} == set(rehearsed.types)
    same(rehearsed, await shop.full())
    rehearsed = await dry(shop, "full")
    assert rehearsed.events == 0


async def test_delta(shop: Store) -> None:
    await shop.full()
    await mix(shop)
    rehearsed = await dry(shop, "delta")
    assert {CREATED, UPDATED, DELETED, CHANGED, REMOVED} == set(rehearsed.types)
    same(rehearsed, await shop.delta())


@pytest.mark.parametrize("kind", ["products", "stock"])
async def test_ids(shop: Store, kind: str) -> None:
    ids = await shop.ids()
    await ask(shop, kind)(shop.id, ids)
    await mix(shop)
    wanted = [*ids, *(await shop.ids())[-2:]]
    rehearsed = await dry(shop, kind, wanted)
    await ask(shop, kind)(shop.id, wanted)
    await shop.client.wait(await shop.client.sync_products(shop.id, [ids[-1]]), timeout=60)

    async def fetched() -> bool:
        """Also the detail that a SKU which the stock leaves out is asked for by."""
        return not await shop.redis.exists(P.backlog("products", shop.id), P.claimed("products", shop.id))

    await until(fetched)
    assert kinds(await shop.events()) == rehearsed.types
    assert rehearsed.types[CHANGED] > 5
    assert rehearsed.types[REMOVED] > 0


@FORMS
async def test_a_frozen_product_asked_for_by_its_id_is_told_by_the_list_and_is_not_gone(shop: Store) -> None:
    await shop.full()
    frozen, deleted, *_ = await shop.ids()
    await shop.set(frozen, status="FREEZE")
    await shop.turn("delete", product_id=deleted)
    rehearsed = await dry(shop, "products", [frozen, deleted])
    await ask(shop, "products")(shop.id, [frozen, deleted])
    events = await shop.events()
    assert kinds(events) == rehearsed.types
    (updated,), (gone,) = only(events, UPDATED), only(events, DELETED)
    assert (updated["product_id"], updated["status"], gone["product_id"]) == (frozen, "frozen", deleted)
    assert gone["evidence"] == {"kind": "not_found", "code": 12052032, "confirmed_by": "not_listed"}


def ask(shop: Store, kind: str) -> Callable[[str, list[str]], Awaitable[Any]]:
    async def act(shop_id: str, ids: list[str]) -> Any:
        return await shop.client.wait(await getattr(shop.client, kind)(shop_id, ids), timeout=60)

    return act


async def test_a_shop_that_can_not_be_looked_at_says_why(shop: Store) -> None:
    await shop.front.control("switches", page_token_life_seconds=-1)
    await shop.turn("add", count=100)
    walk = await shop.client.wait(await shop.client.dry_run("full", shop.id), timeout=60)
    assert walk.complete is False
    assert "page tokens expired" in (walk.reason or "")
