"""The page on which a seller consents, without a page: it leads back at once, as the control calls say."""

from collections.abc import Mapping, Sequence

from yarl import URL

from shopstream_sandbox.consent.tokens import Seller, Tokens


class Consents:
    """The answers that sellers give on the page.

    Attributes:
        redirect_url: the address that is registered for the app; None before one is.
        denied: whether the seller refuses.
        seller: who is logged in.
        scopes: those of this consent alone; None for the seller's.
    """

    def __init__(self, tokens: Tokens, sellers: Sequence[Seller]) -> None:
        self.redirect_url: str | None = None
        self.denied = False
        self.seller = sellers[0]
        self.scopes: tuple[str, ...] | None = None
        self._tokens = tokens
        self._sellers = {seller.name: seller for seller in sellers}

    def way_back(self, query: Mapping[str, str]) -> str:
        """Give the address to which the page leads. Raises ValueError for a page that TikTok wouldn't show."""
        app = next((one for one in self._tokens.apps if one.service_id == query.get("service_id")), None)
        if app is None:
            raise ValueError("there is no service of this service_id")
        if self.redirect_url is None:
            raise ValueError("no redirect URL is registered: --redirect-url, or the control call consent")
        seller = self._sellers.get(query.get("seller", self.seller.name))
        if seller is None:
            raise ValueError("there is no such seller")
        state = {"state": query["state"]} if "state" in query else {}
        if self.denied:
            answer = {"code": "null", "error": "auth_denied"}
        else:
            code = self._tokens.code_for(seller, self.scopes, app)
            answer = {"app_key": app.key, "code": code, "locale": "en", "shop_region": seller.region}
        return str(URL(self.redirect_url).update_query(answer | state))
