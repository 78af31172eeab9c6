"""Send signed calls to TikTok Shop, in both API generations, behind one interface.

Host and paths are constants or settings, never data; ids are checked at the URL builder too. The bytes that
are sent are those that were signed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import orjson
import structlog

from shopstream.ids import check, is_id
from worker.marketplace.call_errors import CallError, CredentialsRefused, Throttled, Unreadable
from worker.marketplace.values import Access
from worker.tiktok.decoding import Decoder, refusal
from worker.tiktok.hiding import hide
from worker.tiktok.http import Answer, Session, exchange, find_retry_after, unix_time
from worker.tiktok.reading.answers import (
    AuthorizedShop,
    Done,
    Inventory,
    Page,
    Product202309,
    ProductLegacy,
    Shops,
    Warehouses,
    Webhooks,
)
from worker.tiktok.refusals import error_of
from worker.tiktok.signing import sign

Generation = Literal["202309", "legacy"]
T = TypeVar("T")

CLOCK_OFF: Final = 20
"""Seconds of difference to the answer's Date, which has whole seconds, before a warning."""
_SENTENCE: Final = 1_000
"""Bytes of an answer in which the sentence of a refusal is looked for."""
_SUCCESS: Final = b'"code":0'
_CLOCK: Final = "synchronize this machine's clock by NTP; where TikTok refuses it, calls are signed by TikTok's clock"
AUTHORIZED_SHOPS: Final = "/authorization/202309/shops"
PRODUCT: Final = "/product/202309/products/"
PRODUCT_LEGACY: Final = "/api/products/details"
SEARCH: Final = "/product/202502/products/search"
INVENTORY: Final = "/product/202309/inventory/search"
WAREHOUSES: Final = "/logistics/202309/warehouses"
WEBHOOKS: Final = "/event/202309/webhooks"
PAGE_SIZE: Final = 100
"""Products of a page, and product ids of an inventory search, at most (TikTok's limit)."""
SKUS_MAX: Final = 600
"""SKU ids of an inventory search."""
LISTED_MAX: Final = 10_000
"""Products that one search can list."""
LIST_SKUS_MAX: Final = 10
"""SKU ids by which products search can be narrowed."""
SCOPES: Final = {
    "shops": "seller.authorization.info",
    "warehouses": "seller.logistics",
    "webhooks": "seller.authorization.info",
}
"""Endpoint → its scope, unless that is `seller.product.basic`."""
SearchValue = str | int | list[str]
"""A value of a search's body."""

_quote: Final = lru_cache(1_000)(partial(quote, safe=""))
"""Most values come again: the app, the time, the ciphers."""
_shops: Final = Decoder(Shops)
_product: Final = Decoder(Product202309)
_product_legacy: Final = Decoder(ProductLegacy)
_page: Final = Decoder(Page)
_inventory: Final = Decoder(Inventory)
_warehouses: Final = Decoder(Warehouses)
_webhooks: Final = Decoder(Webhooks)
_done: Final = Decoder(Done)


@dataclass(frozen=True, slots=True)
class Listed:
    """A decoded page of products search.

    Attributes:
        page: its products and what follows.
        request_id: TikTok's.
        clock: Unix seconds on TikTok's clock when it answered; None if it didn't say.
    """

    page: Page
    request_id: str
    clock: int | None


