"""TikTok's implementation in both API generations, against the sandbox over real HTTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests import processes
from tests.marketplace.conformance import Consent, Details, Lists, Stock, Warehouses, Webhooks
from tests.marketplace.harness import PRODUCTS, Breakage, Harness
from worker.marketplace.protocol import Marketplace
from worker.tiktok.auth import AuthClient
from worker.tiktok.http import Session, new_session
from worker.tiktok.tiktok_client import Generation, TikTokClient
from worker.tiktok.tiktok_marketplace import TikTok

NOWHERE = "http://127.0.0.1:1"


@dataclass
class SandboxHarness:
    """The sandbox with one seller of one shop."""

    front: processes.Sandbox
    marketplace: Marketplace
    unreachable: Marketplace
    shop: str
    products: Sequence[str]
    unknown: str = "1729999999999999999"

    async def make_code(self) -> str:
        return str((await self.front.control("auth_code", shop_id=self.shop))["auth_code"])

    async def retitle(self, product: str) -> None:
        await self.front.control("product", shop_id=self.shop, product_id=product, set={"title": "Another title"})

    async def delete(self, product: str) -> None:
        await self.front.control("delete", shop_id=self.shop, product_id=product)

    async def crash_consent(self) -> None:
        await self.front.control("refuse", endpoint="token_refresh", http=503, content="html")

    async def crash(self, breakage: Breakage) -> None:
        match breakage:
            case Breakage.THROTTLED:
                await self.front.control("refuse", endpoint="all", code=36009002, retry_after="7")
            case Breakage.TOKEN_REFUSED:
                await self.front.control("tokens", expire_access=True)
            case Breakage.SERVER_ERROR:
                await self.front.control("faults", rate=1, kinds=["http_503"])
            case Breakage.UNREADABLE:
                await self.front.control("faults", rate=1, kinds=["bad_json"])

    async def mend(self) -> None:
        await self.front.control("refuse")
        await self.front.control("faults")


def made(session: Session, url: str, key: str, secret: str, generation: Generation) -> Marketplace:
    return TikTok(TikTokClient(session, url, key, secret, generation=generation), AuthClient(session, url, key, secret))


@asynccontextmanager
async def running(generation: Generation) -> AsyncIterator[Harness]:
    options = ("--shops", "1", "--products", str(PRODUCTS))
    async with processes.sandbox(*options) as front, new_session() as session:
        shop = front.shops[0]["shop_id"]
        yield SandboxHarness(
            front,
            made(session, front.url, front.app_key, front.app_secret, generation),
            made(session, NOWHERE, front.app_key, front.app_secret, generation),
            shop,
            (await front.see(f"shops/{shop}/products"))["products"],
        )


class TestTikTok(Consent, Details, Lists, Stock, Warehouses, Webhooks):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with running("202309") as harness:
            yield harness


class TestLegacyTikTok(Consent, Details):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with running("legacy") as harness:
            yield harness


@pytest.mark.parametrize(("generation", "can"), [("202309", True), ("legacy", False)])
async def test_what_a_generation_lacks_it_says_with_its_remedy(generation: Generation, can: bool) -> None:  # noqa: FBT001
    async with new_session() as session:
        abilities = made(session, NOWHERE, "key", "secret", generation).abilities
    assert (abilities.lists, abilities.stock, abilities.warehouses, not abilities.remedy) == (can,) * 4
    assert bool(abilities.webhook_events) == can
