"""TikTok's side: the token host, and the way of every signed call through its checks to its answer."""

import asyncio
import random
import time
import zlib
from email.utils import formatdate
from typing import Final

import orjson
from aiohttp import web

from shopstream_sandbox.api import answers, endpoints, envelope, events, signature
from shopstream_sandbox.api.endpoints import Endpoint
from shopstream_sandbox.catalogue.products import SEED_SAMPLE
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.consent.tokens import Pair
from shopstream_sandbox.refusal.refusals import Refusal, said
from shopstream_sandbox.world import World

WORLD: Final = web.AppKey("world", World)
_UNCOVERED: Final = {"106011": "cipher", "101000": "token_of_another", "105005": "scope"}
_GZIP: Final = 31  # zlib's window bits for a gzip wrapper


async def token(request: web.Request) -> web.Response:
    """`GET /api/v2/token/get` and `…/refresh`: unsigned, secrets in the query, as TikTok has it."""
    world = request.app[WORLD]
    kind = request.match_info["kind"]
    world.stats.tokens[kind] += 1
    if world.token_delay:
        await asyncio.sleep(world.token_delay)
    if kind not in endpoints.TOKEN_NAMES:
        return envelope.refused(said("path"))
    issue = world.tokens.get if kind == "get" else world.tokens.refresh
    try:
        world.plants.check("", endpoints.TOKEN_NAMES[kind], set)
        return envelope.response(envelope.success(orjson.dumps(issue(request.query))))
    except Refusal as refusal:
        return envelope.refused(refusal)


async def call(request: web.Request) -> web.StreamResponse:
    """Every signed call."""
    world = request.app[WORLD]
    now = time.monotonic()
    body = await request.read()
    caller = _Caller(world, request, body)
    fault = None
    try:
        caller.check(now)
        if world.switches.latency_ms or world.switches.jitter_ms:
            await _linger(world)
        fault = world.faults.choose(caller.name, caller.product_id())
        answer = caller.answer(fault)
        kind = "ok"
    except Refusal as refusal:
        answer = envelope.refused(refusal)
        kind = "429" if refusal.status == 429 else "html" if refusal.html else str(refusal.code)
    if world.offset:
        answer.headers["Date"] = formatdate(world.now(), usegmt=True)
    if fault:
        kind = "429" if fault.startswith("http_429") else f"fault:{fault}"
    world.stats.answered(caller.shop_id, caller.name, kind)
    world.stats.by_counted[caller.counted][kind] += 1
    if world.record.on:
        world.record.note(caller.shop_id, caller.counted, now, kind)
    if fault:
        return await world.faults.answer(fault, request, answer)
    if world.switches.compress and "gzip" in request.headers.get("Accept-Encoding", ""):
        return await _compressed(answer)
    return answer


async def _compressed(answer: web.Response) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else b""
    # The fastest level: megabytes would take the loop's time at the others, and here they take a thread's.
    squeezed = await asyncio.to_thread(zlib.compress, body, 1, _GZIP)
    headers = answer.headers.copy()
    headers.pop("Content-Length", None)
    headers["Content-Encoding"] = "gzip"
    return web.Response(body=squeezed, status=answer.status, headers=headers)


async def _linger(world: World) -> None:
    switches = world.switches
    jitter = random.uniform(0, switches.jitter_ms)  # noqa: S311 - not secret
    await asyncio.sleep((switches.latency_ms + jitter) / 1000)


