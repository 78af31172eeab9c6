"""What consumers have heard of is what is compared: no change of what is published loses a change of a product."""

from itertools import permutations
from typing import Any, get_args

import pytest

from shopstream.registry.settings import Publish
from tests.walks.stage import CREATED, DELETED, UPDATED, Store, only

pytestmark = pytest.mark.asyncio(loop_scope="session")
SETTINGS: tuple[Publish, ...] = get_args(Publish)


class Consumer:
    """Keeps the products that events tell of."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self.seqs: dict[str, int] = {}

    def hear(self, events: list[dict[str, Any]]) -> list[tuple[str, str]]:
        """Take product events in, and give type and id of each; none may repeat or leave out a number."""
        heard = [event for event in events if event["type"] in {CREATED, UPDATED, DELETED}]
        for event in heard:
            product = event["product_id"]
            assert event["seq"] == self.seqs.get(product, 0) + 1, event
            assert (product in self.titles) is (event["type"] != CREATED), event
            if event["type"] == UPDATED and "/title" in event["changed"]:
                assert event["previous"]["/title"] == self.titles[product], "what consumers have heard of is before"
            self.seqs[product] = event["seq"]
            if event["type"] == DELETED:
                assert event["title"] == self.titles.pop(product)
            else:
                self.titles[product] = event["title"]
        return [(event["type"], event["product_id"]) for event in heard]


@pytest.mark.parametrize(("before", "after"), list(permutations(SETTINGS, 2)))
async def test_a_change_of_what_is_published_loses_no_change(shop: Store, before: Publish, after: Publish) -> None:
    """Products change, go and come back while `before` is published, after all of them were told by `after`."""
    consumer = Consumer()
    changed, gone, back, gone_and_back, untouched, *_ = await shop.ids()
    await shop.client.settings(shop.id, publish=after)
    await shop.full()
    await shop.back(4_000, "delete", product_id=back)
    await shop.full()
    consumer.hear(await shop.events())
    await shop.client.settings(shop.id, publish=before)
    await shop.full()
    consumer.hear(await shop.events())
    await shop.back(3_000, "product", product_id=changed, set={"title": "While it was not wanted"})
    for product in (gone, gone_and_back):
        await shop.back(3_000, "delete", product_id=product)
    await shop.turn("product", product_id=back, set={"status": "ACTIVATE"})
    assert (await shop.full()).complete
    consumer.hear(await shop.events())
    await shop.turn("product", product_id=gone_and_back, set={"status": "ACTIVATE", "title": "Back again"})
    assert (await shop.full()).complete
    consumer.hear(await shop.events())
    await shop.client.settings(shop.id, publish=after)
    assert (await shop.full()).complete
    heard = consumer.hear(await shop.events())
    if after == "stock":
        assert not heard
        return
    products = (await shop.front.see(f"shops/{shop.id}/state"))["products"]
    assert consumer.titles == {product: row["title"] for product, row in products.items() if product != gone}
    if before == "stock":
        kinds = {product: kind for kind, product in heard}
        expected = {changed: UPDATED, gone: DELETED, gone_and_back: UPDATED, back: CREATED}
        assert {product: kinds.get(product) for product in expected} == expected
        assert untouched not in kinds
    assert (await shop.full()).complete
    assert consumer.hear(await shop.events()) == [], "told once"


@pytest.mark.parametrize("wanted", ["prices", "products"])
async def test_what_was_never_told_is_created_by_the_next_look(shop: Store, wanted: Publish) -> None:
    consumer = Consumer()
    await shop.client.settings(shop.id, publish="stock")
    first, *_ = await shop.ids()
    await shop.full()
    await shop.back(3_000, "delete", product_id=first)
    await shop.full()
    assert only(await shop.events(), CREATED) == []
    await shop.client.settings(shop.id, publish=wanted)
    await shop.full()
    consumer.hear(await shop.events())
    assert set(consumer.titles) == set(await shop.ids()) - {first}
    assert first not in consumer.seqs, "of what nobody has heard of, nobody hears that it is gone"
