"""Lists as they are: counts that waver, pages that overlap or are too large, null lists, odd numbers."""

import pytest

from tests.cases.stand.bodies import Body, answers, case, numbered, product, refusal, sku, success
from tests.cases.stand.stage import CHANGED, MINUTE, SYNCED, Stage, Store, each, few
from tests.cases.stand.upstream import Call, Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"


def lines(number: int, **more: object) -> list[Body]:
    return [product(numbered(one), **more) for one in range(number)]


async def synced(shop: Store) -> Body:
    """Give the last `shop.synced`."""
    await shop.events()
    return next(event for event in reversed(shop.seen) if event["type"] == SYNCED)


def of_all(shop: Store) -> list[Call]:
    """Give the calls that list the shop, without those that ask what was deleted."""
    return [call for call in shop.tiktok.made("search") if call.body.get("status") != "DELETED"]


COUNTS = {
    "as the case has it": [500, 499, 500, 499, 500],
    "above and below": [500, 501, 500, 501, 500],
    "the last page lower": [500, 500, 500, 500, 499],
    "the first page higher": [502, 500, 500, 500, 500],
    "the first page lower": [498, 500, 500, 500, 500],
    "zero in the middle": [500, 500, 0, 500, 500],
}


async def test_a_total_count_that_wavers_costs_no_call_and_the_walk_is_complete(stage: Stage) -> None:
    async def run(name: str) -> None:
        counts = COUNTS[name]
        shop = await stage.open(*lines(500), publish="stock")
        shop.tiktok.totals = lambda page, _: counts[page]
        walk = await shop.full()
        assert walk.complete
        assert len(await shop.available()) == 500
        # A count that was once above what was found may be looked at again, once.
        assert len(of_all(shop)) <= (10 if max(counts) > 500 else 5)
        assert (await shop.client.read_freshness(shop.id)).watermark
        assert (await synced(shop))["watermark"]
        shop.tiktok.totals = lambda _, number: number
        shop.tiktok.calls.clear()
        assert (await shop.delta()).complete
        assert all(call.body.get("update_time_ge") for call in shop.tiktok.made("search"))

    await each(list(COUNTS), run)


async def test_a_product_that_slides_between_two_pages_is_found_by_the_same_walk(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*lines(250), publish="stock")
        moved = list(shop.tiktok.lines)[150]

        def shuffled(call: Call) -> Reply:
            reply = shop.tiktok.usual(call)
            line = shop.tiktok.lines.pop(moved)
            if name == "moved to the front":
                shop.tiktok.lines = {moved: line} | shop.tiktok.lines
            else:
                shop.tiktok.lines = {f"{ID}7": product(f"{ID}7")} | shop.tiktok.lines | {moved: line}
            return reply

        shop.tiktok.on("search", shuffled, times=1)
        walk = await shop.full()
        assert set(await shop.available()) >= {line["skus"][0]["id"] for line in lines(250)}
        assert walk.complete
        few(shop.tiktok, 8, "search")

    await each(["moved to the front", "another came and it went to the end"], run)


async def test_a_list_that_ends_early_is_not_complete(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*lines(250), publish="stock")
        last = "200" if name == "an empty last page" else "100"

        def ends(call: Call) -> Reply:
            found = shop.tiktok.usual(call).body
            assert isinstance(found, dict)
            cut: Body = {"products": []} if name == "an empty last page" else {}
            return Reply(found | {"data": found["data"] | {"next_page_token": ""} | cut})

        shop.tiktok.on("search", ends, when=lambda call: call.query.get("page_token") == last)
        walk = await shop.full()
        assert (walk.complete, len(await shop.available())) == (False, 200)
        summary = await synced(shop)
        assert (summary["complete"], summary["watermark"]) == (False, None)
        assert not [event for event in shop.seen if event["type"].endswith("deleted")]
        few(shop.tiktok, 10)

    await each(["no next token after 200", "an empty last page"], run)


NONE: dict[str, Body] = {
    "products null": case("c14-products-null")[0],
    "no data": case("c14-products-null")[1],
    "data null": {"code": 0, "message": "Success", "data": None},
    "no list": success({"total_count": 0}),
    "token null": success({"total_count": 0, "products": None, "next_page_token": None}),
    "nothing but a token": success({"next_page_token": ""}),
    "an empty list": success({"total_count": 0, "products": [], "next_page_token": ""}),
}


