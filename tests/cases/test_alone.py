"""Cases that may take a worker with them: pairs that have ended on arrival, a certificate that isn't trusted."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest

from tests.cases.stand.bodies import APP_KEY, UNSIGNED, case, numbered, product, refusal
from tests.cases.stand.stage import MINUTE, Stage, each, few, most_in, staged, throughout
from tests.cases.stand.upstream import Reply, upstream
from tests.processes import free_port
from tests.running.tls import Authority, tls_front

ID = "1729000000000000001"
ENDS: dict[str, Callable[[], object]] = {
    "relative": lambda: 604_800,
    "relative, as text": lambda: "604800",
    "a short one": lambda: 600,
    "zero": lambda: 0,
    "in the past": lambda: int(time.time()) - 3_600,
    "a second ago": lambda: int(time.time()) - 1,
    "this second": lambda: int(time.time()),
}


async def test_a_pair_that_has_ended_on_arrival_is_refreshed_once_a_minute_and_work_goes_on(alone: str) -> None:
    port = free_port()
    async with upstream() as tiktok, staged(alone, tiktok, SHOPSTREAM_HEALTH_PORT=str(port)) as stage:

        async def run(name: str) -> None:
            shop = await stage.open(product(ID), life=ENDS[name])
            for _ in range(4):
                await asyncio.gather(shop.fetch(seconds=10), shop.stock(seconds=10))
                await throughout(2, shop.active)
            assert most_in(shop.seller.made("refresh"), 50) <= 2
            if name.startswith("relative"):
                few(shop.seller, 0, "refresh")
            assert not await shop.letters()

        async def healthy() -> None:
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/health") as answer:
                assert answer.status == 200, await answer.text()

        await each(list(ENDS), run)
        await healthy()
        stage.running.child.terminate()
        assert await asyncio.wait_for(stage.running.child.wait(), 60) == 0


class Show(Protocol):
    """Say if the certificate shall be one that is trusted."""

    def __call__(self, *, trusted: bool) -> None: ...


ODD_ENDS: dict[str, Callable[[], object]] = {
    "negative": lambda: -1,
    "null": lambda: None,
    "empty": lambda: "",
    "in milliseconds": lambda: (int(time.time()) + 604_800) * 1_000,
}


async def test_an_odd_end_of_a_pair_costs_no_consent(alone: str) -> None:
    """The code is used up: who throws the pair away for its odd end loses the seller."""
    async with upstream() as tiktok, staged(alone, tiktok) as stage:

        async def run(name: str) -> None:
            shop = await stage.open(product(ID), life=ODD_ENDS[name])
            await shop.fetch(seconds=10)
            await throughout(3, shop.active)
            few(shop.seller, 1, "refresh")

        await each(list(ODD_ENDS), run)


@asynccontextmanager
async def behind_tls(folder: Path, alone: str) -> AsyncIterator[tuple[Stage, Show]]:
    """Run a stage whose TikTok speaks TLS."""
    authority = Authority(folder)
    good, bad = authority.context("localhost"), Authority(folder, "stranger").context("localhost", days=2)
    shown = good

    def show(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = shown

    def certificate(*, trusted: bool) -> None:
        nonlocal shown
        shown = good if trusted else bad

    good.sni_callback = show
    async with upstream() as tiktok, tls_front(good, int(tiktok.url.rpartition(":")[2])) as front:
        url = f"https://localhost:{front.port}"
        env = {"SHOPSTREAM_API_URL": url, "SHOPSTREAM_AUTH_URL": url, "SSL_CERT_FILE": str(authority.path)}
        async with staged(alone, tiktok, **env) as stage:
            yield stage, certificate


async def test_a_certificate_that_is_not_trusted_for_a_while_burns_nothing(alone: str, tmp_path: Path) -> None:
    async with behind_tls(tmp_path, alone) as (stage, certificate):
        shop = await stage.open(product(ID), product(f"{ID}2"))
        # The connections end with this answer, so that the next ones see the new certificate.
        old = shop.seller.access
        shop.tiktok.on("detail", Reply(cut=True), times=1)
        shop.tiktok.on("any", Reply(refusal(105002), headers={"connection": "close"}), when=lambda c: c.token == old)
        certificate(trusted=False)
        request = await shop.ask(shop.tiktok.lines)

        async def kept() -> None:
            await shop.active()
            assert not await shop.letters()

        await throughout(8, kept)
        assert not shop.seller.made("refresh")
        assert stage.said("certificate"), "no error in the log"
        certificate(trusted=True)
        await shop.retry()
        await shop.finish(request, MINUTE)
        await kept()


LINES = [product(numbered(number)) for number in range(150)]
OURS = {
    "clock": (Reply(case("c37-clock-fast")[0]), "Invalid timestamp"),
    "sign": (Reply(refusal(106001)), "sign"),
    "app_key": (Reply(refusal(36009004, APP_KEY)), "app_key"),
    "IP allow list": (Reply(refusal(36009033)), "allow list"),
    "no signature": (Reply(refusal(36009004, UNSIGNED)), "signature"),
}


@pytest.mark.parametrize("name", OURS)
async def test_our_own_mistake_gives_no_id_up_and_is_said_loudly(alone: str, name: str) -> None:
    """All shops hear it at once, since it is the app's: one asked for details, one for stock by batch."""
    reply, words = OURS[name]
    async with upstream() as tiktok, staged(alone, tiktok) as stage:
        shops = [await stage.open(*LINES) for _ in range(2)]
        for shop in shops:
            shop.tiktok.on("any", reply)
        details, stock = shops
        requests = [
            await details.ask(details.tiktok.lines),
            await stock.client.sync_stock(stock.id, list(stock.tiktok.lines)),
        ]

        async def kept() -> None:
            for shop, kind in zip(shops, ("products", "stock"), strict=True):
                assert not await shop.letters(), (await shop.letters())[0]["message"]
                assert await shop.waiting(kind) == set(shop.tiktok.lines)
                await shop.active()

        await throughout(10 if name == "clock" else 4, kept)
        assert sum(len(shop.tiktok.calls) for shop in shops) <= 60
        assert stage.said(words), "no error in the log"
        for shop in shops:
            shop.tiktok.mend()
            await shop.retry()
        for shop, request in zip(shops, requests, strict=True):
            await shop.finish(request, MINUTE)
            assert not await shop.letters()
            assert len(await shop.available()) == len(LINES)
            await shop.active()
