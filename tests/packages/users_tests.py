"""Tests of a project that is not ours: its own client against a TikTok Shop, by the package's fixture alone.

`test_sandbox_package.py` copies this file to where shopstream is not installed, and has pytest run it there.
"""

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from shopstream_sandbox.testing import ControlRefused, TikTokShop


class Client:
    """The client under test, as anybody would write it from TikTok's description."""

    def __init__(self, url: str, app_key: str, app_secret: str, auth_code: str) -> None:
        self.url, self.app_key, self.secret = url, app_key, app_secret.encode()
        self.token = ""
        query = {"app_key": app_key, "app_secret": app_secret, "auth_code": auth_code}
        query["grant_type"] = "authorized_code"
        self.token = self._get("/api/v2/token/get", query)["data"]["access_token"]

    def read_product(self, cipher: str, product_id: str) -> Any:
        path = f"/product/202309/products/{product_id}"
        asked = {"app_key": self.app_key, "shop_cipher": cipher, "timestamp": str(int(time.time()))}
        text = path + "".join(name + asked[name] for name in sorted(asked))
        signed = hmac.new(self.secret, self.secret + text.encode() + self.secret, hashlib.sha256)
        return self._get(path, {**asked, "sign": signed.hexdigest()}).get("data")

    def _get(self, path: str, query: dict[str, str]) -> Any:
        request = Request(f"{self.url}{path}?{urlencode(query)}", headers={"x-tts-access-token": self.token})  # noqa: S310
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - a sandbox's URL
            return json.load(answer)


def connect(front: TikTokShop, seller: int = 0) -> Client:
    return Client(front.url, front.app_key, front.app_secret, front.sellers[seller].auth_code)


def test_a_product_is_read_as_it_is(tiktok_shop: TikTokShop) -> None:
    (shop,) = tiktok_shop.shops
    product_id, *_ = tiktok_shop.list_products(shop.shop_id)
    sku_id, *_ = tiktok_shop.read_products(shop.shop_id)[product_id].skus
    client = connect(tiktok_shop)
    tiktok_shop.change_product(shop.shop_id, product_id, title="A title that only this test has")
    change = tiktok_shop.set_stock(shop.shop_id, sku_id, 5)
    assert (change.product_id, change.after) == (product_id, 5)
    assert tiktok_shop.sell(shop.shop_id, sku_id, units=2).available == 3
    product = client.read_product(shop.cipher, product_id)
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
    client = connect(tiktok_shop, 1)
    tiktok_shop.throttle(seconds=60)
    with pytest.raises(HTTPError, match="429"):
        client.read_product(shop.cipher, product_id)
    stats = tiktok_shop.read_stats()
    assert (stats.calls, stats.throttled, stats.tokens) == (1, 1, {"get": 1})
    tiktok_shop.throttle(seconds=0)
    tiktok_shop.refuse(12052032, endpoint="product", times=1)
    assert client.read_product(shop.cipher, product_id) is None
    assert client.read_product(shop.cipher, product_id)["id"] == product_id
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