async def test_an_empty_shop_is_complete_however_its_list_says_so(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open()
        shop.tiktok.on("search", Reply(NONE[name]))
        for _ in range(2):
            walk = await shop.full()
            assert (walk.complete, walk.products) == (True, 0)
        assert (await synced(shop))["watermark"]
        few(shop.tiktok, 8)

    await each(list(NONE), run)


async def test_a_page_without_a_list_in_the_middle_is_not_the_end(stage: Stage) -> None:
    async def run(data: object) -> None:
        shop = await stage.open(*lines(100), *lines(250)[200:], publish="stock")
        rest = {"next_page_token": "200", "total_count": 150}
        shop.tiktok.on("search", Reply(success(rest | {"products": data})), when=lambda call: token(call) == "100")
        shop.tiktok.on("search", Reply(success({"total_count": 150, "products": lines(250)[200:]})), when=after_middle)
        walk = await shop.full()
        assert (walk.complete, walk.products) == (True, 150)
        assert len(await shop.available()) == 150

    await each([None, []], run)


async def test_an_empty_last_page_without_a_list_is_the_end_of_a_list_that_has_shown_all(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*lines(200), publish="stock")
        await shop.full()
        shop.tiktok.calls.clear()

        def answer(call: Call) -> Reply:
            reply = shop.tiktok.usual(call)
            assert isinstance(reply.body, dict)
            if token(call) == "200":
                return Reply(success({"total_count": 200} | ({} if name == "absent" else {"products": None})))
            return Reply(success(reply.body["data"] | {"next_page_token": str(int(token(call) or 0) + 100)}))

        shop.tiktok.on("search", answer, when=lambda call: call.body["status"] == "ALL")
        walk = await shop.full()
        assert (walk.complete, walk.products, walk.deleted) == (True, 200, 0)
        assert len(of_all(shop)) == 4, "the second answer without a list is believed"

    await each(["absent", "null"], run)


REFUSED_TOKENS = {
    "our parameter": Reply(refusal(98001004, "Parameter page_token is invalid.")),
    "a product's code": Reply(refusal(12999998, "page token expired")),
    "an unknown code": Reply(refusal(77001234, "Something new")),
    "no list": Reply(success({})),
}


@pytest.mark.minute
async def test_a_page_token_that_is_refused_in_whichever_words_begins_the_list_anew(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(*lines(150))

        def answer(call: Call) -> Reply:
            # A token is good in the pass that it was given in; the first pass has been interrupted for too long.
            passes = sum(not token(one) for one in of_all(shop))
            return REFUSED_TOKENS[name] if token(call) and passes < 2 else shop.tiktok.usual(call)

        shop.tiktok.on("search", answer, when=lambda call: call.body["status"] == "ALL")
        walked = await shop.full(MINUTE)
        assert walked.complete, walked.reason
        assert len([call for call in of_all(shop) if token(call)]) <= 2 + 4

    await each(list(REFUSED_TOKENS), run)


def token(call: Call) -> str:
    return call.query.get("page_token", "")


async def test_a_page_token_that_is_a_number_leads_on(stage: Stage) -> None:
    shop = await stage.open(*lines(150), publish="stock")

    def numbered_token(call: Call) -> Reply:
        found = shop.tiktok.usual(call).body
        assert isinstance(found, dict)
        following = found["data"]["next_page_token"]
        return Reply(found | {"data": found["data"] | {"next_page_token": int(following) if following else 0}})

    shop.tiktok.on("search", numbered_token)
    walked = await shop.full()
    assert (walked.complete, walked.products) == (True, 150), walked.reason


def after_middle(call: Call) -> bool:
    return token(call) == "200"


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_page_that_is_too_large_is_read_by_smaller_ones_and_remembered(stage: Stage, *, zipped: bool) -> None:
    shop = await stage.open(*lines(60, listing_notes="x" * 300_000), publish="stock")
    shop.tiktok.on("search", lambda call: Reply(shop.tiktok.usual(call).body, zipped=zipped))
    walk = await shop.full(40)
    assert (walk.complete, len(await shop.available())) == (True, 60)
    few(shop.tiktok, 15)
    shop.tiktok.calls.clear()
    assert (await shop.full(40)).complete
    sizes = [call.page_size for call in of_all(shop)]
    assert max(sizes) <= 25, sizes
    few(shop.tiktok, 7)


async def test_a_hundred_products_of_a_hundred_skus_in_ten_warehouses(stage: Stage) -> None:
    sample: Body = answers("c09-big-page")[0]["sku"]
    shelves = [shelf | {"warehouse_id": f"706851727553971994{n}"} for n, shelf in enumerate(sample["inventory"])]
    shop = await stage.open(publish="stock")
    for line in lines(100):
        ids = [f"{line['id']}{number:02}" for number in range(100)]
        shop.tiktok.add(line | {"skus": [sample | {"id": one, "inventory": shelves} for one in ids]})
    assert (await shop.full(60)).complete
    few(shop.tiktok, 10)
    assert await shop.count(CHANGED) == 10_000


ODD = {
    "empty": ("", None),
    "words": ("abc", None),
    "far too large": (1e30, None),
    "not whole": (2.5, None),
    "true": (True, None),
    "a list": ([], None),
    "null": (None, None),
    "text": ("5", 5),
    "5.0": (5.0, 5),
    "negative": (-3, -3),
}


async def test_an_odd_moment_of_creation_costs_no_walk_its_end(stage: Stage) -> None:
    """A product that was made while the list is read may stand for one that was missed; these weren't."""

    async def run(moment: object) -> None:
        shop = await stage.open(*lines(150), product(ID, create_time=moment))
        walked = await shop.full()
        assert walked.complete, walked.reason
        assert len(of_all(shop)) == 2

    await each([4_102_444_800, 1_700_000_000_000, 10**30, 0, -1], run)


async def test_an_odd_number_costs_its_field_and_no_more(stage: Stage) -> None:
    shop = await stage.open(
        *(product(f"{ID}{n}", sku(f"{ID}{n}1", value)) for n, (value, _) in enumerate(ODD.values()))
    )
    shop.tiktok.add(product(numbered(9)))
    await shop.client.settings(shop.id, publish="stock")
    walk = await shop.full()
    assert (walk.complete, walk.failed, walk.products) == (True, 0, len(ODD) + 1)
    stock = {event["product_id"]: event["available"] for event in await shop.events() if event["type"] == CHANGED}
    found = {name: stock.get(f"{ID}{n}", "not told") for n, name in enumerate(ODD)}
    assert found == {name: value for name, (_, value) in ODD.items()}
    assert stock[numbered(9)] == 5
    assert not await shop.letters()
