"""Put the page of a shop together."""

from dataclasses import dataclass
from typing import Final

from gateway.dashboard.facts.endpoint_charts import EndpointChart, draw_endpoint
from gateway.dashboard.facts.shop_moments import find_since_ms
from gateway.dashboard.facts.shop_numbers import list_numbers
from gateway.dashboard.facts.sku_story import StoryStep, ask_why, describe_look, list_steps
from gateway.dashboard.facts.walk_rows import describe_next, read_rows
from gateway.dashboard.shell.live_pages import LivePage
from gateway.dashboard.shell.templating import Facts
from gateway.dashboard.shell.visits import Visit
from gateway.dashboard.shop.app_rows import list_app_rows
from gateway.dashboard.shop.setting_rows import list_settings
from gateway.dashboard.shop.shop_readings import ShopReadings, read_shop_keys
from shopstream.errors import UnknownProduct, UnknownShop, UnknownSku
from shopstream.glance.delays import describe_delay, find_cut, find_pace
from shopstream.glance.overview import ShopOverview
from shopstream.glance.phrases import write_when
from shopstream.glance.rings import CALLS
from shopstream.ids import InvalidArgument, check

_CHANGES: Final = 20
"""Changes of a SKU that are read, so that the number that a group shows is among them."""


@dataclass(frozen=True, slots=True)
class SkuAnswered:
    """The answer to a question about a SKU, or about a product.

    Attributes:
        asked: the id that was asked for.
        question: the question that is answered.
        steps: the way of its newest change.
        look: the last look at it in words.
        product: the id of its product.
        skus: the SKUs of the product, if the id is that of a product.
        problem: the reason for which there is no answer; "" with one.
    """

    asked: str
    question: str = ""
    steps: tuple[StoryStep, ...] = ()
    look: str = ""
    product: str = ""
    skus: tuple[str, ...] = ()
    problem: str = ""


async def find_shop(visit: Visit) -> ShopOverview:
    """Find the shop of the URL.

    Raises:
        InvalidArgument: its id is none.
        UnknownShop: nobody has authorized it.
    """
    name = check("shop", visit.request.match_info["shop"])
    shop = (await visit.shell.reader.overview()).find(name)
    if shop is None:
        raise UnknownShop(name)
    return shop


async def _read_shop(visit: Visit) -> Facts:
    shop = await find_shop(visit)
    readings = await read_shop_keys(visit.door, shop.glance)
    product = find_pace(shop.glance, "product")
    cut = find_cut(readings.history["product"], CALLS.seconds) if product else None
    since = find_since_ms(shop)
    sku = visit.request.query.get("sku", "").strip()
    facts: dict[str, object] = {
        "shop": shop,
        "glance": shop.glance,
        "since": write_when(since, readings.now_ms) if since else "",
        "why": describe_delay(shop, readings.now_ms, cut),
        "numbers": list_numbers(shop, readings.token_end, readings.now_ms),
        "charts": _draw(shop, readings),
        "apps": list_app_rows(shop.glance, readings.rates),
        "walks": read_rows(readings.walks, readings.now_ms),
        "next_walks": describe_next(shop.glance, readings.now_ms),
        "failures": [(one, write_when(one.since_ms, readings.now_ms)) for one in shop.glance.failures],
        "settings": list_settings(readings.settings),
        "low_skus": len(readings.settings.low_skus),
        "paused": readings.settings.paused,
        "answered": await _answer(visit, shop.glance.shop_id, sku) if sku else None,
    }
    # An answer searches the streams: it is given once, not every two seconds.
    return facts | ({"live": False} if sku else {})


def _draw(shop: ShopOverview, readings: ShopReadings) -> list[EndpointChart]:
    return [draw_endpoint(pace, readings.history[pace.endpoint], readings.now_ms) for pace in shop.glance.paces]


async def _answer(visit: Visit, shop: str, asked: str) -> SkuAnswered:
    """Answer a question about a SKU or a product of the shop."""
    client = visit.door.client
    try:
        check("SKU", asked)
        found = await client.explain(shop, asked, changes=_CHANGES)
    except InvalidArgument as error:
        return SkuAnswered(asked[:40], problem=str(error))
    except UnknownSku as unknown:
        return await _answer_product(visit, shop, asked, str(unknown))
    return SkuAnswered(
        asked, question=ask_why(found), steps=tuple(list_steps(found)), look=describe_look(found),
        product=found.product_id,
    )  # fmt: skip


async def _answer_product(visit: Visit, shop: str, asked: str, problem: str) -> SkuAnswered:
    try:
        found = await visit.door.client.explain_product(shop, asked, changes=1)
    except UnknownProduct:
        return SkuAnswered(asked, problem=problem)
    skus = tuple(one.sku_id for one in found.state.stock if not one.removed) if found.state else ()
    return SkuAnswered(asked, product=asked, skus=skus)


SHOP: Final = LivePage(
    path="/shops/{shop}",
    template="shop/shop.html",
    section="shops",
    read=_read_shop,
    fragments=("head", "paces", "walks"),
)