class TikTokClient:
    """TikTok Shop for one app.

    Every call raises one of `worker.marketplace.call_errors` and nothing else; none of them carries a URL or a secret.
    """

    def __init__(
        self,
        session: Session,
        url: str,
        app_key: str,
        app_secret: str,
        *,
        generation: Generation = "202309",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._app_key = app_key
        self._app_secret = app_secret
        self._clock = clock
        self._clock_checked = False
        self.clock_off = 0.0
        """Seconds by which this machine's clock is ahead of TikTok's, if TikTok has refused it; else 0."""
        self.generation: Generation = generation

    @property
    def product_endpoint(self) -> str:
        """The name under which calls for one product are paced: TikTok's quotas differ per endpoint."""
        return "product" if self.generation == "202309" else "product_legacy"

    async def product(self, access: Access, product_id: str) -> tuple[Product202309 | ProductLegacy, str]:
        """Get one product with the stock of its SKUs, and TikTok's request_id.

        Raises:
            NotFound, NotThisShop, ProductRefused: this product's own failure.
            CallError: any other of its classes.
        """
        check("product", product_id)
        if self.generation == "202309":
            answer = await self._call("GET", PRODUCT + product_id, {"shop_cipher": access.cipher}, access.token)
            current, request_id = self._data(_product, answer)
            return _about(current, str(current.id), product_id, request_id)
        query = {
            "product_id": product_id,
            "shop_cipher": access.cipher,
            "shop_id": check("shop", access.shop),
            "version": "202306",
        }
        answer = await self._call("GET", PRODUCT_LEGACY, query, access.token)
        legacy, request_id = self._data(_product_legacy, answer)
        return _about(legacy, str(legacy.product_id), product_id, request_id)

    async def search(
        self, access: Access, query: Mapping[str, SearchValue], page_token: str = "", *, page_size: int = PAGE_SIZE
    ) -> Listed:
        """List a page of at most `page_size` products with price and stock of every SKU.

        Args:
            access: the shop's access.
            query: `status`, `update_time_ge` … as TikTok names them.
            page_token: the `next_page_token` of the page before; "" for the first page.
            page_size: PAGE_SIZE at the most.

        Raises:
            TooManyResults: more than 10,000 products match.
            PageExpired: the token is not good any more.
            TooLarge: the page is beyond what is read at once: ask for a smaller one.
            CallError: any other of its classes.
        """
        parameters = {"page_size": str(page_size), "shop_cipher": access.cipher}
        if page_token:
            parameters["page_token"] = page_token
        answer = await self._call("POST", SEARCH, parameters, access.token, orjson.dumps(query))
        page, request_id = self._data(_page, answer)
        theirs = unix_time(answer.headers.get("Date"))
        return Listed(page, request_id, None if theirs is None else int(theirs))

    async def inventory(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Inventory, str]:
        """Get available and committed stock of up to PAGE_SIZE products or SKUS_MAX SKUs, and TikTok's request_id.

        Raises:
            ProductRefused: one of the ids is refused, and with it the whole call.
            CallError: any other of its classes.
        """
        asked = {"sku_ids": list(sku_ids)} if sku_ids else {"product_ids": list(product_ids)}
        for one in (*product_ids, *sku_ids):
            check("product or SKU", one)
        answer = await self._call("POST", INVENTORY, {"shop_cipher": access.cipher}, access.token, orjson.dumps(asked))
        return self._data(_inventory, answer)

    async def authorized_shops(self, token: str) -> list[AuthorizedShop]:
        """List the shops that an access token covers, each with its cipher.

        Raises:
            Unreadable: no list came; an empty one is an answer, none isn't: whoever is not on it is parked.
        """
        answer = await self._call("GET", AUTHORIZED_SHOPS, {}, token)
        data, request_id = self._data(_shops, answer)
        if data.shops is None:
            raise Unreadable("TikTok gave no list of shops", request_id=request_id)
        if not all(is_id(str(shop.id)) for shop in data.shops):
            raise Unreadable("a shop's id is not 1 to 21 digits", request_id=request_id)
        return data.shops

    async def warehouses(self, access: Access) -> tuple[Warehouses, str]:
        """List a shop's warehouses, with TikTok's request_id.

        Raises:
            NotAllowed: the app has not the scope for it.
            CallError: any other of its classes.
        """
        return self._data(
            _warehouses, await self._call("GET", WAREHOUSES, {"shop_cipher": access.cipher}, access.token)
        )

    async def webhooks(self, access: Access) -> tuple[Webhooks, str]:
        """List a shop's webhook subscriptions, with TikTok's request_id.

        Raises:
            CallError: one of its classes.
        """
        return self._data(_webhooks, await self._call("GET", WEBHOOKS, {"shop_cipher": access.cipher}, access.token))

    async def change_webhook(self, access: Access, event: str, url: str | None) -> str:
        """Set the address of an event, or with None end its subscription. Return TikTok's request_id.

        Raises:
            CallError: one of its classes.
        """
        method = "DELETE" if url is None else "PUT"
        asked = {"event_type": event} | ({} if url is None else {"address": url})
        answer = await self._call(method, WEBHOOKS, {"shop_cipher": access.cipher}, access.token, orjson.dumps(asked))
        return self._data(_done, answer)[1]

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], token: str, body: bytes | None = None
    ) -> Answer:
        answer = await self._send(method, path, query, token, body)
        if b"timestamp" in answer.body[:_SENTENCE] and self._correct_clock(answer):
            # TikTok has refused the time before anything else, so the same call is sent by its clock.
            answer = await self._send(method, path, query, token, body)
        if answer.status != 200:
            raise self._refused(answer)
        return answer

    async def _send(self, method: str, path: str, query: Mapping[str, str], token: str, body: bytes | None) -> Answer:
        signed_at = str(int(self._clock() - self.clock_off))
        parameters = {**query, "app_key": self._app_key, "timestamp": signed_at}
        signature = sign(self._app_secret, path, parameters, body or b"")
        wire = "&".join([f"{key}={_quote(value)}" for key, value in parameters.items()])
        url = f"{self._url}{path}?{wire}&sign={signature}"
        headers = {"x-tts-access-token": token, "content-type": "application/json"}
        answer = await exchange(self._session, method, url, headers=headers, body=body)
        if not self._clock_checked:
            self._check_clock(answer)
        if answer.status != 200 or _SUCCESS not in answer.body[:_SENTENCE]:
            secrets = (self._app_secret, token, query.get("shop_cipher", ""), signature)
            answer = replace(answer, body=hide(answer.body, *secrets))
        return answer

    def _check_clock(self, answer: Answer) -> None:
        """Warn once if TikTok's clock and ours differ: a call is accepted from 5 minutes before to 30 s after."""
        self._clock_checked = True
        if abs(off := self._measure_clock(answer)) > CLOCK_OFF:
            structlog.get_logger("worker.tiktok").warning("clock_off_from_api", seconds=round(off), advice=_CLOCK)

    def _correct_clock(self, answer: Answer) -> bool:
        """Sign by TikTok's clock from now on, if it has refused ours. Return whether that changes anything."""
        refused = refusal(answer.body)
        if not isinstance(refused, CredentialsRefused) or "timestamp" not in refused.message:
            return False
        off = self._measure_clock(answer)
        before, self.clock_off = self.clock_off, off if abs(off) > CLOCK_OFF else 0.0
        return abs(self.clock_off - before) > CLOCK_OFF

    def _measure_clock(self, answer: Answer) -> float:
        """Give the seconds by which this machine's clock is ahead of TikTok's; 0 if the answer names no time."""
        theirs = unix_time(answer.headers.get("Date"))
        return 0.0 if theirs is None else self._clock() - theirs

    def _refused(self, answer: Answer) -> CallError:
        """Give the error for an HTTP status other than 200, by the envelope if there is one."""
        return error_of(answer.status, refusal(answer.body), self._retry_after(answer))

    def _retry_after(self, answer: Answer) -> float | None:
        return find_retry_after(answer, self._clock())

    def _data(self, decode: Decoder[T], answer: Answer) -> tuple[T, str]:
        """Give an answer's data and request_id. A throttle with HTTP 200 has a Retry-After header too."""
        try:
            return decode(answer.body)
        except Throttled as error:
            error.retry_after = self._retry_after(answer)
            raise


def _about(product: T, answered: str, asked: str, request_id: str) -> tuple[T, str]:
    if answered != asked:
        raise Unreadable("the answer is about another product", request_id=request_id)
    return product, request_id
