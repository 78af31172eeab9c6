"""One bad id of a batch costs itself; a code that nobody knows is an outage, and costs neither ids nor a storm."""

import pytest

from tests.cases.stand.bodies import case, product, refusal
from tests.cases.stand.stage import PATIENCE, Stage, Store, each, few, throughout, within
from tests.cases.stand.upstream import Call, Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

BAD = "1729000000000000007"
IDS = [f"17290000000000000{number:02}" for number in range(20)]
PARAMETER = {
    "98001004": Reply(case("c13-bad-parameter-in-batch")[0]),
    "12052910": Reply(refusal(12052910)),
    "11050001": Reply(refusal(11050001)),
    "12019118": Reply(refusal(12019118)),
    "12019119": Reply(refusal(12019119)),
    "36009021": Reply(refusal(36009021)),
    "36009023 with HTTP 400": Reply(refusal(36009023), 400),
}
UNKNOWN = {
    "12999999": Reply(refusal(12999999)),
    "77001234": Reply(refusal(77001234)),
    "77001234 with HTTP 400": Reply(refusal(77001234), 400),
    "77001234 with HTTP 401": Reply(refusal(77001234), 401),
}


def has_bad(call: Call) -> bool:
    return BAD in call.ids or f"{BAD}1" in call.ids or call.product_id == BAD


async def twenty(stage: Stage) -> Store:
    assert BAD in IDS
    return await stage.open(*(product(one) for one in IDS))


async def test_one_bad_id_of_twenty_is_given_up_with_tiktoks_words_and_the_others_are_told(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, kind = variant
        shop = await twenty(stage)
        shop.tiktok.on("any", PARAMETER[name], when=has_bad)
        if kind == "stock":
            await shop.stock()
        elif kind == "skus":
            skus = [f"{one}1" for one in IDS]
            await shop.finish(await shop.client.sync_stock(shop.id, [], sku_ids=skus))
        else:
            await shop.fetch()
        (letter,) = await shop.letters()
        body = PARAMETER[name].body
        assert isinstance(body, dict)
        assert BAD in letter["id"]
        assert letter["code"] == body["code"]
        assert str(body["message"])[:20] in letter["message"]
        changed = {event["product_id"] for event in shop.seen if event["type"] == "stock.changed"}
        if kind != "skus":
            assert changed == set(IDS) - {BAD}
        few(shop.tiktok, 20 if kind == "products" else 15)
        await shop.active()

    single = [(name, kind) for name in ("98001004", "12019118") for kind in ("products", "skus")]
    await each([(name, "stock") for name in PARAMETER] + single, run)


async def test_two_bad_ids_in_a_poll_of_a_hundred_leave_the_others_told(stage: Stage) -> None:
    ids = [f"1729000000000000{number:03}" for number in range(100)]
    shop = await stage.open(*(product(one) for one in ids), publish="stock")
    await shop.full()
    await shop.stock()
    await shop.events()
    bad = {ids[3], ids[77]}
    shop.tiktok.on("inventory", PARAMETER["98001004"], when=lambda call: bad & set(call.ids))
    for one in ids:
        shop.tiktok.lines[one]["skus"][0]["inventory"][0]["quantity"] = 4
    walk = await shop.poll()
    events = [event for event in await shop.events() if event["type"] == "stock.changed"]
    assert {event["product_id"] for event in events} == set(ids) - bad
    assert {event["available"] for event in events} == {4}
    assert walk.failed == len(bad)
    few(shop.tiktok, 35)


async def test_an_unknown_code_for_all_batches_is_an_outage(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, kind = variant
        shop = await twenty(stage)
        shop.tiktok.on("any", UNKNOWN[name])
        ids = [f"{one}1" for one in IDS] if kind == "skus" else IDS
        asked = {
            "products": lambda: shop.ask(IDS),
            "stock": lambda: shop.client.sync_stock(shop.id, IDS),
            "skus": lambda: shop.client.sync_stock(shop.id, [], sku_ids=ids),
        }
        request = await asked[kind]()

        async def kept() -> None:
            assert not await shop.letters(), (await shop.letters())[0]["message"]

        async def tried() -> bool:
            return bool(shop.tiktok.calls)

        await within(PATIENCE, tried, "a call")
        await throughout(5, kept)
        few(shop.tiktok, 40 if kind == "products" else 15)
        assert len(await shop.waiting("products" if kind == "products" else "stock")) == len(IDS)
        shop.tiktok.mend()
        await shop.retry()
        await shop.finish(request, 60)
        assert not await shop.letters()
        await shop.active()

    # A 12… code of a single detail is that product's own.
    single = [(name, "products") for name in UNKNOWN if name != "12999999"]
    await each([(name, kind) for name in UNKNOWN for kind in ("stock", "skus")] + single, run)


async def test_an_unknown_code_for_one_id_leaves_the_other_half_told(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        name, kind = variant
        shop = await twenty(stage)
        shop.tiktok.on("any", UNKNOWN[name], when=has_bad)
        await (shop.ask(IDS) if kind == "products" else shop.client.sync_stock(shop.id, IDS))
        least = 19 if kind == "products" else 10

        async def half() -> bool:
            await shop.events()
            changed = {event["product_id"] for event in shop.seen if event["type"] == "stock.changed"}
            return len(changed) >= least

        await within(PATIENCE, half, f"{least} of 20")
        assert {letter["id"] for letter in await shop.letters()} <= {BAD}

    await each([(name, kind) for name in ("12999999", "77001234") for kind in ("products", "stock")], run)


async def test_requests_over_limit_are_a_throttle_and_cost_no_id(stage: Stage) -> None:
    shop = await twenty(stage)
    shop.tiktok.on("any", Reply(refusal(12052109)), times=1)
    await shop.stock()
    calls = shop.tiktok.made("inventory")
    assert calls[-1].at - calls[0].at >= 0.95, "tried again at once"
    assert not await shop.letters()
