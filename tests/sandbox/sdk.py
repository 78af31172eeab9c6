"""Uses of the `tiktok-shop-api` SDK: its import takes five seconds of a core, so only who runs it imports it."""

from typing import Any

import pytest
from tiktok_shop_api import TikTokShop, TikTokShopAuth, TikTokShopError
from tiktok_shop_api.generated.models.inventory_search_request import InventorySearchRequest
from tiktok_shop_api.generated.models.search_products_request import SearchProductsRequest

from tests.processes import Sandbox


def told(answer: Any) -> Any:
    """The `data` of an answer, which the SDK types as optional."""
    return answer.to_dict()["data"]


def use(front: Sandbox) -> dict[str, Any]:
    auth = TikTokShopAuth(front.app_key, front.app_secret, base_url=front.url)
    tokens = auth.refresh(auth.exchange_code(front.auth_codes[0]).refresh_token)
    with TikTokShop(front.app_key, front.app_secret, tokens.access_token, base_url=front.url) as client:
        (shop,) = told(client.authorization.get_authorized_shops())["shops"]
    with TikTokShop(front.app_key, front.app_secret, tokens.access_token, shop["cipher"], base_url=front.url) as client:
        everything = SearchProductsRequest.from_dict({"status": "ALL"})
        seen: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = told(client.products.search_products(body=everything, page_size=30, **more))
            seen += [product["id"] for product in page["products"]]
            if not page["next_page_token"]:
                break
            more = {"page_token": page["next_page_token"]}
        product = told(client.products.get_product(seen[0]))
        wanted = InventorySearchRequest.from_dict({"product_ids": seen[:100]})
        stock = told(client.products.inventory_search(body=wanted))["inventory"]
    with (
        TikTokShop(front.app_key, "wrong", tokens.access_token, base_url=front.url) as client,
        pytest.raises(TikTokShopError) as wrong,
    ):
        client.authorization.get_authorized_shops()
    with pytest.raises(TikTokShopError) as code:
        auth.exchange_code(front.auth_codes[0])
    with pytest.raises(TikTokShopError) as secret:
        TikTokShopAuth(front.app_key, "wrong", base_url=front.url).exchange_code("x")
    return {
        "shop": shop["id"], "seen": seen, "product": product, "stock": stock, "scopes": tokens.granted_scopes,
        "refused": [error.value.code for error in (wrong, code, secret)],
    }  # fmt: skip
