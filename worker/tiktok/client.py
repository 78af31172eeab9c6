"""Signed calls to TikTok Shop, in both API generations, behind one interface.

Host and paths are constants or settings, never data; ids are checked at the URL builder too. What was signed is what
is sent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

import orjson
import structlog
from yarl import URL

from shopstream.ids import checked, valid
from worker.tiktok.answers import Decoder, Inventory, Page, Product202309, ProductLegacy, Shop, Shops, refusal
from worker.tiktok.errors import HourlyCap, Reauthorize, Throttled, TikTokError, Transient, Unreadable
from worker.tiktok.http import Answer, Session, exchange, retry_after, unix_time
from worker.tiktok.signing import sign

Generation = Literal["202309", "legacy"]

CLOCK_OFF: Final = 20
"""Seconds. Against the answer's Date, which has whole seconds and has travelled."""
AUTHORIZED_SHOPS: Final = "/authorization/202309/shops"
PRODUCT: Final = "/product/202309/products/"
PRODUCT_LEGACY: Final = "/api/products/details"
SEARCH: Final = "/product/202502/products/search"
INVENTORY: Final = "/product/202309/inventory/search"
PAGE_SIZE: Final = 100
"""Products of a page, and product ids of an inventory search: TikTok's most."""
SKUS_MAX: Final = 600
"""SKU ids of an inventory search."""

_shops: Final = Decoder(Shops)
_product: Final = Decoder(Product202309)
_product_legacy: Final = Decoder(ProductLegacy)
_page: Final = Decoder(Page)
_inventory: Final = Decoder(Inventory)


@dataclass(frozen=True, slots=True)
class Access:
    """What a call for one shop needs besides the app: neither is shown by repr."""

    shop: str
    cipher: str = field(repr=False)
    token: str = field(repr=False)


class TikTokClient:
    """TikTok Shop for one app.

    Every call raises one of `worker.tiktok.errors` and nothing else; none of them carries a URL or a secret.
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
        self.generation: Generation = generation

    @property
    def product_endpoint(self) -> str:
        """The name under which calls for one product are paced: TikTok's quotas differ per endpoint."""
        return "product" if self.generation == "202309" else "product_legacy"

    async def product(self, access: Access, product_id: str) -> tuple[Product202309 | ProductLegacy, str]:
        """One product with the stock of its SKUs, and TikTok's request_id.

        Raises:
            NotFound, NotThisShop, ProductRefused: this product's own failure.
            TikTokError: any other of its classes.
        """
        checked("product", product_id)
        detail: Product202309 | ProductLegacy
        if self.generation == "202309":
            answer = await self._get(PRODUCT + product_id, {"shop_cipher": access.cipher}, access.token)
            detail, request_id = _product(answer.body)
            told = detail.id
        else:
            query = {
                "product_id": product_id,
                "shop_cipher": access.cipher,
                "shop_id": checked("shop", access.shop),
                "version": "202306",
            }
            answer = await self._get(PRODUCT_LEGACY, query, access.token)
            detail, request_id = _product_legacy(answer.body)
            told = detail.product_id
        if str(told) != product_id:
            raise Unreadable("the answer is about another product", request_id=request_id)
        return detail, request_id

    async def search(self, access: Access, query: Mapping[str, str | int], page_token: str = "") -> tuple[Page, str]:
        """A page of at most PAGE_SIZE products with price and stock of every SKU, and TikTok's request_id.

        Args:
            access: of the shop.
            query: `status`, `update_time_ge` … as TikTok names them.
            page_token: of the page before; "" for the first.

        Raises:
            TooManyResults: more than 10,000 products match.
            PageExpired: the token is not good any more.
            TikTokError: any other of its classes.
        """
        parameters = {"page_size": str(PAGE_SIZE), "shop_cipher": access.cipher}
        if page_token:
            parameters["page_token"] = page_token
        answer = await self._call("POST", SEARCH, parameters, access.token, orjson.dumps(query))
        return _page(answer.body)

    async def inventory(
        self, access: Access, *, product_ids: Sequence[str] = (), sku_ids: Sequence[str] = ()
    ) -> tuple[Inventory, str]:
        """Available and committed stock of up to PAGE_SIZE products or SKUS_MAX SKUs, and TikTok's request_id.

        Raises:
            ProductRefused: one of the ids is refused, and with it the whole call.
            TikTokError: any other of its classes.
        """
        asked = {"sku_ids": list(sku_ids)} if sku_ids else {"product_ids": list(product_ids)}
        for one in (*product_ids, *sku_ids):
            checked("product or SKU", one)
        answer = await self._call("POST", INVENTORY, {"shop_cipher": access.cipher}, access.token, orjson.dumps(asked))
        return _inventory(answer.body)

    async def authorized_shops(self, token: str) -> list[Shop]:
        """The shops that an access token covers, each with its cipher."""
        answer = await self._get(AUTHORIZED_SHOPS, {}, token)
        data, request_id = _shops(answer.body)
        if not all(valid(str(shop.id)) for shop in data.shops):
            raise Unreadable("a shop's id is not 1 to 21 digits", request_id=request_id)
        return data.shops

    async def _get(self, path: str, query: Mapping[str, str], token: str) -> Answer:
        return await self._call("GET", path, query, token)

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], token: str, body: bytes | None = None
    ) -> Answer:
        parameters = {**query, "app_key": self._app_key, "timestamp": str(int(self._clock()))}
        signature = sign(self._app_secret, path, parameters, body or b"")
        wire = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())
        url = URL(f"{self._url}{path}?{wire}&sign={signature}", encoded=True)
        headers = {"x-tts-access-token": token, "content-type": "application/json"}
        answer = await exchange(self._session, method, url, headers=headers, body=body)
        if not self._clock_checked:
            self._check_clock(answer)
        if answer.status != 200:
            raise self._refused(answer)
        return answer

    def _check_clock(self, answer: Answer) -> None:
        """Warn once if TikTok's clock and ours differ: a call is accepted from 5 minutes before to 30 s after."""
        self._clock_checked = True
        theirs = unix_time(answer.headers.get("Date"))
        off = self._clock() - theirs if theirs is not None else 0.0
        if abs(off) > CLOCK_OFF:
            structlog.get_logger("worker.tiktok").warning("clock_off_from_api", seconds=round(off))

    def _refused(self, answer: Answer) -> TikTokError:
        """The error for an HTTP status other than 200; the envelope, where there is one, knows more."""
        wait = retry_after(answer.headers.get("Retry-After"), self._clock())
        told = refusal(answer.body)
        if answer.status == 429:
            kind = HourlyCap if told and told.code == 36009037 else Throttled
            code, request_id = (told.code, told.request_id) if told else (0, "")
            return kind("HTTP 429", code=code, request_id=request_id, retry_after=wait)
        if answer.status >= 500:
            return Transient(f"HTTP {answer.status}", code=told.code if told else 0)
        if told:
            return told
        if answer.status == 401:
            return Reauthorize("HTTP 401 without an envelope")
        return Transient(f"HTTP {answer.status} without an envelope")
