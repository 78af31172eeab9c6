"""Frozen isn't deleted, deleted is heard of within the hour, and neither is taken back by an old line."""

import time
from collections import Counter

import pytest

from tests.cases.stand.bodies import Body, case, numbered, product, refusal, sku, success
from tests.cases.stand.stage import (
    CHANGED,
    CREATED,
    DELETED,
    LETTER,
    PATIENCE,
    REMOVED,
    UPDATED,
    P,
    Stage,
    Store,
    each,
    few,
    within,
)
from tests.cases.stand.upstream import Call, Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "1729000000000000001"
OTHER = "1729000000000000002"


def count_types(events: list[Body]) -> Counter[str]:
    return Counter(event["type"] for event in events if not event["type"].startswith("shop."))


async def test_a_product_that_freezes_is_updated_once_and_nothing_else_over_three_walks(stage: Stage) -> None:
    search, missing = case("c03-frozen")
    frozen = search["data"]["products"][0]
    shop = await stage.open(frozen | {"status": "ACTIVATE", "update_time": 1_700_000_100}, product(OTHER))
    await shop.full()
    await shop.stock()
    await shop.events()
    shop.tiktok.add(frozen)
    shop.tiktok.on("detail", Reply(missing), when=lambda call: call.product_id == frozen["id"])
    for _ in range(3):
        assert (await shop.full()).complete
    events = await shop.events()
    assert count_types(events) == {UPDATED: 1}, count_types(events)
    assert [event["status"] for event in events if event["type"] == UPDATED] == ["frozen"]
    await shop.delta()
    await shop.stock()
    await shop.poll()
    assert not count_types(await shop.events())
    assert (await shop.available())["17290000000000000011"] == 5
    assert not await shop.letters()


async def test_a_frozen_product_that_slides_from_page_to_page_is_not_deleted(stage: Stage) -> None:
    """It has no detail, so only the list knows it: a walk may see it on no page, and the count may waver meanwhile."""

    async def run(total: int | None) -> None:
        lines = [product(numbered(number)) for number in range(150)]
        slides = lines[120] | {"status": "FREEZE"}
        shop = await stage.open(*lines, publish="products")
        shop.tiktok.add(slides)
        await shop.full()

        def slid(call: Call) -> Reply:
            reply = shop.tiktok.usual(call)
            shop.tiktok.lines = {slides["id"]: slides} | shop.tiktok.lines
            assert isinstance(reply.body, dict)
            shown = {name: one for name, one in reply.body["data"].items() if name != "total_count"}
            counted = shown if total is None else shown | {"total_count": total}
            return Reply(reply.body | {"data": counted})

        # Once the first page is read, it stands at the front. Only a list by its SKU shows it.
        shop.tiktok.on("search", slid, when=lambda call: "sku_ids" not in call.body)
        shop.tiktok.lines = {line["id"]: shop.tiktok.lines[line["id"]] for line in lines}
        assert (await shop.full()).deleted == 0
        await shop.events()
        assert not {DELETED, REMOVED} & set(shop.kinds())
        assert len(await shop.available()) == 150

    await each([None, 149], run)


async def test_a_product_first_seen_frozen_is_created_frozen_and_stays(stage: Stage) -> None:
    search, missing = case("c03-frozen")
    shop = await stage.open(search["data"]["products"][0])
    shop.tiktok.on("detail", Reply(missing))
    for _ in range(3):
        assert (await shop.full()).complete
    events = await shop.events()
    assert count_types(events) == {CREATED: 1, CHANGED: 1}, count_types(events)
    assert [event["status"] for event in events if event["type"] == CREATED] == ["frozen"]
    assert not await shop.letters()
    few(shop.tiktok, 9)


async def test_a_frozen_product_asked_for_by_id_is_not_deleted_and_thaws(stage: Stage) -> None:
    shop = await stage.open(product(ID))
    await shop.full()
    shop.touch(ID, status="FREEZE")
    await shop.full()
    await shop.events()
    await shop.fetch(ID)
    await shop.full()
    assert not {DELETED, REMOVED, CREATED, CHANGED} & set(count_types(await shop.events()))
    shop.touch(ID, status="ACTIVATE")
    await shop.full()
    events = await shop.events()
    assert count_types(events) == {UPDATED: 1}
    assert [(event["previous_status"], event["status"]) for event in events if event["type"] == UPDATED] == [
        ("frozen", "live")
    ]


async def deleted(stage: Stage, publish: str) -> Store:
    """Open a shop with two products, read it, and have one deleted at TikTok."""
    shop = await stage.open(product(ID, sku(f"{ID}1"), sku(f"{ID}2", 7)), product(OTHER), publish=publish)
    await shop.full()
    await shop.stock()
    await shop.events()
    shop.touch(ID, status="DELETED")
    return shop


async def test_an_incremental_walk_hears_of_what_was_deleted_once(stage: Stage) -> None:
    async def run(publish: str) -> None:
        shop = await deleted(stage, publish)
        shop.tiktok.calls.clear()
        walk = await shop.delta()
        assert walk.complete
        events = await shop.events()
        expected = {REMOVED: 2} | ({} if publish == "stock" else {DELETED: 1})
        assert {kind: count_types(events)[kind] for kind in expected} == expected, count_types(events)
        assert {event["product_id"] for event in events if event["type"] in {DELETED, REMOVED}} == {ID}
        few(shop.tiktok, 4)
        await shop.delta()
        await shop.full()
        await shop.poll()
        assert not count_types(await shop.events())
        assert await shop.available() == {f"{OTHER}1": 5}

    await each(["products", "prices", "stock"], run)


