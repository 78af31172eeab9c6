"""A client of its own for the sandbox's tests: neither the worker's code nor the sandbox's."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from tests.sandbox.process import Sandbox

SHOPS = "/authorization/202309/shops"
PRODUCT = "/product/202309/products/"
SEARCH = "/product/202502/products/search"
INVENTORY = "/product/202309/inventory/search"
LEGACY = "/api/products/details"
SEED_ID = "1731029337055922770"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int:
        return int(self.envelope["code"])

    @property
    def envelope(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.code == 0, self.body[:300]
        return self.envelope["data"]

    @property
    def short(self) -> tuple[int, int]:
        return self.status, self.code


@dataclass(frozen=True)
class Caller:
    """Signs for one token and shop; `**query` adds parameters, None removes one."""

    box: Sandbox
    token: str = field(repr=False)
    place: int = 0

    @property
    def shop(self) -> str:
        return self.box.shops[self.place]["shop_id"]

    def at(self, place: int) -> "Caller":
        """The same token, for another shop."""
        return replace(self, place=place)

    async def call(self, path: str, body: Any = None, *, method: str = "", **query: str | None) -> Answer:
        shop = self.box.shops[self.place]
        asked = {"app_key": self.box.app_key, "timestamp": str(int(time.time())), "shop_cipher": shop["cipher"]}
        if path == LEGACY:
            asked |= {"version": "202306", "shop_id": shop["shop_id"]}
        if path == SHOPS:
            del asked["shop_cipher"]
        sent = {key: value for key, value in (asked | query).items() if value is not None}
        payload = b"" if body is None else json.dumps(body).encode()
        secret = self.box.app_secret.encode()
        text = path + "".join(key + sent[key] for key in sorted(sent) if key not in ("sign", "access_token"))
        sent.setdefault("sign", hmac.new(secret, secret + text.encode() + payload + secret, hashlib.sha256).hexdigest())
        async with self.box.http.request(
            method or ("GET" if body is None else "POST"),
            self.box.url + path,
            params=sent,
            data=payload or None,
            headers={"x-tts-access-token": self.token, "content-type": "application/json"},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(10),
        ) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def ids(self) -> list[str]:
        """The shop's products, as the control call tells them."""
        seen = await self.box.see(f"shops/{self.shop}/products")
        return list(seen["products"])


async def tokens(box: Sandbox, kind: str = "get", **query: str) -> Any:
    """The envelope of token/get or token/refresh; always HTTP 200."""
    grant = "authorized_code" if kind == "get" else "refresh_token"
    given = {"app_key": box.app_key, "app_secret": box.app_secret, "grant_type": grant} | query
    async with box.http.get(f"{box.url}/api/v2/token/{kind}", params=given) as response:
        assert response.status == 200
        return await response.json()


async def granted(box: Sandbox, place: int = 0, **consent: Any) -> Caller:
    """A caller with a fresh token of the shop's seller."""
    code = await box.control("auth_code", seller=box.shops[place]["seller"], **consent)
    answer = await tokens(box, auth_code=code["auth_code"])
    return Caller(box, answer["data"]["access_token"], place)
