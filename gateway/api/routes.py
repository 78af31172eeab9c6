"""List the routes of the HTTP API, for the private port."""

from functools import cache
from typing import Final

from aiohttp import web
from msgspec import Raw, Struct, json

from gateway.api.access.bearer import Gate
from gateway.api.answers import dead_answers, scale, shop_answers, sync_answers, system_answers
from gateway.api.openapi import describe_api
from gateway.api.serving import make_handler, refuse_method, refuse_path
from gateway.api.wire import call_bodies
from gateway.api.wire.calls import Act, ApiCall, ApiEndpoint
from gateway.door import Door, Role

_SHOP: Final = "/v1/shops/{shop}"


def _post(path: str, role: Role, act: Act, *, body: type[Struct], answer: object, traced: bool = False) -> ApiEndpoint:
    status = 202 if answer is sync_answers.AcceptedAnswer else 200
    return ApiEndpoint("POST", path, role, act, body=body, answer=answer, status=status, traced=traced)


def _get(path: str, act: Act, *, answer: object, query: type[Struct] = call_bodies.NoQuery) -> ApiEndpoint:
    return ApiEndpoint("GET", path, "viewer", act, answer=answer, query=query)


_ACCEPTED: Final = sync_answers.AcceptedAnswer
ENDPOINTS: Final = (
    _post(
        f"{_SHOP}/products", "producer", sync_answers.sync_products,
        body=call_bodies.ProductsBody, answer=_ACCEPTED, traced=True,
    ),
    _post(
        f"{_SHOP}/stock", "producer", sync_answers.sync_stock, body=call_bodies.StockBody, answer=_ACCEPTED, traced=True
    ),
    _post(f"{_SHOP}/sync", "producer", sync_answers.sync_shop, body=call_bodies.SyncBody, answer=_ACCEPTED),
    _get("/v1/requests/{request}", sync_answers.show_request, answer=sync_answers.RequestAnswer),
    _get("/v1/shops", shop_answers.list_shops, answer=shop_answers.ShopsAnswer, query=call_bodies.ShopsQuery),
    _get(_SHOP, shop_answers.show_shop, answer=shop_answers.ShopAnswer),
    _get(f"{_SHOP}/products/{{product}}", shop_answers.show_product, answer=shop_answers.ShownProduct),
    _get(f"{_SHOP}/skus/{{sku}}", shop_answers.show_sku, answer=shop_answers.SkuAnswer),
    _get(
        f"{_SHOP}/explain/{{sku}}", shop_answers.explain_sku,
        answer=shop_answers.ExplanationAnswer, query=call_bodies.ExplainQuery,
    ),
    _get("/v1/streams", system_answers.list_streams, answer=system_answers.StreamsAnswer),
    _get("/v1/dead", dead_answers.list_dead, answer=dead_answers.DeadAnswer, query=call_bodies.DeadQuery),
    _post(
        "/v1/dead/requeue", "operator", dead_answers.requeue_dead,
        body=call_bodies.RequeueBody, answer=dead_answers.RequeueAnswer,
    ),
    _get("/v1/workers", system_answers.list_workers, answer=system_answers.WorkersAnswer),
    _get("/v1/scale", scale.show_scale, answer=scale.ScaleAnswer),
)  # fmt: skip
"""The endpoints. This table serves them and describes them."""


async def show_document(_: ApiCall[None, call_bodies.NoQuery]) -> Raw:
    """Show this description."""
    return write_document()


@cache
def write_document() -> Raw:
    """Write the description as JSON. It takes 0.1 s, for which webhooks would wait: once, at the start."""
    return Raw(json.encode(describe_api(ALL)))


ALL: Final = (
    *ENDPOINTS,
    ApiEndpoint("GET", "/v1/openapi.json", None, show_document, answer=dict[str, object]),
)


def api_routes(door: Door) -> list[web.RouteDef]:
    """List the routes, with a problem for each path and method beside them."""
    write_document()
    gate = Gate(door.tokens)
    routes = []
    for path in dict.fromkeys(endpoint.path for endpoint in ALL):
        endpoints = [endpoint for endpoint in ALL if endpoint.path == path]
        routes += [web.route(one.method, path, make_handler(door, gate, one)) for one in endpoints]
        routes.append(web.route("*", path, refuse_method(", ".join(one.method for one in endpoints))))
    return [*routes, web.route("*", "/v1", refuse_path), web.route("*", "/v1/{rest:.*}", refuse_path)]
