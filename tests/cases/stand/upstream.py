"""A TikTok that says what it is told to say: token host, authorized shops, detail, list, inventory, warehouses.

It knows nothing of shopstream and believes every signature. Each seller and each shop has rules; the first that fits a
call answers it, and without one the catalogue does. Every call is kept with its moment.
"""

import asyncio
import gzip
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cases.stand.bodies import WAREHOUSE, Body, detail_of, inventory_of, refusal, success

PATHS = {
    "/api/v2/token/get": "token",
    "/api/v2/token/refresh": "refresh",
    "/authorization/202309/shops": "shops",
    "/product/202502/products/search": "search",
    "/product/202309/inventory/search": "inventory",
    "/logistics/202309/warehouses": "warehouses",
}
DETAIL = "/product/202309/products/"


@dataclass
class Call:
    """A call as it came; `at` is the loop's clock in seconds, `status` what was answered."""

    name: str
    query: dict[str, str]
    body: Body
    token: str
    product_id: str = ""
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def ids(self) -> list[str]:
        """The products or SKUs that a batch asks for."""
        return [str(one) for one in self.body.get("sku_ids") or self.body.get("product_ids") or []]

    @property
    def page_size(self) -> int:
        return int(self.query.get("page_size", 20))


@dataclass(frozen=True)
class Reply:
    """An answer; a `body` that is text is sent as it is. `delay` in seconds; `cut` ends the connection instead."""

    body: object = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    zipped: bool = False
    cut: bool = False


Answer = Reply | Callable[[Call], Reply]


@dataclass
class Rule:
    """An answer to the calls of a name ("any": all) that `when` is true of; over after `times` or `seconds`."""

    name: str
    answer: Answer
    when: Callable[[Call], object] = lambda _: True
    times: int | None = None
    seconds: float | None = None
    ended: bool = False
    used: int = 0
    first: float | None = None

    def fits(self, call: Call) -> bool:
        late = self.first is not None and self.seconds is not None and call.at - self.first > self.seconds
        if self.ended or late or self.used == self.times or self.name not in {call.name, "any"} or not self.when(call):
            return False
        self.used += 1
        self.first = self.first or call.at
        return True

    def end(self) -> None:
        self.ended = True


