"""What can go wrong with a call, as one small tree whose classes are what the caller must do.

    TikTokError
    ├── Throttled            stop sending for this shop; `retry_after` if TikTok gave one
    │   └── HourlyCap        a test shop's 100 or 1,000 calls an hour are used up: wait for the hour
    ├── Transient            try again later: 5xx, time-outs, broken connections
    │   └── Unreadable       an answer that is no answer: try again, but not for long
    ├── TokenExpired         refresh once, call once more
    ├── Reauthorize          the seller must authorize again
    ├── NotAllowed           scope, IP allow list, shop or seller inactive: say it, do not retry
    ├── Misconfigured        our mistake or our clock: say it loudly, do not retry
    ├── TooManyResults       a search matches more than 10,000 products: narrow it
    ├── PageExpired          a page token is not good any more: begin the query anew
    └── ProductRefused       this product's own error; the others go on
        ├── NotFound         it does not exist (any more)
        └── NotThisShop      it belongs to another shop

The code numbers and what they mean: `docs/tiktok.md`. No error carries a URL, a token, a secret or a body.
"""


class TikTokError(Exception):
    """A call that gave no usable answer.

    Attributes:
        code: TikTok's number, 0 where the failure came before an envelope could be read.
        message: TikTok's words, cut to 200 printable characters.
        request_id: TikTok's, which its support asks for; "" if there was none.
    """

    error_class = "error"

    def __init__(self, message: str, *, code: int = 0, request_id: str = "") -> None:
        self.code = code
        self.message = printable(message)
        self.request_id = printable(request_id, 64)
        told = [f"code {code}"] if code else []
        told += [f"request_id {self.request_id}"] if self.request_id else []
        super().__init__(f"{self.message} ({', '.join(told)})" if told else self.message)


class Throttled(TikTokError):
    """HTTP 429 or 36009002. `retry_after` is in seconds, None if TikTok did not say."""

    error_class = "throttled"

    def __init__(self, message: str, *, code: int = 0, request_id: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class HourlyCap(Throttled):
    """36009037: the hourly cap of a test shop."""

    error_class = "hourly_cap"


class Transient(TikTokError):
    """Nothing is wrong with the request: try again with backoff."""

    error_class = "transient"


class Unreadable(Transient):
    """HTTP 200 and yet no answer: not JSON, not an envelope, fields of the wrong type, another product."""

    error_class = "unreadable"


class TokenExpired(TikTokError):
    """105002: the access token has run out."""

    error_class = "token_expired"


class Reauthorize(TikTokError):
    """The token is worth nothing any more: only the seller can help."""

    error_class = "reauthorize"


class NotAllowed(TikTokError):
    """Scope, allow list, inactive shop or seller."""

    error_class = "not_allowed"


class Misconfigured(TikTokError):
    """Signature, timestamp, app key, cipher, path, method or version."""

    error_class = "misconfigured"


class TooManyResults(TikTokError):
    """12052180: a query that matches more than 10,000 products is not answered at all."""

    error_class = "too_many_results"


class PageExpired(TikTokError):
    """36009004 with "page_token"."""

    error_class = "page_expired"


class ProductRefused(TikTokError):
    """A 12… code: this product fails, the others go on."""

    error_class = "product_refused"


class NotFound(ProductRefused):
    """The product does not exist."""

    error_class = "not_found"


class NotThisShop(ProductRefused):
    """The product belongs to another shop."""

    error_class = "not_this_shop"


def printable(text: str, limit: int = 200) -> str:
    """`text` on one line, without control characters, at most `limit` characters."""
    cut = text[:limit]
    return "".join(c if c.isprintable() else " " for c in cut).strip()


_BY_CODE: dict[int, type[TikTokError]] = {
    36009002: Throttled,
    36009037: HourlyCap,
    **dict.fromkeys((36009003, 36009007, 12001000, 12052881, 33001002), Transient),
    105002: TokenExpired,
    101000: Reauthorize,
    **dict.fromkeys((105005, 36009033, 36009043, 36009044), NotAllowed),
    **dict.fromkeys((106001, 106013, 36009009, 36009010, 36009014), Misconfigured),
    **dict.fromkeys((12019150, 12052032), NotFound),
    12052034: NotThisShop,
    12052180: TooManyResults,
}
# 36009004 is used for about a dozen failures, so its words decide.
_BY_WORDS: dict[str, type[TikTokError]] = {
    "access_token": Reauthorize,
    "signature": Misconfigured,
    "timestamp": Misconfigured,
    "app_key": Misconfigured,
    "page_token": PageExpired,
}


def error_for(code: int, message: str, request_id: str = "") -> TikTokError:
    """The error that an envelope with this code stands for. An unknown code may pass: it is Transient."""
    known = _BY_CODE.get(code)
    if known is None and code == 36009004:
        known = next((kind for word, kind in _BY_WORDS.items() if word in message), None)
    if known is None:
        known = ProductRefused if str(code).startswith("12") else Transient
    return known(message, code=code, request_id=request_id)
