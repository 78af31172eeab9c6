"""Each typed control of the package `shopstream-sandbox` does what its name says; the rest of them is in the README."""

import inspect
import sys
from collections.abc import Iterator

import pytest

from shopstream_sandbox.testing import ControlRefused, SandboxFailed, TikTokShop, run_sandbox
from shopstream_sandbox.testing.controls import Controls

SHOP = "7495000000001000000"
NAMED = inspect.getsource(sys.modules[__name__])


@pytest.fixture(scope="module")
def front() -> Iterator[TikTokShop]:
    with run_sandbox(shops=3, shops_per_seller=2, products=5, frozen=True, quota=1000) as running:
        yield running


def test_the_introduction_is_read(front: TikTokShop) -> None:
    assert [(seller.name, len(seller.shops)) for seller in front.sellers] == [("Seller 1", 2), ("Seller 2", 1)]
    assert front.shops[0].shop_id == SHOP
    assert len(set(front.auth_codes)) == 2
    assert front.app_secret not in repr(front)


def test_products_and_stock_change(front: TikTokShop) -> None:
    first, second, *_ = front.list_products(SHOP)
    assert len(front.change_random_stock(SHOP, 3, seed=7)) == 3
    front.delete_product(SHOP, second)
    assert second not in front.list_products(SHOP)
    front.restore_product(SHOP, second)
    (added,) = front.add_products(SHOP)
    front.change_product(SHOP, first, title="Another", price="12.50")
    products = front.read_products(SHOP)
    assert {first, second, added} <= products.keys()
    assert products[first].title == "Another"
    sku_id, sku = next(iter(products[first].skus.items()))
    assert sku.price == "12.50"
    warehouse = next(iter(sku.stock))
    assert front.set_stock(SHOP, sku_id, 9, warehouse_id=warehouse).warehouse_id == warehouse
    sold = front.sell(SHOP, sku_id, 4)
    assert (sold.available, sold.committed) == (5, 4)
    assert front.sell(SHOP, sku_id, 4, event="canceled").committed == 0


def test_consents_clocks_and_tokens_change(front: TikTokShop) -> None:
    code = front.issue_auth_code("Seller 2")
    assert code not in front.auth_codes
    front.deauthorize(front.shops[2].shop_id)
    front.expire_tokens(refresh_tokens=True)
    front.turn_clock(60)
    front.turn_clock(0)
    with pytest.raises(ControlRefused, match="no seller Nobody"):
        front.issue_auth_code("Nobody")


def test_quotas_refusals_faults_and_switches_are_planted(front: TikTokShop) -> None:
    front.set_quota(2, shop_id=SHOP, endpoint="product")
    front.set_quota(None)
    front.throttle(0)
    front.refuse(36009003, endpoint="product", shop_id=SHOP, times=1, http=500)
    front.accept()
    front.plant_faults("http_500", "timeout", rate=0.5, seed=3, seconds=1)
    front.plant_faults()
    assert front.turn(latency_ms=5)["latency_ms"] == 5
    front.turn(latency_ms=0)
    with pytest.raises(ControlRefused, match="no such kinds: rain"):
        front.plant_faults("rain")
    front.reset_stats()
    assert front.read_stats().calls == 0


def test_webhooks_are_listed(front: TikTokShop) -> None:
    front.push_webhooks_to("http://127.0.0.1:9/", unauthorized=True, types=[5])
    product_id = front.list_products(SHOP)[0]
    front.change_product(SHOP, product_id, status="SELLER_DEACTIVATED")
    (push,) = front.list_pushes()
    assert (push.type, push.shop_id, push.product_id) == (5, SHOP, product_id)
    front.push_webhooks_to(None)
    assert front.see("webhooks")["options"]["url"] is None
    front.control("webhooks", reset=True)
    assert front.list_pushes() == []


def test_each_control_is_tried_here() -> None:
    methods = [name for name, _ in inspect.getmembers(Controls, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in methods if f"front.{name}(" not in NAMED] == []


def test_a_sandbox_that_does_not_start_says_why() -> None:
    with pytest.raises(SandboxFailed, match="1 or more"), run_sandbox(shops=0):
        pass
