"""What was read rightly before stays so: odd but true answers that were found in other people's logs."""

import pytest

from tests.cases.stand.bodies import Body, detail_of, numbered, product, refusal, sku
from tests.cases.stand.stage import CHANGED, CREATED, MINUTE, PATIENCE, P, Stage, Store, each, few, throughout, within
from tests.cases.stand.upstream import Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"


async def test_numbers_as_text_and_ids_as_integers_are_read(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    shelf = {"warehouse_id": 7_000_000_000_000_000_001, "quantity": "5"}
    line = product(ID, sku(f"{ID}1") | {"inventory": [shelf]}, update_time="1700000100", create_time="1700000000")
    shop.tiktok.details[ID] = detail_of(line) | {"id": int(ID)}
    await shop.fetch()
    await shop.full()
    events = await shop.events()
    assert [(event["available"], event["warehouses"][0]["warehouse_id"]) for event in events if is_stock(event)] == [
        (5, "7000000000000000001")
    ]
    assert [event["updated_at"] for event in events if event["type"] == CREATED] == ["2023-11-14T22:15:00.000Z"]


def is_stock(event: Body) -> bool:
    return bool(event["type"] == CHANGED)


async def test_a_word_that_nobody_knows_is_an_unknown_status_with_its_word(stage: Stage) -> None:
    words = ["INITIAL", "AUCTION_ENDED", "something else"]
    shop = await stage.open(*(product(f"{ID}{number}", status=word) for number, word in enumerate(words)))
    await shop.full()
    made = [event for event in await shop.events() if event["type"] == CREATED]
    assert {(event["status"], event["raw_status"]) for event in made} == {("unknown", word) for word in words}


async def test_one_consent_for_two_shops_and_each_has_its_cipher(stage: Stage) -> None:
    shops = await stage.open_all(2, seller_type="CROSS_BORDER")
    for shop in shops:
        shop.tiktok.add(product(ID))
        await shop.fetch()
        assert {call.query["shop_cipher"] for call in shop.tiktok.calls} == {shop.tiktok.cipher}
        assert (await shop.entry()).seller_type == "CROSS_BORDER"


async def test_a_shop_without_a_seller_type_is_registered_and_read(stage: Stage) -> None:
    shop = await stage.open(product(ID), seller_type=None)
    await shop.fetch()
    await shop.active()
    assert await shop.available() == {f"{ID}1": 5}


async def test_the_hourly_cap_is_waited_for_and_costs_no_id(stage: Stage) -> None:
    shop = await stage.open(product(ID), product(f"{ID}2"))
    shop.tiktok.on("detail", Reply(refusal(36009037), 429))
    await shop.ask([ID])

    async def called() -> bool:
        return bool(shop.tiktok.calls)

    async def silent() -> None:
        few(shop.tiktok, 2)
        assert await shop.waiting() == {ID}
        await shop.active()

    await within(PATIENCE, called, "a call")
    await throughout(4, silent)
    assert not await shop.letters()


GONE = {"12052032": refusal(12052032), "12019150": refusal(12019150), "12052034": refusal(12052034)}


async def test_a_product_that_is_in_no_list_and_has_no_detail_is_given_up_at_once(stage: Stage) -> None:
    async def run(name: str) -> None:
        shop = await stage.open(product(ID))
        shop.tiktok.on("detail", Reply(GONE[name]), when=lambda call: call.product_id != ID)
        await shop.fetch(ID, numbered(404))
        (letter,) = await shop.letters()
        assert (letter["id"], letter["code"]) == (numbered(404), int(name))
        assert await shop.available() == {f"{ID}1": 5}
        few(shop.tiktok, 6)

    await each(list(GONE), run)


async def test_a_throttle_of_details_told_with_http_200_slows_down_and_loses_nothing(stage: Stage) -> None:
    shop = await stage.open(*(product(numbered(number)) for number in range(20)))
    shop.tiktok.on("detail", Reply(refusal(36009002)), times=1)
    await shop.fetch()
    assert not await shop.letters()
    assert len(await shop.available()) == 20


@pytest.mark.minute
async def test_products_that_always_fail_stop_no_other_that_was_asked_for_after_them(stage: Stage) -> None:
    replies = {
        "a code of their own": Reply(refusal(12999998, "This kind of product is not supported")),
        "HTTP 503": Reply("busy", 503, "text/plain"),
    }

    async def run(variant: tuple[str, int, bool, bool]) -> None:
        name, number, urgent, others_urgent = variant
        shop = await stage.open(*(product(numbered(one)) for one in range(30)))
        bad = {numbered(one) for one in range(number)}
        shop.tiktok.on("detail", replies[name], when=lambda call: call.product_id in bad)
        await shop.ask(sorted(bad), urgent=urgent)
        await within(PATIENCE, lambda: tried(shop), "a call")
        good = [numbered(one) for one in range(number, 30)]
        await shop.finish(await shop.ask(good, urgent=others_urgent), MINUTE)
        assert len(await shop.available()) == 30 - number
        given_up = {letter["id"] for letter in await shop.letters()}
        assert given_up <= bad
        assert await shop.waiting() == bad - given_up

    async def tried(shop: Store) -> bool:
        return bool(shop.tiktok.made("detail"))

    sizes = {"a code of their own": (3, 8), "HTTP 503": (5, 12)}
    order = [(False, False), (True, False), (True, True)]
    await each([(name, number, *how) for name in replies for number in sizes[name] for how in order], run)


@pytest.mark.minute
async def test_one_product_whose_refusal_is_none_of_its_own_stops_no_other_that_was_asked_for_later(
    stage: Stage,
) -> None:
    replies = {
        "a throttle": Reply(refusal(36009002), 429),
        "no scope": Reply(refusal(105005)),
        "an inactive seller": Reply(refusal(12052700)),
        "a wrong signature": Reply(refusal(106001)),
        "a wrong cipher": Reply(refusal(106011)),
        "an expired pair": Reply(refusal(105002), 401),
    }

    async def run(name: str) -> None:
        shop = await stage.open(*(product(numbered(one)) for one in range(12)))
        bad, *good = shop.tiktok.lines
        shop.tiktok.on("detail", replies[name], when=lambda call: call.product_id == bad)
        await shop.ask([bad])
        await within(PATIENCE, lambda: refused(shop), "the end of a drain that has called for it")
        await shop.finish(await shop.ask(good), MINUTE)
        assert len(await shop.available()) == 11
        assert await shop.waiting() == {bad}
        assert not await shop.letters()
        await shop.active()

    async def refused(shop: Store) -> bool:
        return bool(shop.tiktok.made("detail")) and not await shop.redis.zcard(P.claimed("products", shop.id))

    await each(list(replies), run)
