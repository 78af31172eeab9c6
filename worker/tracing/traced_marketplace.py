"""Record `call`: each call to the marketplace for ids that brought a sampled context. Other calls pass as they are."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.trace import Link, SpanContext, SpanKind

from shopstream.enqueue.subscribing import Subscription
from shopstream.payloads.shops import Warehouse
from shopstream.redis.keys import AGAIN, SKU
from shopstream.spans.recorded_spans import fail_span
from shopstream.spans.trace_contexts import drop_repeats, make_links, make_parent
from worker.instrumentation.instrument import OK
from worker.marketplace.call_errors import CallError
from worker.marketplace.product_answers import ProductAnswer, ProductPage, StockAnswer
from worker.marketplace.protocol import Marketplace
from worker.marketplace.values import Abilities, Access, Grant, ListedShop, ListFilter
from worker.tracing.drain_span import CURRENT, DrainSpan, find_tracer


class TracedMarketplace(Marketplace):
    """A marketplace whose calls about ids are recorded."""

    def __init__(self, marketplace: Marketplace) -> None:
        self._marketplace = marketplace
        self._tracer = find_tracer()

    @property
    def clock_off(self) -> float:
        """Give the seconds by which this machine's clock is ahead, as the marketplace inside."""
        return self._marketplace.clock_off

    @property
    def abilities(self) -> Abilities:
        """Give the marketplace's."""
        return self._marketplace.abilities

    async def read_product(self, access: Access, product_id: str) -> tuple[ProductAnswer, str]:
        """Read one product."""
        drain = CURRENT.get()
        context = drain.contexts.get(product_id.encode()) if drain else None
        if drain is None or context is None:
            return await self._marketplace.read_product(access, product_id)
        with self._call(drain, self.abilities.product_endpoint, [context]):
            return await self._marketplace.read_product(access, product_id)

    async def read_stock(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Sequence[StockAnswer], str]:
        """Read stock of products or SKUs."""
        drain = CURRENT.get()
        contexts = _find_contexts(drain, product_ids, sku_ids) if drain and drain.contexts else []
        if drain is None or not contexts:
            return await self._marketplace.read_stock(access, product_ids=product_ids, sku_ids=sku_ids)
        with self._call(drain, "inventory_search", contexts):
            return await self._marketplace.read_stock(access, product_ids=product_ids, sku_ids=sku_ids)

    @contextmanager
    def _call(self, drain: DrainSpan, endpoint: str, contexts: Sequence[SpanContext]) -> Iterator[None]:
        """Record a call: in the trace of its one asker, or in its drain's if it is for several."""
        links = [Link(drain.span.get_span_context())]
        parent = make_parent(contexts[0])
        if len(contexts) > 1:
            parent, links = drain.within, make_links(contexts)
        attributes = {"shopstream.shop_id": drain.shop, "shopstream.endpoint": endpoint}
        span = self._tracer.start_span(f"call {endpoint}", parent, SpanKind.CLIENT, attributes, links)
        try:
            yield
        except CallError as error:
            fail_span(span, error.error_class)
            raise
        else:
            span.set_attribute("shopstream.result", OK)
        finally:
            span.end()

    async def authorize(self, code: str) -> Grant:
        """Pass on."""
        return await self._marketplace.authorize(code)

    async def refresh(self, refresh_token: str) -> Grant:
        """Pass on."""
        return await self._marketplace.refresh(refresh_token)

    async def list_shops(self, token: str) -> Sequence[ListedShop]:
        """Pass on."""
        return await self._marketplace.list_shops(token)

    async def list_products(
        self, access: Access, wanted: ListFilter, page_token: str = "", *, page_size: int
    ) -> ProductPage:
        """Pass on."""
        return await self._marketplace.list_products(access, wanted, page_token, page_size=page_size)

    async def list_warehouses(self, access: Access) -> tuple[list[Warehouse] | None, str]:
        """Pass on."""
        return await self._marketplace.list_warehouses(access)

    async def list_subscriptions(self, access: Access) -> tuple[list[Subscription], str]:
        """Pass on."""
        return await self._marketplace.list_subscriptions(access)

    async def subscribe(self, access: Access, event: str, url: str) -> str:
        """Pass on."""
        return await self._marketplace.subscribe(access, event, url)

    async def unsubscribe(self, access: Access, event: str) -> str:
        """Pass on."""
        return await self._marketplace.unsubscribe(access, event)


def _find_contexts(drain: DrainSpan, product_ids: Iterable[str], sku_ids: Iterable[str]) -> list[SpanContext]:
    """Find the contexts of the ids of a batch, each once. They stand in the claim with their prefixes."""
    names = [f"{prefix}{one}" for one in product_ids for prefix in ("", AGAIN)] + [SKU + one for one in sku_ids]
    found = (drain.contexts.get(name.encode()) for name in names)
    return drop_repeats(context for context in found if context)
