"""What the fields mean: the displayed price, stock set aside, states by platform, the path of categories."""

import pytest

from tests.cases.stand.bodies import Body, case, detail_of, product, refusal, sku, success
from tests.cases.stand.stage import CHANGED, CREATED, UPDATED, Stage, Store, each
from tests.cases.stand.upstream import Reply
from tests.processes import slowness

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"
SKU = f"{ID}1"


async def news(shop: Store) -> list[Body]:
    return [event for event in await shop.events() if not event["type"].startswith("shop.")]


def prices(events: list[Body]) -> list[Body]:
    return [event["skus"][0]["price"] for event in events if event["type"] in {CREATED, UPDATED}]


async def views(shop: Store, *, first: str) -> None:
    """Look at the products by detail and by list, in turn, twice."""
    for _ in range(2):
        await (shop.fetch() if first == "detail" else shop.full())
        await (shop.full() if first == "detail" else shop.fetch())


async def test_a_local_sellers_displayed_price_is_one_in_both_views_and_its_tax_unknown(stage: Stage) -> None:
    detail, search = case("c11-price-local-seller")

    async def run(variant: tuple[str, str]) -> None:
        first, publish = variant
        shop = await stage.open(publish=publish)
        shop.tiktok.add(search["data"]["products"][0])
        shop.tiktok.details[ID] = detail["data"]
        await views(shop, first=first)
        events = await news(shop)
        assert prices(events) == [{"amount": "12.99", "currency": "GBP", "tax": None}], prices(events)
        # A new price is one event, whichever view has it first.
        shop.touch(ID, skus=[sku(SKU, price="13.5")])
        shop.tiktok.details[ID] = detail_of(shop.tiktok.lines[ID])
        await views(shop, first=first)
        assert [price["amount"] for price in prices(await news(shop))] == ["13.5"]

    await each([(first, publish) for first in ("detail", "list") for publish in ("products", "prices")], run)


GLOBAL = {"currency": "USD", "sale_price": "117.5", "tax_exclusive_price": "110"}


async def test_a_global_sellers_price_before_tax_is_never_shown(stage: Stage) -> None:
    async def run(first: str) -> None:
        shop = await stage.open(product(ID, sku(SKU) | {"price": GLOBAL}), seller_type="CROSS_BORDER")
        await views(shop, first=first)
        shown = prices(await news(shop))
        assert [price["amount"] for price in shown] == ["117.5"]
        shop.touch(ID, skus=[sku(SKU) | {"price": GLOBAL | {"tax_exclusive_price": "109"}}])
        await views(shop, first=first)
        assert not [price for price in prices(await news(shop)) if price["amount"] != "117.5"]

    await each(["detail", "list"], run)


async def test_a_global_seller_without_a_displayed_price_has_none(stage: Stage) -> None:
    price = {"currency": "USD", "tax_exclusive_price": "110"}
    shop = await stage.open(product(ID, sku(SKU) | {"price": price}), seller_type="CROSS_BORDER")
    shop.tiktok.details[ID] = product(ID, sku(SKU) | {"price": price})
    await views(shop, first="list")
    assert prices(await news(shop)) == [None]


async def test_stock_set_aside_for_campaigns_and_creators_is_told(stage: Stage) -> None:
    (answer,) = case("c16-locked-stock")
    shop = await stage.open(product(ID, sku(SKU, 100)), publish="stock")
    rule = shop.tiktok.on("inventory", Reply(answer))
    await shop.stock(ID)
    (event,) = [event for event in await news(shop) if event["type"] == CHANGED]
    assert (event["available"], event["committed"], event["in_shop"]) == (100, 10, 50)
    assert event["locked"] == {"campaign": 30, "creator": 20}
    # Views that don't know of it take nothing back.
    await shop.full()
    await shop.fetch()
    await shop.poll()
    assert not await news(shop)
    rule.end()
    entry: Body = answer["data"]["inventory"][0]
    moved = {
        "campaign_inventory": [{"quantity": 30}, {"quantity": 15}], "creator_inventory": None,
        "in_shop_inventory": {"quantity": 55},
    }  # fmt: skip
    skus = [entry["skus"][0] | {"total_available_inventory_distribution": moved}]
    shop.tiktok.on("inventory", Reply(success({"inventory": [entry | {"skus": skus}]})))
    await shop.poll()
    (event,) = await news(shop)
    assert (event["available"], event["in_shop"], event["locked"]["campaign"]) == (100, 55, 45)


async def test_stock_that_is_found_to_be_set_aside_is_an_event(stage: Stage) -> None:
    """The list has told of 100 units; half of them can't be sold."""
    shop = await stage.open(product(ID, sku(SKU, 100)), publish="stock")
    await shop.full()
    await shop.events()
    shop.tiktok.on("inventory", Reply(case("c16-locked-stock")[0]))
    await shop.poll()
    assert [(event["available"], event["in_shop"]) for event in await news(shop)] == [(100, 50)]


