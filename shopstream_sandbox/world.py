"""Everything the sandbox is at a moment: sellers, shops, tokens, quotas, faults, its clock, and what it has counted."""

import hashlib
import secrets
import time
from typing import Any

from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.consent.apps import make_apps
from shopstream_sandbox.consent.page import Consents
from shopstream_sandbox.consent.tokens import Seller, Tokens
from shopstream_sandbox.fault.faults import Faults
from shopstream_sandbox.quota.quotas import Quotas
from shopstream_sandbox.refusal.plants import Plants
from shopstream_sandbox.stats import Record, Stats
from shopstream_sandbox.switches import Switches
from shopstream_sandbox.view.search import Search
from shopstream_sandbox.view.views import Views
from shopstream_sandbox.webhook.notifier import Notifier
from shopstream_sandbox.webhook.sale import Sales


class World:
    """One sandbox."""

    def __init__(
        self,
        *,
        shops: int,
        products: int,
        seed: int,
        per_seller: int = 1,
        quota: float | None = None,
        token_life: float = 7 * 86_400,
        open_control: bool = False,
        frozen: bool = False,
        apps: int = 1,
    ) -> None:
        names = hashlib.sha256(f"sandbox:{seed}".encode()).hexdigest()
        self.offset = 0.0
        self.open_control = open_control
        self.shops = [Shop(place, products, seed, frozen=frozen) for place in range(shops)]
        self.by_cipher = {shop.cipher: shop for shop in self.shops}
        self.by_id = {shop.id: shop for shop in self.shops}
        groups = [self.shops[begin : begin + per_seller] for begin in range(0, shops, per_seller)]
        self.sellers = [
            Seller(f"OPEN{names[:20]}{n}", f"Seller {n}", group[0].region, group) for n, group in enumerate(groups, 1)
        ]
        self.switches = Switches()
        self.tokens = Tokens(make_apps(seed, apps), token_life, self.now, self.switches)
        self.quotas = Quotas(quota, self.now)
        self.faults = Faults()
        self.plants = Plants()
        self.search = Search(self.switches)
        self.views = Views(self.switches)
        self.stats = Stats()
        self.record = Record()
        self.token_delay = 0.0
        self.consents = Consents(self.tokens, self.sellers)
        self.webhooks = Notifier(self.tokens, self.sellers, self.now)
        self.sales = Sales(self.webhooks)

    def now(self) -> float:
        """The sandbox's clock, Unix seconds."""
        return time.time() + self.offset

    def turn_clock(self, offset: float) -> None:
        """Set the clock so many seconds ahead of the machine's, or behind it."""
        self.offset = offset
        self.webhooks.turned()

    async def close(self) -> None:
        """End all that goes on by itself."""
        await self.sales.close()
        await self.webhooks.pusher.close()

    def new_cipher(self, shop: Shop) -> str:
        """Give a shop another cipher; the old one is worthless from now on."""
        self.by_cipher.pop(shop.cipher, None)
        shop.cipher = f"ROW_{secrets.token_hex(15)}"
        self.by_cipher[shop.cipher] = shop
        return shop.cipher

    def described(self) -> list[dict[str, str]]:
        """The shops, as the first line tells them."""
        return [
            {
                "shop_id": shop.id,
                "cipher": shop.cipher,
                "name": shop.name,
                "region": shop.region,
                "seller": seller.name,
                "seller_type": shop.seller_type,
            }
            for seller in self.sellers
            for shop in seller.shops
        ]

    def introduction(self, url: str) -> dict[str, Any]:
        """What is printed at the start: all that a newcomer needs."""
        codes = {seller.name: self.tokens.code_for(seller) for seller in self.sellers}
        apps = self.tokens.apps
        return {
            "url": url,
            **apps[0].document(),
            **({"apps": [app.document() for app in apps]} if len(apps) > 1 else {}),
            "shops": [shop | {"auth_code": codes[shop["seller"]]} for shop in self.described()],
            "auth_codes": list(codes.values()),
        }
