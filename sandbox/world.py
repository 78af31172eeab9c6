"""Everything the sandbox is at a moment: sellers, shops, tokens, quotas, faults, its clock, and what it has counted."""

import hashlib
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.catalogue import Shop
from sandbox.faults import Faults
from sandbox.quota import Quotas
from sandbox.search import Search
from sandbox.tokens import Seller, Tokens


@dataclass
class Stats:
    """What came in, and how it was answered."""

    calls: int = 0
    throttled: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    by_path: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_shop: Counter[str] = field(default_factory=Counter)
    last: dict[tuple[str, str], float] = field(default_factory=dict)
    gaps: dict[tuple[str, str], float] = field(default_factory=dict)
    in_cooldown: int = 0
    record: dict[str, list[tuple[float, int]]] | None = None

    def arrived(self, shop: str, endpoint: str, now: float) -> None:
        """Note a call's time, and how close it came after the one before."""
        key = (shop, endpoint)
        if key in self.last:
            self.gaps[key] = min(self.gaps.get(key, 1e9), now - self.last[key])
        self.last[key] = now

    def answered(self, shop: str, endpoint: str, code: int, now: float) -> None:
        """Note an answer; `code` is TikTok's, or 429."""
        self.calls += 1
        self.throttled += code == 429
        self.by_path[endpoint]["ok" if code == 0 else str(code)] += 1
        self.by_shop[shop] += 1
        if self.record is not None:
            self.record.setdefault(f"{shop} {endpoint}", []).append((round(now, 4), code))

    def document(self) -> dict[str, Any]:
        """As `GET /_sandbox/stats` answers."""
        return {
            "calls": self.calls,
            "throttled": self.throttled,
            "in_cooldown": self.in_cooldown,
            "tokens": dict(self.tokens),
            "by_path": {path: dict(answers) for path, answers in self.by_path.items()},
            "by_shop": dict(self.by_shop),
            "min_gap_ms": {f"{shop} {path}": round(gap * 1000, 3) for (shop, path), gap in self.gaps.items()},
        }


class World:
    """One sandbox."""

    def __init__(
        self,
        *,
        shops: int,
        products: int,
        seed: int,
        per_seller: int,
        quota: float | None,
        token_life: float,
        open_control: bool,
    ) -> None:
        names = hashlib.sha256(f"sandbox:{seed}".encode()).hexdigest()
        self.offset = 0.0
        self.open_control = open_control
        self.shops = [Shop(number, products, seed) for number in range(shops)]
        self.by_cipher = {shop.cipher: shop for shop in self.shops}
        self.by_id = {shop.id: shop for shop in self.shops}
        self.sellers = [
            Seller(f"OPEN{names[:20]}{n}", f"Seller {n + 1}", self.shops[n * per_seller].region, group)
            for n, group in enumerate(self.shops[i : i + per_seller] for i in range(0, len(self.shops), per_seller))
        ]
        self.service_id = str(int(names[:12], 16))
        self.tokens = Tokens(names[:12], names[12:52], token_life, self.now)
        self.quotas = Quotas(quota)
        self.faults = Faults()
        self.search = Search()
        self.stats = Stats()
        self.latency = 0.0
        self.token_delay = 0.0
        self.stock_moves_update_time = True

    def now(self) -> float:
        """The sandbox's clock, Unix seconds."""
        return time.time() + self.offset

    def introduction(self, url: str) -> dict[str, Any]:
        """What is printed at the start: all that a newcomer needs."""
        codes = [self.tokens.code_for(seller) for seller in self.sellers]
        shops = [
            {"shop_id": shop.id, "cipher": shop.cipher, "name": shop.name, "region": shop.region, "auth_code": code}
            for seller, code in zip(self.sellers, codes, strict=True)
            for shop in seller.shops
        ]
        app = {"app_key": self.tokens.app_key, "app_secret": self.tokens.app_secret, "service_id": self.service_id}
        return {"url": url, **app, "shops": shops, "auth_codes": codes}
