"""Sellers, their codes and their token pairs: `/api/v2/token/get` and `/api/v2/token/refresh`."""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.consent.apps import App
from shopstream_sandbox.refusal.refusals import invalid, said
from shopstream_sandbox.switches import Switches

SCOPES: Final = (
    "seller.authorization.info",
    "serller.product.optimize",  # so in TikTok's own answers
    "seller.product.basic",
    "seller.order.info",
    "seller.global_product.info",
    "seller.shop.info",
    "seller.logistics",
)
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
class _Code:
    seller: Seller
    ends: float
    scopes: tuple[str, ...] | None
    app: App


@dataclass
class Pair:
    """An access token and its refresh token. Times are Unix seconds on the sandbox's clock."""

    seller: Seller
    shops: list[Shop]
    access: str
    refresh: str
    access_ends: float
    refresh_ends: float
    scopes: tuple[str, ...]
    app: App
    spent: bool = False
    """It was refreshed: worthless while `strict`."""
    gone: bool = False
    """It was taken back."""


class Tokens:
    """All codes and pairs. `strict`: a refresh makes the old pair worthless at once; else it goes on working."""

    def __init__(self, apps: Sequence[App], life: float, clock: Callable[[], float], switches: Switches) -> None:
        self.apps = apps
        self.life = life
        self.refresh_life: float = _REFRESH_LIFE
        self.strict = True
        self.relative = False
        """Tell both ends as durations, not as points in time."""
        self._switches = switches
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._by_access: dict[str, Pair] = {}
        self._by_refresh: dict[str, Pair] = {}
        self.authorized: set[str] = set()
        """The ids of the shops that a seller's consent covers now."""

    def app_of(self, key: str | None) -> App:
        """The app of that key."""
        found = next((app for app in self.apps if app.key == key), None)
        if found is None:
            raise said("app_key")
        return found

    def code_for(self, seller: Seller, scopes: tuple[str, ...] | None = None, app: App | None = None) -> str:
        """A new authorization code for an app, the first by default: one use, 30 minutes.

        It is for the seller's scopes unless others are given.
        """
        code = "ROW_" + secrets.token_urlsafe(24)
        self._codes[code] = _Code(seller, self._clock() + _CODE_LIFE, scopes, app or self.apps[0])
        return code

    def get(self, query: Mapping[str, str]) -> dict[str, Any]:
        """`data` of token/get."""
        app = self._app(query, "authorized_code")
        code = self._codes.pop(query.get("auth_code", ""), None)
        if code is None or code.ends < self._clock() or code.app is not app:
            raise said("auth_code")
        return self._issue(code.seller, list(code.seller.shops), code.scopes or code.seller.scopes, app)

    def refresh(self, query: Mapping[str, str]) -> dict[str, Any]:
        """`data` of token/refresh."""
        app = self._app(query, "refresh_token")
        pair = self._by_refresh.get(query.get("refresh_token", ""))
        if pair is None or self._worthless(pair) or pair.app is not app:
            raise said("no_such_grant")
        if pair.refresh_ends < self._clock():
            raise said("refresh_expired")
        pair.spent = True
        return self._issue(pair.seller, pair.shops, pair.scopes, app)

    def pair_of(self, access: str | None, scope: str, app: App) -> Pair:
        """The pair of an access token, if it is good for `scope` and this app."""
        pair = self._by_access.get(access or "")
        if pair is None or self._worthless(pair) or pair.app is not app:
            raise said(self._switches.token_words, status=self._switches.token_http)
        if pair.access_ends < self._clock():
            raise said("expired", status=self._switches.token_http)
        if scope not in pair.scopes:
            raise said("scope")
        return pair

    def expire(self) -> None:
        """Let every access token run out now."""
        for pair in self._by_access.values():
            pair.access_ends = self._clock() - 1

    def expire_refresh(self) -> None:
        """Let every refresh token run out now."""
        for pair in self._by_access.values():
            pair.refresh_ends = self._clock() - 1

    def rescope(self, scopes: tuple[str, ...]) -> None:
        """Give every token these scopes, instead of those it had."""
        for pair in self._by_access.values():
            pair.scopes = scopes

    def revoke(self, seller: Seller, app: App | None = None) -> None:
        """The seller takes the consent back, to all apps or to one: every token of theirs for it is worthless."""
        for pair in self._by_access.values():
            pair.gone |= pair.seller is seller and (app is None or pair.app is app)
        if not any(pair.seller is seller and not self._worthless(pair) for pair in self._by_access.values()):
            self.authorized -= {shop.id for shop in seller.shops}

    def deauthorize(self, shop: Shop) -> None:
        """One shop leaves all tokens; a token that covers nothing any more is worthless."""
        for pair in self._by_access.values():
            if shop in pair.shops:
                pair.shops = [one for one in pair.shops if one is not shop]
                pair.gone |= not pair.shops
        self.authorized.discard(shop.id)

    def _worthless(self, pair: Pair) -> bool:
        return pair.gone or (self.strict and pair.spent)

    def _app(self, query: Mapping[str, str], grant_type: str) -> App:
        app = self.app_of(query.get("app_key"))
        given = query.get("app_secret", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, app.secret.encode()):
            raise said("app_secret")
        if query.get("grant_type") != grant_type:
            raise invalid(f"The grant_type must be {grant_type}")
        return app

    def _issue(self, seller: Seller, shops: list[Shop], scopes: tuple[str, ...], app: App) -> dict[str, Any]:
        now = self._clock()
        pair = Pair(
            seller=seller,
            shops=shops,
            access="ROW_" + secrets.token_urlsafe(96),
            refresh="ROW_" + secrets.token_urlsafe(52),
            access_ends=now + self.life,
            refresh_ends=now + self.refresh_life,
            scopes=scopes,
            app=app,
        )
        self._by_access[pair.access] = pair
        self._by_refresh[pair.refresh] = pair
        self.authorized |= {shop.id for shop in shops}
        begin = now if self.relative else 0
        return {
            "access_token": pair.access,
            "access_token_expire_in": round(pair.access_ends - begin),
            "refresh_token": pair.refresh,
            "refresh_token_expire_in": round(pair.refresh_ends - begin),
            "open_id": seller.open_id,
            "seller_name": seller.name,
            "seller_base_region": seller.region,
            "user_type": 0,
            "granted_scopes": list(pair.scopes),
        }
