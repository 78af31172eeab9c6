"""Settings of a shop: each has its effect, is kept in Redis, and counts from its change on."""

import json

import pytest

from shopstream.registry.settings import InvalidSetting
from tests.processes import until
from tests.shopstream.test_cli import run
from tests.walks.stage import CHANGED, CREATED, UPDATED, P, Stage, Store, kinds, only

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def due_in(shop: Store, walk: str) -> float | None:
    """Seconds until it runs by itself."""
    at = await shop.redis.zscore(P.due, f"{walk}:{shop.id}")
    return None if at is None else at / 1000 - (await shop.redis.time())[0]


@pytest.mark.parametrize(
    ("name", "walk"), [("interval", "delta"), ("full_interval", "full"), ("stock_interval", "poll")]
)
async def test_an_interval_counts_from_its_change_and_from_the_end_of_each_walk(
    shop: Store, name: str, walk: str
) -> None:
    await shop.client.settings(shop.id, publish="stock")
    others = {one: await due_in(shop, one) for one in ("delta", "full", "poll") if one != walk}
    await shop.client.settings(shop.id, **{name: 5_000})
    assert await due_in(shop, walk) == pytest.approx(5_000, abs=20)
    assert {one: await due_in(shop, one) for one in others} == pytest.approx(others, abs=20)
    await shop.client.settings(shop.id, **{name: 900})
    assert await due_in(shop, walk) == pytest.approx(900, abs=20)
    await shop.redis.zadd(P.due, {f"{walk}:{shop.id}": 1})
    await getattr(shop, walk)()

    async def in_900() -> bool:
        return await due_in(shop, walk) == pytest.approx(900, abs=20)

    async def never() -> bool:
        return await due_in(shop, walk) is None

    # One that was due by itself and asked for meanwhile runs twice.
    await until(in_900)
    await shop.client.settings(shop.id, **{name: 0})
    assert await never()
    await getattr(shop, walk)()
    await until(never)  # asked for it runs once, by itself never


async def test_what_is_due_runs_by_itself(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock", interval=10)
    await shop.redis.zadd(P.due, {f"delta:{shop.id}": 1})  # as when the interval has passed
    await until(lambda: synced(shop))
    await shop.client.settings(shop.id, interval=0)


async def synced(shop: Store) -> bool:
    return "shop.synced" in kinds(await shop.events(), shops=True)


async def test_what_is_published(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock")
    await shop.full()
    assert set(kinds(await shop.events())) == {CHANGED}
    await shop.client.settings(shop.id, publish="prices")
    assert (await shop.full()).details == 0
    assert kinds(await shop.events()) == {CREATED: 30}
    product_id = (await shop.ids())[0]
    await shop.set(product_id, price="1.23", description="<p>other</p>")
    await shop.full()
    (event,) = only(await shop.events(), UPDATED)
    assert all(pointer.endswith("/price/amount") for pointer in event["changed"])
    await shop.calls()
    await shop.client.settings(shop.id, publish="products")
    assert (await shop.full()).details == 30
    events = await shop.events()
    assert kinds(events) == {UPDATED: 30}, "what only the detail tells"
    assert any("/images" in event["changed"] for event in events if event["type"] == UPDATED)
    await shop.client.settings(shop.id, publish="stock")
    await shop.set(product_id, title="Unheard")
    assert (await shop.full()).events == 0


async def test_whether_a_description_counts(shop: Store) -> None:
    await shop.client.settings(shop.id, description=False)
    await shop.full()
    await shop.events()
    await shop.set((await shop.ids())[0], description="<p>other</p>")
    assert (await shop.full()).events == 0
    assert {event["description_digest"] for event in only(await shop.events(), CREATED)} == set()


async def test_what_counts_as_low_stock(shop: Store) -> None:
    await shop.client.settings(shop.id, publish="stock", low=0)
    await shop.full()
    await shop.client.settings(shop.id, low=50)
    sku = next(sku for skus in (await shop.truth()).values() for sku, units in skus.items() if units > 100)
    await shop.events()
    state = (await shop.front.see(f"shops/{shop.id}/state"))["products"]
    stock = next(row["skus"][sku]["stock"] for row in state.values() if sku in row["skus"])
    changes = [{"sku_id": sku, "warehouse_id": at, "quantity": 40 if n == 0 else 0} for n, at in enumerate(stock)]
    await shop.turn("stock", changes=changes)
    await shop.delta()
    (event,) = only(await shop.events(), CHANGED)
    assert (event["available"], event["level"], event["transition"]) == (40, "low_stock", "low")
    assert event["threshold"]["low"] == 50


async def test_the_command_shows_and_changes_them(stage: Stage, shop: Store) -> None:
    done = await run(stage.url, "settings", shop.id, "interval=600", "publish=prices", "description=no", "--json")
    assert json.loads(done.stdout) == {
        "interval": 600, "full_interval": 86_400, "stock_interval": 21_600, "publish": "prices", "description": False,
        "low": 5, "low_skus": {}, "guard": True, "paused": False,
    }  # fmt: skip
    assert (await shop.client.settings(shop.id)).interval == 600
    assert "prices" in (await run(stage.url, "settings", shop.id)).stdout
    before = await shop.redis.hget(P.settings, shop.id)  # type: ignore[misc]
    for wrong, said in (("interval=5", "10 to 2592000 seconds"), ("colour=red", "no setting is called 'colour'")):
        done = await run(stage.url, "settings", shop.id, "low=3", wrong)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert said in done.stderr
    assert await shop.redis.hget(P.settings, shop.id) == before  # type: ignore[misc]
    with pytest.raises(InvalidSetting):
        await shop.client.settings(shop.id, publish="everything")
