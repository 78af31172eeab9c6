"""Uses of the `tiktok-shop-api` SDK: its import takes five seconds of a core, so only who runs it imports it."""

import json
from typing import Any

import attrs
import pytest
from tiktok_shop_api import TikTokShop, TikTokShopAuth, TikTokShopError, Webhooks
from tiktok_shop_api.generated.models.delete_webhook_for_an_event_request import DeleteWebhookForAnEventRequest
from tiktok_shop_api.generated.models.inventory_search_request import InventorySearchRequest
from tiktok_shop_api.generated.models.search_products_request import SearchProductsRequest
from tiktok_shop_api.generated.models.update_shop_webhook_request import UpdateShopWebhookRequest

from tests.processes import Sandbox


def read_data(answer: Any) -> Any:
    """The `data` of an answer, which the SDK types as optional."""
    return answer.to_dict()["data"]


def subscribe(client: TikTokShop) -> list[list[dict[str, Any]]]:
    """The subscriptions after one is set, moved and removed."""
    event, seen = "PRODUCT_CREATION", []
    for address in ("https://erp.example/a", "https://erp.example/b"):
        wanted = UpdateShopWebhookRequest.from_dict({"event_type": event, "address": address})
        client.event.update_shop_webhook(body=wanted)
        seen.append(read_data(client.event.get_shop_webhooks())["webhooks"])
    client.event.delete_webhook_for_an_event(body=DeleteWebhookForAnEventRequest.from_dict({"event_type": event}))
    return [*seen, read_data(client.event.get_shop_webhooks())["webhooks"]]


def heard(app_key: str, app_secret: str, deliveries: list[tuple[bytes, str]]) -> list[tuple[int, str]]:
    """The types and models that the SDK reads from verified deliveries: pairs of body and signature.

    Fields that TikTok's description doesn't have are errors.
    """
    found = []
    for raw, signature in deliveries:
        read = Webhooks.verify_and_parse(app_key=app_key, app_secret=app_secret, raw_body=raw, signature=signature)
        found.append((json.loads(raw)["type"], type(read).__name__))
        assert unknown(read) == [], raw
    return found


def unknown(model: Any) -> list[str]:
    """The fields of a model, and of those that it holds, that the description doesn't have."""
    if isinstance(model, list):
        return [name for one in model for name in unknown(one)]
    if not attrs.has(type(model)):
        return []
    values = [getattr(model, one.name) for one in attrs.fields(type(model)) if one.name != "additional_properties"]
    return [*model.additional_properties, *unknown(values)]


def use(front: Sandbox) -> dict[str, Any]:
    auth = TikTokShopAuth(front.app_key, front.app_secret, base_url=front.url)
    tokens = auth.refresh(auth.exchange_code(front.auth_codes[0]).refresh_token)
    with TikTokShop(front.app_key, front.app_secret, tokens.access_token, base_url=front.url) as client:
        (shop,) = read_data(client.authorization.get_authorized_shops())["shops"]
    with TikTokShop(front.app_key, front.app_secret, tokens.access_token, shop["cipher"], base_url=front.url) as client:
        everything = SearchProductsRequest.from_dict({"status": "ALL"})
        seen: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = read_data(client.products.search_products(body=everything, page_size=30, **more))
            seen += [product["id"] for product in page["products"]]
            if not page["next_page_token"]:
                break
            more = {"page_token": page["next_page_token"]}
        product = read_data(client.products.get_product(seen[0]))
        wanted = InventorySearchRequest.from_dict({"product_ids": seen[:100]})
        stock = read_data(client.products.inventory_search(body=wanted))["inventory"]
        hooks = subscribe(client)
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
        "hooks": hooks, "refused": [error.value.code for error in (wrong, code, secret)],
    }  # fmt: skip