async def test_deleted_as_the_case_has_it(stage: Stage) -> None:
    _, answer = case("c18-deleted-by-status")
    line = answer["data"]["products"][0]
    shop = await stage.open(line | {"status": "ACTIVATE", "update_time": 1_700_000_100}, product(OTHER))
    await shop.full()
    await shop.events()
    shop.tiktok.add(line | {"update_time": int(time.time())})
    await shop.delta()
    events = await shop.events()
    assert count_types(events) == {DELETED: 1, REMOVED: 1}
    asked = [call.body.get("status") for call in shop.tiktok.made("search")]
    assert "DELETED" in asked


async def test_an_old_line_does_not_revive_what_was_deleted(stage: Stage) -> None:
    async def run(variant: tuple[str, str]) -> None:
        how, publish = variant
        shop = await deleted(stage, publish)
        gone = shop.tiktok.lines[ID]
        if how == "asked for by id":
            await shop.fetch(ID)
        await shop.delta()
        assert count_types(await shop.events()) == {DELETED: 1, REMOVED: 2}
        missing = shop.tiktok.on("detail", Reply(refusal(12052032)), when=lambda call: call.product_id == ID)
        for stale in ({"update_time": 1_700_000_100}, {"update_time": gone["update_time"]}):
            shop.tiktok.lines[ID] = gone | stale | {"status": "ACTIVATE"}
            await shop.full()
            await shop.delta()
            await shop.stock()
        assert not count_types(await shop.events())
        # Back in earnest: a newer line, and a detail that has it.
        missing.end()
        shop.touch(ID, status="ACTIVATE")
        await shop.full()
        events = count_types(await shop.events())
        assert events[CHANGED] == 2
        assert events[CREATED] == (1)

    await each(
        [(how, publish) for how in ("asked for by id", "by the list") for publish in ("products", "prices")], run
    )


async def test_a_line_of_the_deleted_without_a_moment_does_not_beat_what_lives(stage: Stage) -> None:
    async def run(variant: tuple[str, bool]) -> None:
        publish, lives = variant
        shop = await stage.open(product(ID), product(OTHER), publish=publish)
        await shop.full()
        await shop.stock()
        await shop.events()
        listed = success({"products": [{"id": ID, "status": "DELETED"}], "total_count": 1})
        shop.tiktok.on("search", Reply(listed), when=lambda call: call.body.get("status") == "DELETED")
        if not lives:
            del shop.tiktok.lines[ID]
        shop.tiktok.calls.clear()
        for _ in range(2):
            await shop.delta()
            await within(PATIENCE, lambda: idle(shop), "the details of what was listed")
        events = count_types(await shop.events())
        expected = {} if lives else {REMOVED: 1} if publish == "stock" else {DELETED: 1, REMOVED: 1}
        assert events == expected, events
        assert len(shop.tiktok.made("detail")) == (2 if lives else 1)

    await each([(publish, lives) for publish in ("products", "stock") for lives in (True, False)], run)


async def idle(shop: Store) -> bool:
    return not await shop.waiting()


async def test_a_product_that_was_told_as_deleted_by_mistake_comes_back_unchanged(stage: Stage) -> None:
    async def run(publish: str) -> None:
        shop = await stage.open(product(ID), product(OTHER), publish=publish)
        await shop.full()
        await shop.stock()
        line = shop.tiktok.lines.pop(ID)
        await shop.fetch(ID)
        assert await shop.available() == {f"{OTHER}1": 5}
        await shop.events()
        shop.tiktok.lines[ID] = line
        await shop.full()
        await within(PATIENCE, lambda: idle(shop), "the detail")
        expected = {CHANGED: 1} if publish == "stock" else {CREATED: 1, CHANGED: 1}
        events = count_types(await shop.events())
        assert events == expected, events
        assert await shop.available() == {f"{ID}1": 5, f"{OTHER}1": 5}

    await each(["products", "prices", "stock"], run)


async def test_an_id_that_no_list_decides_about_is_tried_again_and_given_up_with_its_reason(stage: Stage) -> None:
    async def run(how: str) -> None:
        shop = await stage.open(product(ID), product(OTHER))
        await shop.fetch()
        await shop.events()
        line = shop.tiktok.lines.pop(ID)
        endless = success({"products": [shop.tiktok.lines[OTHER]], "next_page_token": "more", "total_count": 400})
        rule = shop.tiktok.on("search", Reply(endless))
        request = await shop.ask([ID])

        async def tried() -> bool:
            return bool(await shop.redis.hget(P.tries("products", shop.id), ID))  # type: ignore[misc]

        await within(PATIENCE, tried, "a counted try")
        assert await shop.waiting() == {ID}
        assert not count_types(await shop.events())
        if how == "decides later":
            rule.end()
        elif how == "shows it later":
            rule.end()
            shop.tiktok.add(line | {"status": "FREEZE", "update_time": int(time.time())})
        else:
            await shop.redis.hset(P.tries("products", shop.id), ID, "11")  # type: ignore[misc]
        await shop.finish(request)
        expected = {"decides later": {DELETED: 1, REMOVED: 1}, "shows it later": {UPDATED: 1}, "never": {LETTER: 1}}
        assert count_types(await shop.events()) == expected[how]
        for letter in await shop.letters():
            assert (letter["id"], letter["error_class"], letter["code"]) == (ID, "not_found", 12052032)
            assert "list" in letter["message"]
            assert letter["attempts"] == 12

    await each(["decides later", "shows it later", "never"], run)
