"""Each refusal that TikTok documents, with its code and HTTP status; and what the sandbox promises of its data."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.processes import Sandbox, sandbox
from tests.sources import ROOT

SAMPLE = (ROOT / "tests" / "fixtures" / "product-detail-legacy-202306.json").read_bytes()
PRODUCT = "/product/202309/products/"
SEARCH = "/product/202502/products/search"
INVENTORY = "/product/202309/inventory/search"
LEGACY = "/api/products/details"


class Caller:
    """A client written for this test alone: neither the worker's nor the sandbox's code."""

    def __init__(self, front: Sandbox, token: str) -> None:
        self.front = front
        self.token = token
        self.cipher = front.shops[0]["cipher"]
        self.shop = front.shops[0]["shop_id"]

    async def raw(
        self, path: str, body: Any = None, method: str | None = None, **query: str | None
    ) -> tuple[int, bytes]:
        asked = {"app_key": self.front.app_key, "timestamp": str(int(time.time())), "shop_cipher": self.cipher} | query
        parameters = {key: value for key, value in asked.items() if value is not None}
        payload = b"" if body is None else orjson.dumps(body)
        text = path + "".join(key + parameters[key] for key in sorted(parameters) if key != "sign")
        secret = self.front.app_secret.encode()
        signed = hmac.new(secret, secret + text.encode() + payload + secret, hashlib.sha256).hexdigest()
        parameters.setdefault("sign", signed)
        async with self.front.http.request(
            method or ("GET" if body is None else "POST"), self.front.url + path,
            params=parameters, data=payload or None,
            headers={"x-tts-access-token": self.token, "content-type": "application/json"},
        ) as response:  # fmt: skip
            return response.status, await response.read()

    async def code(
        self, path: str, body: Any = None, method: str | None = None, **query: str | None
    ) -> tuple[int, int]:
        status, answer = await self.raw(path, body, method, **query)
        return orjson.loads(answer)["code"], status

    async def data(self, path: str, body: Any = None, **query: str | None) -> Any:
        _, answer = await self.raw(path, body, **query)
        envelope = orjson.loads(answer)
        assert envelope["code"] == 0, envelope
        return envelope["data"]


async def token(front: Sandbox, kind: str = "get", **query: str) -> dict[str, Any]:
    given = {"app_key": front.app_key, "app_secret": front.app_secret, "grant_type": "authorized_code"} | query
    async with front.http.get(f"{front.url}/api/v2/token/{kind}", params=given) as response:
        assert response.status == 200
        envelope: dict[str, Any] = await response.json()
        return envelope


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with sandbox("--shops", "2", "--products", "30") as front:
        granted = await token(front, auth_code=front.auth_codes[0])
        yield Caller(front, granted["data"]["access_token"])


async def test_each_documented_refusal(caller: Caller) -> None:
    first = (await caller.front.see(f"shops/{caller.shop}/products"))["products"][1]
    theirs = (await caller.front.see(f"shops/{caller.front.shops[1]['shop_id']}/products"))["products"][0]
    path, now = PRODUCT + first, int(time.time())
    expected: list[tuple[tuple[int, int], Any]] = [
        ((0, 200), caller.code(path)),
        ((106001, 200), caller.code(path, sign="0" * 64)),
        ((36009004, 200), caller.code(path, timestamp=str(now - 400))),
        ((36009004, 200), caller.code(path, timestamp=str(now + 60))),
        ((36009004, 200), caller.code(path, timestamp="soon")),
        ((36009004, 200), caller.code(path, app_key="other")),
        ((106013, 200), caller.code(path, shop_cipher=None)),
        ((106011, 200), caller.code(path, shop_cipher=caller.front.shops[1]["cipher"])),
        ((36009004, 200), caller.code("/authorization/202309/shops")),
        ((0, 200), caller.code("/authorization/202309/shops", shop_cipher=None)),
        ((36009009, 404), caller.code("/product/209901/nothing")),
        ((36009010, 405), caller.code(path, method="DELETE")),
        ((36009014, 200), caller.code(LEGACY, version="1", product_id=first, shop_id=caller.shop)),
        ((12019008, 200), caller.code(PRODUCT + "12a")),
        ((12052032, 200), caller.code(PRODUCT + "123")),
        ((12052034, 200), caller.code(PRODUCT + theirs)),
        ((36009004, 200), caller.code(SEARCH, {}, page_size="101")),
        ((36009004, 200), caller.code(SEARCH, {}, page_size="10", page_token="!")),
        ((36009004, 200), caller.code(INVENTORY, {"product_ids": [first] * 101})),
        ((12019008, 200), caller.code(INVENTORY, {"product_ids": [first, "x"]})),
        ((12052034, 200), caller.code(INVENTORY, {"product_ids": [first, theirs]})),
    ]
    for number, (answer, call) in enumerate(expected):
        assert await call == answer, number
    caller.token = "ROW_never-given"
    assert await caller.code(path) == (36009004, 401)


async def test_tokens_rotate_and_run_out(caller: Caller) -> None:
    front = caller.front
    assert (await token(front, auth_code=front.auth_codes[0]))["code"] == 36004004  # used
    old = (await token(front, auth_code=front.auth_codes[1]))["data"]
    assert old["access_token_expire_in"] == pytest.approx(time.time() + 7 * 86400, abs=5)
    again = {"refresh_token": old["refresh_token"], "grant_type": "refresh_token"}
    assert (await token(front, "refresh", **again))["data"]["refresh_token"] != old["refresh_token"]
    assert (await token(front, "refresh", **again))["code"] == 36004005
    await front.control("tokens", rotation="lenient")
    assert (await token(front, "refresh", **again))["code"] == 0
    await front.control("tokens", expire_access=True)
    assert await caller.code("/authorization/202309/shops", shop_cipher=None) == (105002, 401)


async def test_the_seeds_product_is_answered_byte_for_byte(caller: Caller) -> None:
    query = {"version": "202306", "product_id": "1731029337055922770", "shop_id": caller.shop}
    assert (await caller.raw(LEGACY, **query))[1] == SAMPLE
    await caller.front.control("stock", shop_id=caller.shop, changes=[{"sku_id": "1731159324007369298", "quantity": 3}])
    data = await caller.data(LEGACY, **query)
    sample = orjson.loads(SAMPLE)["data"]
    assert data["skus"][0]["stock_infos"][0]["available_stock"] == 3
    assert data["skus"][1] == sample["skus"][1]
    assert data["images"] == sample["images"]


async def test_pages_hold_every_product_once_with_the_stock_of_its_detail(caller: Caller) -> None:
    seen: dict[str, Any] = {}
    following: str | None = None
    while following != "":
        page = await caller.data(SEARCH, {}, page_size="7", page_token=following)
        seen |= {product["id"]: product for product in page["products"]}
        following = page["next_page_token"]
    assert sorted(seen) == sorted((await caller.front.see(f"shops/{caller.shop}/products"))["products"])
    assert page["total_count"] == len(seen) == 30
    one = (await caller.data(PRODUCT + page["products"][0]["id"]))["skus"]
    assert [sku["inventory"] for sku in one] == [sku["inventory"] for sku in page["products"][0]["skus"]]
    stock = await caller.data(INVENTORY, {"sku_ids": [one[0]["id"]]})
    assert stock["inventory"][0]["skus"][0]["total_available_quantity"] == sum(
        row["quantity"] for row in one[0]["inventory"]
    )


async def test_a_query_that_matches_more_than_10000_products_has_to_be_narrowed() -> None:
    async with sandbox("--shops", "1", "--products", "10001") as front:
        granted = await token(front, auth_code=front.auth_codes[0])
        caller = Caller(front, granted["data"]["access_token"])
        assert (await caller.code(SEARCH, {}, page_size="100"))[0] == 12052180
        assert (await caller.data(SEARCH, {"create_time_le": 1_700_100_000}, page_size="1"))["total_count"] < 10_000


async def test_image_addresses_change_at_every_read_and_nothing_else(caller: Caller) -> None:
    one = (await caller.front.see(f"shops/{caller.shop}/products"))["products"][3]
    first, second = await caller.data(PRODUCT + one), await caller.data(PRODUCT + one)
    assert first["main_images"] != second["main_images"]
    del first["main_images"], second["main_images"]
    assert first == second


async def test_the_same_seed_is_the_same_shop() -> None:
    states = []
    for seed in ("5", "5", "6"):
        async with sandbox("--shops", "1", "--products", "20", "--seed", seed) as front:
            states.append((await front.see(f"shops/{front.shops[0]['shop_id']}/state"), front.shops[0]["shop_id"]))
    assert states[0] == states[1] != states[2]


async def test_a_hidden_quota_counts_and_spaces(caller: Caller) -> None:
    await caller.front.control("quota", per_second=5, min_gap_ms=0, retry_after="seconds")
    one = PRODUCT + (await caller.front.see(f"shops/{caller.shop}/products"))["products"][3]
    codes = [(await caller.code(one))[1] for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2
    await caller.front.control("quota", per_second=100, min_gap_ms=1000)
    assert [(await caller.code(one))[1] for _ in range(2)] == [200, 429]
    stats = await caller.front.see("stats")
    assert stats["throttled"] == 3
    assert stats["in_cooldown"] == 1