class Scripted(ABC):
    """What rules can be made for, and whose calls are kept."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.calls: list[Call] = []

    def on(
        self,
        name: str,
        answer: Answer,
        *,
        when: Callable[[Call], object] = lambda _: True,
        times: int | None = None,
        seconds: float | None = None,
    ) -> Rule:
        """Answer such calls so, behind the rules that are there."""
        self.rules.append(rule := Rule(name, answer, when, times, seconds))
        return rule

    def mend(self) -> None:
        """End all rules."""
        for rule in self.rules:
            rule.end()

    def made(self, *names: str) -> list[Call]:
        """Give the calls of these names, all without one."""
        return [call for call in self.calls if not names or call.name in names]

    def answer(self, call: Call) -> Reply:
        """Keep the call, and answer it as the first rule that fits says."""
        self.calls.append(call)
        found = next((rule.answer for rule in self.rules if rule.fits(call)), self.usual)
        reply = found(call) if callable(found) else found
        call.status = reply.status
        return reply

    @abstractmethod
    def usual(self, call: Call) -> Reply:
        """Answer as TikTok does when all is well."""


class Shop(Scripted):
    """A shop: `lines` is its list, in order; `details` what the detail says where that isn't made of the line."""

    def __init__(self, shop_id: str, seller_type: str | None) -> None:
        super().__init__()
        self.id, self.seller_type = shop_id, seller_type
        self.ciphers = [f"ROW_cipher_{shop_id}_0"]
        self.listed = True
        self.lines: dict[str, Body] = {}
        self.details: dict[str, Body] = {}
        self.totals: Callable[[int, int], int] = lambda _page, number: number
        """`total_count` by the page's number and the true one."""

    @property
    def cipher(self) -> str:
        return self.ciphers[-1]

    def add(self, *lines: Body) -> list[str]:
        """Put products into the catalogue; their ids."""
        self.lines |= {line["id"]: line for line in lines}
        return [line["id"] for line in lines]

    def renew_cipher(self) -> None:
        self.ciphers.append(f"ROW_cipher_{self.id}_{len(self.ciphers)}")

    def describe(self) -> Body:
        """Give its entry of Authorized Shops."""
        kind = {"seller_type": self.seller_type} if self.seller_type else {}
        return {"id": self.id, "name": "shop", "region": "GB", "cipher": self.cipher, "code": "GBX"} | kind

    def usual(self, call: Call) -> Reply:
        if call.query.get("shop_cipher") != self.cipher or not self.listed:
            return Reply(refusal(106011))
        return Reply(getattr(self, f"_{call.name}")(call))

    def _detail(self, call: Call) -> Body:
        line = self.lines.get(call.product_id)
        if call.product_id in self.details:
            return success(self.details[call.product_id])
        if line is None or line.get("status") in {"FREEZE", "DELETED"}:
            return refusal(12052032)
        return success(detail_of(line))

    def _search(self, call: Call) -> Body:
        wanted = [line for line in self.lines.values() if _matches(line, call.body)]
        begin, size = int(call.query.get("page_token") or 0), call.page_size
        rest = begin + size < len(wanted)
        data = {
            "total_count": self.totals(begin // size, len(wanted)) if wanted else 0,
            "products": wanted[begin : begin + size],
        }
        return success(data | {"next_page_token": str(begin + size) if rest else ""})

    def _inventory(self, call: Call) -> Body:
        if skus := call.body.get("sku_ids"):
            entries = [inventory_of(line) for line in self.lines.values()]
            found = [one | {"skus": [each for each in one["skus"] if each["id"] in skus]} for one in entries]
            return success({"inventory": [one for one in found if one["skus"]]})
        return success({"inventory": [inventory_of(self.lines[one]) for one in call.ids if one in self.lines]})

    def _warehouses(self, _: Call) -> Body:
        return success({"warehouses": [{"id": WAREHOUSE, "name": "Main", "type": "SALES_WAREHOUSE"}]})


class Seller(Scripted):
    """A seller: one consent for all of its shops. `life` gives what a pair's answer says of its end."""

    def __init__(self, name: str, shops: list[Shop]) -> None:
        super().__init__()
        self.name, self.shops = name, shops
        self.pair, self.renewed_at = 0, 0.0
        self.life: Callable[[], object] = lambda: int(time.time()) + 604_800

    @property
    def access(self) -> str:
        """The access token in force; tokens of before begin alike."""
        return f"ROW_a_{self.name}_{self.pair}"

    @property
    def code(self) -> str:
        return f"code_{self.name}"

    def usual(self, call: Call) -> Reply:
        if call.name == "shops":
            return Reply(success({"shops": [shop.describe() for shop in self.shops if shop.listed]}))
        if call.name == "refresh" and call.query["refresh_token"] != f"ROW_r_{self.name}_{self.pair}":
            return Reply(refusal(36004005))
        return Reply(self.renewed())

    def renewed(self) -> Body:
        """Make a new pair, and give the answer that hands it over."""
        self.pair, self.renewed_at = self.pair + 1, time.monotonic()
        pair = {"access_token": self.access, "refresh_token": f"ROW_r_{self.name}_{self.pair}"}
        ends = {"access_token_expire_in": self.life(), "refresh_token_expire_in": int(time.time()) + 31_536_000}
        who = {"open_id": f"open-{self.name}", "seller_name": self.name, "seller_base_region": "GB", "user_type": 0}
        return success(pair | ends | who | {"granted_scopes": ["seller.product.basic"]})


class Upstream:
    """All sellers, and the server that answers for them."""

    def __init__(self) -> None:
        self.url = ""
        self._sellers: dict[str, Seller] = {}

    def seller(self, *, shops: int = 1, seller_type: str | None = "LOCAL") -> Seller:
        """Make a seller with so many shops."""
        name = f"s{len(self._sellers)}"
        first = 7_495_000_000_000_000_000 + 1_000 * len(self._sellers)
        made = [Shop(str(first + number), seller_type) for number in range(shops)]
        return self._sellers.setdefault(name, Seller(name, made))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call as its shop's or seller's rules say, else as usual."""
        query = dict(request.query)
        body = json.loads(await request.read() or b"{}")
        call = Call(PATHS.get(request.path, "detail"), query, body, request.headers.get("x-tts-access-token", ""))
        call.product_id = request.path.removeprefix(DETAIL) if call.name == "detail" else ""
        who = self._whose(call)
        if who is None:
            return web.json_response(refusal(36009004))
        reply = who.answer(call)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.cut and request.transport:
            request.transport.close()
        content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        zipped = {"content-encoding": "gzip"} if reply.zipped else {}
        return web.Response(
            body=gzip.compress(content, 1) if reply.zipped else content, status=reply.status,
            content_type=reply.content_type, headers=reply.headers | zipped,
        )  # fmt: skip

    def _whose(self, call: Call) -> Scripted | None:
        named = call.token or call.query.get("refresh_token") or call.query.get("auth_code") or ""
        seller = next((one for one in self._sellers.values() if one.name in named.split("_")), None)
        if seller is None or call.name in {"token", "refresh", "shops"}:
            return seller
        cipher = call.query.get("shop_cipher")
        return next((shop for shop in seller.shops if cipher in shop.ciphers), None)


def _matches(line: Body, wanted: Body) -> bool:
    status, is_of = wanted.get("status") or "ALL", line.get("status")
    at, made = line.get("update_time", 0), line.get("create_time", 0)
    skus = {sku["id"] for sku in line.get("skus") or ()}
    return (
        ("sku_ids" not in wanted or bool(skus & set(wanted["sku_ids"])))
        and (is_of == status or (status == "ALL" and is_of != "DELETED"))
        and wanted.get("update_time_ge", 0) <= at <= wanted.get("update_time_le", at)
        and wanted.get("create_time_ge", 0) <= made <= wanted.get("create_time_le", made)
    )


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Run one on a free port of the loopback."""
    made = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app, access_log=None) as server:
        made.url = f"http://127.0.0.1:{server.port}"
        yield made
