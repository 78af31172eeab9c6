"""Tests of a project that is not ours: its own client against a TikTok Shop, by the package's fixture alone.

`test_sandbox_package.py` copies this file and the client to where shopstream is not installed, and has pytest run it.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError

import pytest

from shopstream_sandbox.testing import ControlRefused, TikTokShop
from tests.packages.users_client import MyIntegration


def connect(front: TikTokShop, seller: int = 0) -> MyIntegration:
    mine = MyIntegration(front.url, front.app_key, front.app_secret)
    mine.authorize(front.sellers[seller].auth_code)
    return mine


def test_a_product_is_read_as_it_is(tiktok_shop: TikTokShop) -> None:
    (shop,) = tiktok_shop.shops
    product_id, *_ = tiktok_shop.list_products(shop.shop_id)
    sku_id, *_ = tiktok_shop.read_products(shop.shop_id)[product_id].skus
    mine = connect(tiktok_shop)
    tiktok_shop.change_product(shop.shop_id, product_id, title="A title that only this test has")
    change = tiktok_shop.set_stock(shop.shop_id, sku_id, 5)
    assert (change.product_id, change.after) == (product_id, 5)
    assert tiktok_shop.sell(shop.shop_id, sku_id, units=2).available == 3
    product = mine.read_product(product_id)
    assert product["title"] == "A title that only this test has"
    (sku,) = (sku for sku in product["skus"] if sku["id"] == sku_id)
    assert sum(row["quantity"] for row in sku["inventory"]) == 3
    with pytest.raises(ControlRefused, match="no SKU 1"):
        tiktok_shop.sell(shop.shop_id, "1")


@pytest.mark.tiktok_shop(shops=2, products=3)
def test_throttles_and_refusals_are_planted_and_counted(tiktok_shop: TikTokShop) -> None:
    assert [len(tiktok_shop.list_products(shop.shop_id)) for shop in tiktok_shop.shops] == [3, 3]
    shop = tiktok_shop.sellers[1].shops[0]
    product_id, *_ = tiktok_shop.list_products(shop.shop_id)
    mine = connect(tiktok_shop, 1)
    tiktok_shop.throttle(seconds=60)
    with pytest.raises(HTTPError, match="429"):
        mine.read_product(product_id)
    stats = tiktok_shop.read_stats()
    assert (stats.calls, stats.throttled, stats.tokens) == (2, 1, {"get": 1})
    tiktok_shop.throttle(seconds=0)
    tiktok_shop.refuse(12052032, endpoint="product", times=1)
    assert mine.read_product(product_id) is None
    assert mine.read_product(product_id)["id"] == product_id
    assert tiktok_shop.read_stats().by_endpoint["product"] == {"12052032": 1, "ok": 1}


def test_a_sale_is_pushed(tiktok_shop: TikTokShop) -> None:
    (shop,) = tiktok_shop.shops
    connect(tiktok_shop)  # shops with a consent alone are told of
    product_id, *_ = tiktok_shop.list_products(shop.shop_id)
    sku_id, *_ = tiktok_shop.read_products(shop.shop_id)[product_id].skus
    pushed: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pushed.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        taking = threading.Thread(target=server.handle_request)
        taking.start()
        tiktok_shop.push_webhooks_to(f"http://127.0.0.1:{server.server_port}/", types=[68])
        tiktok_shop.sell(shop.shop_id, sku_id)
        taking.join(30)
    assert [(push["type"], str(push["data"]["sku_id"])) for push in pushed] == [(68, sku_id)]
    assert [(push.type, push.sku_id) for push in tiktok_shop.list_pushes()] == [(68, sku_id)]
