"""Notifications of a sandbox with two apps, of which one is subscribed."""

from shopstream_sandbox.webhook import notifications
from shopstream_sandbox.webhook.subscriptions import TYPES
from shopstream_sandbox.world import World

INVENTORY_CHANGED = 68


def test_a_change_is_counted_once_as_unsubscribed_and_pushed_to_the_app_that_wants_it() -> None:
    world = World(shops=1, products=1, seed=1, apps=2)
    shop, notifier = world.shops[0], world.webhooks
    world.tokens.authorized.add(shop.id)
    second = notifier.subscriptions(world.tokens.apps[1].key)
    second.put(shop.id, TYPES[INVENTORY_CHANGED], "http://127.0.0.1:9", 0.0)
    product = shop.get(next(shop.ids()))
    assert product
    sku = product.skus[0]
    given: list[str] = []
    notifier.pusher.give = lambda push: given.append(push.url)  # type: ignore[method-assign]
    before = notifications.levels(sku)
    after = before._replace(available=100 + before.available)
    notifier.stock_stepped(shop, product, sku, [("order_created", before, after)])
    assert given == ["http://127.0.0.1:9"]
    assert notifier.pusher.counts["unsubscribed"] == 1
