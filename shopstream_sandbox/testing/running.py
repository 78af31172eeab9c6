"""Run a sandbox as a process of its own for the length of a block."""

import json
import os
import selectors
import subprocess  # nosec B404
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from shopstream_sandbox.testing.controls import Controls
from shopstream_sandbox.testing.values import Seller, Shop

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0


class SandboxFailed(Exception):
    """A sandbox that did not start, with what it wrote."""


class TikTokShop(Controls):
    """A running sandbox.

    Attributes:
        url: the base of API and token host, such as http://127.0.0.1:40123.
        app_key: the app's key.
        app_secret: the app's secret, which signs calls and webhooks.
        service_id: the app's id on the consent page.
        sellers: the sellers, with their authorization codes.
        shops: all shops.
    """

    def __init__(self, introduction: dict[str, Any]) -> None:
        super().__init__(introduction["url"])
        self.app_key: str = introduction["app_key"]
        self.app_secret: str = introduction["app_secret"]
        self.service_id: str = introduction["service_id"]
        rows = [dict(row) for row in introduction["shops"]]
        codes = {row["seller"]: row.pop("auth_code") for row in rows}
        self.shops = tuple(Shop(**row) for row in rows)
        self.sellers = tuple(
            Seller(name, code, tuple(shop for shop in self.shops if shop.seller == name))
            for name, code in codes.items()
        )

    @property
    def auth_codes(self) -> tuple[str, ...]:
        """One authorization code of each seller."""
        return tuple(seller.auth_code for seller in self.sellers)


@contextmanager
def run_sandbox(
    *,
    shops: int = 1,
    shops_per_seller: int = 1,
    products: int = 20,
    quota: float | None = None,
    seed: int = 1,
    frozen: bool = False,
    token_life: float = 604_800.0,
) -> Iterator[TikTokShop]:
    """Start a sandbox on a free port, and end it with the block.

    Args:
        shops: the number of shops.
        shops_per_seller: the shops that one consent covers.
        products: the products in each shop.
        quota: the hidden limit of calls a second, by shop and endpoint; None for no limit.
        seed: the same seed gives the same shops and products.
        frozen: one product in 70 has no detail.
        token_life: seconds that an access token lives.

    Raises:
        SandboxFailed: the process ended, or took more than a minute to start.
    """
    options: dict[str, object] = {
        "--port": 0, "--shops": shops, "--shops-per-seller": shops_per_seller, "--products": products, "--seed": seed,
        "--token-life": token_life,
    }  # fmt: skip
    if quota is not None:
        options["--quota"] = quota
    arguments = [str(part) for option in options.items() for part in option]
    command = [sys.executable, "-m", "shopstream_sandbox", *arguments, *(["--frozen"] if frozen else [])]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603 - ours  # nosec B603
        try:
            yield TikTokShop(_read_introduction(child, errors))
        finally:
            _end(child)


def _read_introduction(child: subprocess.Popen[bytes], errors: IO[bytes]) -> dict[str, Any]:
    line = b""
    with selectors.DefaultSelector() as ready:
        ready.register(_pipe(child), selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            part = os.read(_pipe(child).fileno(), 1 << 16) if ready.select(_START_SECONDS) else b""
            if not part:
                errors.seek(0)
                raise SandboxFailed(errors.read().decode(errors="replace").strip() or "it did not start in time")
            line += part
    introduction: dict[str, Any] = json.loads(line)
    return introduction


def _pipe(child: subprocess.Popen[bytes]) -> IO[bytes]:
    if child.stdout is None:
        raise SandboxFailed("no pipe to the process")
    return child.stdout


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _pipe(child).close()
