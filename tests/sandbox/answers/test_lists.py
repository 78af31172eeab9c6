"""Lists: their counts, what an empty one looks like, their order, and pages that slide while they are read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.sandbox.caller import INVENTORY, SEARCH, Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOBODYS = {"seller_skus": ["nobody's"]}


async def pages(me: Caller, size: int = 20, **body: Any) -> AsyncIterator[dict[str, Any]]:
    following = None
    while following != "":
        page = (await me.call(SEARCH, body, page_size=str(size), page_token=following)).data
        yield page
        following = page["next_page_token"]


@pytest_asyncio.fixture(loop_scope="module")
async def size(me: Caller) -> int:
    return len(await me.ids())


@pytest.mark.parametrize(
    ("position", "more"), [("right", [0] * 6), ("wavers", [0, -1, 0, 1, 0, -1]), ("over", [6] * 6)]
)
async def test_the_count_of_a_list(me: Caller, size: int, position: str, more: list[int]) -> None:
    await me.box.control("switches", total_count=position)
    read = [page async for page in pages(me)]
    assert [page["total_count"] - size for page in read] == more
    assert len({line["id"] for page in read for line in page["products"]}) == size == 120
    assert (await me.call(SEARCH, NOBODYS, page_size="1")).data["total_count"] == 0


@pytest.mark.parametrize(
    ("position", "products", "inventory"),
    [
        ("list", {"total_count": 0, "next_page_token": "", "products": []}, {"inventory": []}),
        ("null", {"total_count": 0, "next_page_token": "", "products": None}, {"inventory": None}),
        ("absent", {"total_count": 0, "next_page_token": ""}, {}),
        ("no_data", None, None),
    ],
)
async def test_an_empty_list(me: Caller, position: str, products: object, inventory: object) -> None:
    await me.box.control("switches", empty_lists=position, unknown_ids="omit")
    for path, body, expected in (
        (SEARCH, NOBODYS, products),
        (INVENTORY, {"product_ids": ["123"]}, inventory),
        (INVENTORY, {"sku_ids": ["123"]}, inventory),
    ):
        envelope = (await me.call(path, body, page_size="1" if path == SEARCH else None)).envelope
        assert envelope["code"] == 0
        assert ("data" in envelope, envelope.get("data")) == (position != "no_data", expected)
    assert (await me.call(SEARCH, {}, page_size="1")).data["products"]


@pytest.mark.parametrize("order", ["fixed", "update_time_asc", "update_time_desc"])
async def test_the_order_of_a_list(me: Caller, order: str) -> None:
    await me.box.control("switches", list_order=order)
    lines = [line async for page in pages(me) for line in page["products"]]
    times = [line["update_time"] for line in lines]
    if order == "fixed":
        assert [line["id"] for line in lines] == await me.ids()
    else:
        assert times == sorted(times, reverse=order.endswith("desc"))
        assert times != sorted(times, reverse=order.endswith("asc"))


async def test_pages_by_time_slide_while_they_are_read(me: Caller, size: int) -> None:
    await me.box.control("switches", list_order="update_time_asc")
    seen: list[str] = []
    reading = pages(me, 60)
    seen += [line["id"] for line in (await anext(reading))["products"]]
    await me.box.control("product", shop_id=me.shop, product_id=seen[0])  # goes to the end
    seen += [line["id"] async for page in reading for line in page["products"]]
    assert seen.count(seen[0]) == 2
    assert len(set(seen)) == size - 1  # another one slid past the page's edge


async def test_pages_in_the_fixed_order_stay(me: Caller, size: int) -> None:
    reading = pages(me, 60)
    seen = [line["id"] for line in (await anext(reading))["products"]]
    await me.box.control("product", shop_id=me.shop, product_id=seen[0])
    seen += [line["id"] async for page in reading for line in page["products"]]
    assert len(seen) == len(set(seen)) == size