async def test_stock_without_a_distribution_says_nothing_of_it(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    await shop.stock()
    (event,) = [event for event in await news(shop) if event["type"] == CHANGED]
    assert event.get("in_shop") is None
    assert not [number for number in (event.get("locked") or {}).values() if number is not None]


async def test_backorder_is_told(stage: Stage) -> None:
    async def run(view: str) -> None:
        shop = await stage.open(product(ID, sku(SKU, 0)))
        shelf = shop.tiktok.lines[ID]["skus"][0]["inventory"][0] | {"backorder_quantity": 8}
        shop.tiktok.add(product(ID, sku(SKU, 0) | {"inventory": [shelf]}))
        await (shop.fetch() if view == "detail" else shop.full())
        assert [event["backorder"] for event in await news(shop) if event["type"] == CHANGED] == [8]
        await views(shop, first=view)
        assert not [event for event in await news(shop) if event["type"] == CHANGED]

    await each(["detail", "list"], run)


async def test_a_product_on_tokopedia_alone_is_live_there(stage: Stage) -> None:
    (answer,) = case("c20-tokopedia-only")
    shop = await stage.open()
    shop.tiktok.add({name: value for name, value in answer["data"].items() if name != "integrated_platform_statuses"})
    shop.tiktok.details[ID] = answer["data"]
    await views(shop, first="detail")
    (event,) = [event for event in await news(shop) if event["type"] in {CREATED, UPDATED}]
    assert event["status"] == "live"
    platforms = str(event["platforms"]).lower()
    assert "tokopedia" in platforms
    assert "live" in platforms or "activate" in platforms
    both = [
        {"platform": "TOKOPEDIA", "status": "SELLER_DEACTIVATED"},
        {"platform": "TIKTOK_SHOP", "status": "ACTIVATE"},
    ]
    shop.touch(ID, status="ACTIVATE")
    shop.tiktok.details[ID] = shop.tiktok.lines[ID] | {"integrated_platform_statuses": both}
    await shop.fetch()
    (event,) = [event for event in await news(shop) if event["type"] == UPDATED]
    assert event["status"] == "live"
    platforms = str(event["platforms"]).lower()
    assert "tokopedia" in platforms
    assert "seller_deactivated" in platforms


CHAINS = {
    "leaf first": ["3", "1", "2"],
    "root first": ["1", "2", "3"],
    "middle first": ["2", "3", "1"],
}
CATEGORIES = {
    "1": {"id": "1", "parent_id": "0", "local_name": "Root", "is_leaf": False},
    "2": {"id": "2", "parent_id": "1", "local_name": "Mid", "is_leaf": False},
    "3": {"id": "3", "parent_id": "2", "local_name": "Leaf", "is_leaf": True},
}


async def test_the_path_of_categories_goes_by_parents(stage: Stage) -> None:
    shop = await stage.open()
    for number, order in enumerate(CHAINS.values()):
        shop.tiktok.add(product(f"{ID}{number}", category_chains=[CATEGORIES[one] for one in order]))
    loop = [CATEGORIES["3"], CATEGORIES["2"] | {"parent_id": "3"}]
    shop.tiktok.add(product(f"{ID}8", category_chains=loop))
    await shop.fetch()
    made = {event["product_id"]: event for event in await news(shop) if event["type"] == CREATED}
    for number in range(len(CHAINS)):
        event = made[f"{ID}{number}"]
        assert (event["category_path"], event["category_id"]) == (["Root", "Mid", "Leaf"], "3")
    assert f"{ID}8" in made, "parents that go round in a circle lose nothing but the path"


WAITS = {"1.5": (1.45, 2.6), "2": (1.95, 3.1), "0.3": (0.25, 1.3), " 1.5 ": (1.45, 2.6)}


@pytest.mark.quiet
async def test_retry_after_may_be_a_decimal(stage: Stage) -> None:
    async def run(value: str) -> None:
        shop = await stage.open(product(ID))
        shop.tiktok.on("detail", Reply(refusal(36009002), 429, headers={"Retry-After": value}), times=1)
        await shop.fetch()
        first, second = shop.tiktok.made("detail")
        least, most = WAITS[value]
        assert least <= second.at - first.at <= most * slowness(), f"waited {second.at - first.at:.2f} s"

    await each(list(WAITS), run)


async def test_an_inventory_answer_of_many_shelves_adds_up_and_agrees_with_the_list(stage: Stage) -> None:
    shelves = [{"warehouse_id": f"700000000000000000{n}", "quantity": n} for n in range(1, 5)]
    shop = await stage.open(product(ID, sku(SKU) | {"inventory": shelves}))
    await shop.full()
    await shop.stock()
    await shop.full()
    events = [event for event in await news(shop) if event["type"] == CHANGED]
    assert {event["available"] for event in events} == {10}
