"""Sellers, their codes and their token pairs: `/api/v2/token/get` and `/api/v2/token/refresh`."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.catalogue import Shop
from sandbox.refusals import Refusal, invalid

SCOPES: Final = ("seller.authorization.info", "seller.product.basic", "seller.shop.info")
_CODE_LIFE: Final = 1800
_REFRESH_LIFE: Final = 365 * 86400


@dataclass
class Seller:
    """Somebody who can consent, with the shops that the consent covers."""

    open_id: str
    name: str
    region: str
    shops: list[Shop]
    scopes: tuple[str, ...] = SCOPES


@dataclass
class _Pair:
    seller: Seller
    access: str
    refresh: str
    access_ends: float
    refresh_ends: float
    scopes: tuple[str, ...]


class Tokens:
    """All codes and pairs. `strict`: a refresh makes the old pair worthless at once; else it goes on working."""

    def __init__(self, app_key: str, app_secret: str, life: float, clock: Callable[[], float]) -> None:
        self.app_key = app_key
        self.app_secret = app_secret
        self.life = life
        self.strict = True
        self._clock = clock
        self._codes: dict[str, tuple[Seller, float]] = {}
        self._by_access: dict[str, _Pair] = {}
        self._by_refresh: dict[str, _Pair] = {}
        self._spent: set[str] = set()

    def code_for(self, seller: Seller) -> str:
        """A new authorization code: one use, 30 minutes."""
        code = "ROW_" + secrets.token_urlsafe(24)
        self._codes[code] = (seller, self._clock() + _CODE_LIFE)
        return code

    def get(self, query: Mapping[str, str]) -> dict[str, Any]:
        """`data` of token/get."""
        self._app(query, "authorized_code")
        seller, ends = self._codes.pop(query.get("auth_code", ""), (None, 0.0))
        if seller is None or ends < self._clock():
            raise Refusal(36004004, "The auth_code is invalid, expired or has been used")
        return self._issue(seller)

    def refresh(self, query: Mapping[str, str]) -> dict[str, Any]:
        """`data` of token/refresh."""
        self._app(query, "refresh_token")
        pair = self._by_refresh.get(query.get("refresh_token", ""))
        if pair is None or pair.refresh_ends < self._clock() or (self.strict and pair.refresh in self._spent):
            raise Refusal(36004004, "The refresh_token is invalid or has expired")
        self._spent.add(pair.refresh)
        if self.strict:
            self._by_access.pop(pair.access, None)
        return self._issue(pair.seller)

    def seller_of(self, access: str | None, scope: str) -> Seller:
        """Whose token it is, if it is good for `scope`."""
        pair = self._by_access.get(access or "")
        if pair is None:
            raise Refusal(36009004, "The access_token is invalid", 401)
        if pair.access_ends < self._clock():
            raise Refusal(105002, "Expired credentials: the access token has expired", 401)
        if scope not in pair.scopes:
            raise Refusal(105005, f"Access denied: the app lacks the scope {scope}")
        return pair.seller

    def expire(self) -> None:
        """Let every access token run out now."""
        for pair in self._by_access.values():
            pair.access_ends = self._clock() - 1

    def revoke(self, shop_id: str) -> None:
        """The seller of a shop takes the consent back."""
        for pairs in (self._by_access, self._by_refresh):
            for token, pair in list(pairs.items()):
                if any(shop.id == shop_id for shop in pair.seller.shops):
                    del pairs[token]

    def _app(self, query: Mapping[str, str], grant_type: str) -> None:
        if query.get("app_key") != self.app_key:
            raise invalid("The app_key is invalid")
        if query.get("app_secret") != self.app_secret:
            raise Refusal(36004003, "The app_secret is invalid")
        if query.get("grant_type") != grant_type:
            raise invalid(f"grant_type must be {grant_type}")

    def _issue(self, seller: Seller) -> dict[str, Any]:
        now = self._clock()
        pair = _Pair(
            seller=seller,
            access="ROW_" + secrets.token_urlsafe(48),
            refresh="ROW_" + secrets.token_urlsafe(36),
            access_ends=now + self.life,
            refresh_ends=now + _REFRESH_LIFE,
            scopes=seller.scopes,
        )
        self._by_access[pair.access] = pair
        self._by_refresh[pair.refresh] = pair
        return {
            "access_token": pair.access,
            "access_token_expire_in": int(pair.access_ends),
            "refresh_token": pair.refresh,
            "refresh_token_expire_in": int(pair.refresh_ends),
            "open_id": seller.open_id,
            "seller_name": seller.name,
            "seller_base_region": seller.region,
            "user_type": 0,
            "granted_scopes": list(pair.scopes),
        }
