"""List the routes of the HTTP API, for the private port."""

from typing import Final

from aiohttp import web

from gateway.api.access.bearer import Gate
from gateway.api.answers import dead_answers, scale, shop_answers, sync_answers, system_answers
from gateway.api.openapi import Document, describe_api
from gateway.api.serving import make_handler, refuse_method, refuse_path
from gateway.api.wire import bodies
from gateway.api.wire.calls import ApiCall, ApiEndpoint
from gateway.door import Door

_SHOP: Final = "/v1/shops/{shop}"
ENDPOINTS: Final = (
    ApiEndpoint(
        "POST", f"{_SHOP}/products", "producer", "Have products fetched and their changes published.",
        sync_answers.sync_products, sync_answers.AcceptedAnswer, bodies.ProductsBody, status=202, traced=True,
    ),
    ApiEndpoint(
        "POST", f"{_SHOP}/stock", "producer", "Have stock fetched by batch and its changes published.",
        sync_answers.sync_stock, sync_answers.AcceptedAnswer, bodies.StockBody, status=202, traced=True,
    ),
    ApiEndpoint(
        "POST", f"{_SHOP}/sync", "producer", "Have a whole shop synced.",
        sync_answers.sync_shop, sync_answers.AcceptedAnswer, bodies.SyncBody, status=202,
    ),
    ApiEndpoint(
        "GET", "/v1/requests/{request}", "viewer", "Show the progress of a request.",
        sync_answers.show_request, sync_answers.RequestAnswer,
    ),
    ApiEndpoint(
        "GET", "/v1/shops", "viewer", "List the authorized shops by page.",
        shop_answers.list_shops, shop_answers.ShopsAnswer, query=bodies.ShopsQuery,
    ),
    ApiEndpoint(
        "GET", _SHOP, "viewer", "Show a shop with freshness, settings and troubles.",
        shop_answers.show_shop, shop_answers.ShopAnswer,
    ),
    ApiEndpoint(
        "GET", f"{_SHOP}/products/{{product}}", "viewer", "Show a product as last published.",
        shop_answers.show_product, shop_answers.ShownProduct,
    ),
    ApiEndpoint(
        "GET", f"{_SHOP}/skus/{{sku}}", "viewer", "Show the stock of a SKU as last published.",
        shop_answers.show_sku, shop_answers.SkuAnswer,
    ),
    ApiEndpoint(
        "GET", f"{_SHOP}/explain/{{sku}}", "viewer", "Explain the stock of a SKU.",
        shop_answers.explain_sku, shop_answers.ExplanationAnswer, query=bodies.ExplainQuery,
    ),
    ApiEndpoint(
        "GET", "/v1/streams", "viewer", "List the streams with their consumer groups.",
        system_answers.list_streams, system_answers.StreamsAnswer,
    ),
    ApiEndpoint(
        "GET", "/v1/dead", "viewer", "List the dead letters by page.",
        dead_answers.list_dead, dead_answers.DeadAnswer, query=bodies.DeadQuery,
    ),
    ApiEndpoint(
        "POST", "/v1/dead/requeue", "operator", "Requeue dead letters.",
        dead_answers.requeue_dead, dead_answers.RequeueAnswer, bodies.RequeueBody,
    ),
    ApiEndpoint(
        "GET", "/v1/workers", "viewer", "List the living workers.",
        system_answers.list_workers, system_answers.WorkersAnswer,
    ),
    ApiEndpoint(
        "GET", "/v1/scale", "viewer", "Tell an autoscaler how many workers would help.",
        scale.show_scale, scale.ScaleAnswer,
    ),
)  # fmt: skip
"""The endpoints. This table serves them and describes them."""


async def show_document(_: ApiCall[None, bodies.NoQuery]) -> Document:
    """Show the OpenAPI document of the API."""
    return describe_api(ALL)


ALL: Final = (
    *ENDPOINTS,
    ApiEndpoint("GET", "/v1/openapi.json", None, "Show this document.", show_document, dict[str, object]),
)


def api_routes(door: Door) -> list[web.RouteDef]:
    """List the routes, with a problem for each path and method beside them."""
    gate = Gate(door.tokens)
    routes = []
    for path in dict.fromkeys(endpoint.path for endpoint in ALL):
        endpoints = [endpoint for endpoint in ALL if endpoint.path == path]
        routes += [web.route(one.method, path, make_handler(door, gate, one)) for one in endpoints]
        routes.append(web.route("*", path, refuse_method(", ".join(one.method for one in endpoints))))
    return [*routes, web.route("*", "/v1", refuse_path), web.route("*", "/v1/{rest:.*}", refuse_path)]