class _Caller:
    """One call: what has been learnt of it so far."""

    def __init__(self, world: World, request: web.Request, body: bytes) -> None:
        self._world = world
        self._request = request
        self._query = request.query
        self._body = body
        self._endpoint: Endpoint | None = None
        self._shops: list[Shop] = []
        self._shop: Shop | None = None
        self._app = ""

    @property
    def counted(self) -> str:
        """The endpoint's name where calls are counted by app too: with the app's key behind it, but for the first."""
        return f"{self.name} {self._app}" if self._app else self.name

    @property
    def name(self) -> str:
        """The endpoint's name, or the path if there is none."""
        return self._endpoint.name if self._endpoint else self._request.path[:80]

    @property
    def shop_id(self) -> str:
        """The shop's id once it is known."""
        return self._shop.id if self._shop else ""

    def product_id(self) -> str:
        """The product that is asked for, if it is one."""
        if self._endpoint is endpoints.PRODUCT:
            return self._request.path.rpartition("/")[2]
        return self._query.get("product_id", "")

    def check(self, now: float) -> None:
        """Everything that is refused before the parameters are looked at, in TikTok's order as far as it is known."""
        world, request = self._world, self._request
        world.quotas.platform.admit(now)
        self._endpoint = endpoint = endpoints.routed(request.path, world.switches.version_code)
        if endpoint is endpoints.LEGACY and self._query.get("version") != "202306":
            raise endpoints.wrong_version(world.switches.version_code)
        if not endpoint.allows(request.method):
            raise said("method")
        app = world.tokens.app_of(self._query.get("app_key"))
        self._app = app.place
        multipart = request.content_type.startswith("multipart/form-data")
        signed = b"" if multipart else self._body
        signature.check(app.secret, request.rel_url.raw_path, self._query, signed, world.now())
        pair = world.tokens.pair_of(self._access_token(endpoint), endpoint.scope, app)
        self._shops = pair.shops
        self._shop = None if endpoint is endpoints.SHOPS else self._asked(pair)
        if endpoint is endpoints.SHOPS and "shop_cipher" in self._query:
            raise said("cipher_unneeded")
        world.stats.arrived(self.shop_id, self.counted, now)
        world.stats.in_cooldown += world.quotas.of(self.shop_id, endpoint.name, app.place).cooling(now)
        world.quotas.admit(self.shop_id, endpoint.name, now, app.place)
        world.plants.check(self.shop_id, endpoint.name, self._asked_ids)

    def _asked_ids(self) -> set[str]:
        return answers.asked_ids(self._body) if self._body else {self.product_id()}

    def _access_token(self, endpoint: Endpoint) -> str | None:
        header = self._request.headers.get("x-tts-access-token")
        return header or (self._query.get("access_token") if endpoint is endpoints.LEGACY else None)

    def _asked(self, pair: Pair) -> Shop:
        """The shop that the call is for."""
        cipher = self._query.get("shop_cipher")
        if cipher is None:
            raise said("cipher_missing")
        shop = self._world.by_cipher.get(cipher)
        if shop is None:
            raise said("cipher")
        if shop not in pair.shops:
            raise said(_UNCOVERED[self._world.switches.uncovered])
        if self._endpoint is endpoints.LEGACY and self._query.get("shop_id") != shop.id:
            raise said("shop_id")
        return shop

    def answer(self, fault: str | None) -> web.Response:
        """The right answer, or with two of the faults a right one to another question."""
        world, shop, query = self._world, self._shop, self._query
        if shop is None:
            return _good(answers.shops(self._shops))
        if self._endpoint is endpoints.SEARCH:
            return _good(answers.search(world, shop, query.get("page_size"), query.get("page_token"), self._body))
        if self._endpoint is endpoints.INVENTORY:
            return _good(answers.inventory(world, shop, self._body))
        if self._endpoint in {endpoints.WAREHOUSES, endpoints.WEBHOOKS}:
            return _good(self._of_the_shop(shop))
        product_id = _another(shop, self.product_id()) if fault == "other_product" else self.product_id()
        if (self._endpoint is endpoints.PRODUCT) != (fault == "other_generation"):
            return _good(answers.product(world, shop, product_id))
        data, is_sample = answers.product_legacy(world, shop, product_id)
        return envelope.response(SEED_SAMPLE) if is_sample else _good(data)

    def _of_the_shop(self, shop: Shop) -> bytes:
        """Give `data` of the calls that aren't about products."""
        if self._endpoint is endpoints.WAREHOUSES:
            return answers.warehouses(shop)
        return events.subscriptions(self._world, shop, self._query["app_key"], self._request.method, self._body)


def _good(data: bytes | None) -> web.Response:
    return envelope.response(envelope.success(data))


def _another(shop: Shop, product_id: str) -> str:
    """Another product of the shop, and not a frozen one, for which there would be no answer."""
    answered = (product for one in shop.ids() if one != product_id and (product := shop.get(one)))
    return next((product.id for product in answered if product.status != "FREEZE"), product_id)
