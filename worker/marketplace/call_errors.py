"""Classify the errors of a call by the caller's next step, as one small tree.

    CallError
    ├── Throttled            stop sending for this shop; `retry_after` if one was given
    │   └── HourlyCap        a test shop's 1,000 calls an hour are used up: wait for the hour
    ├── Transient            try again later: 5xx, time-outs, broken connections, a proxy's page
    │   ├── Unreachable      no connection could be made: nothing was sent
    │   ├── Unreadable       an answer that is no answer: try again, but not for long
    │   ├── TooLarge         an answer beyond the size limit: ask for less at once
    │   └── UnknownCode      a code that no table has: split a batch once, then it is an outage
    ├── TokenRefused         refresh once, call once more
    │   ├── TokenExpired     the access token has run out
    │   └── TokenInvalid     the access token counts for nothing: renewed elsewhere, or taken back
    ├── CipherRefused        the shop's cipher or id is wrong: list the authorized shops again
    ├── ShopBarred           the shop's own standing: keep the ids, say it once, look again rarely
    │   ├── NotAllowed       the scope is missing
    │   └── Inactive         the seller or the shop is inactive
    ├── Misconfigured        our mistake: keep the ids, say it loudly
    │   └── CredentialsRefused   this process's secret, key, clock or certificates: another process may be right
    │       └── AddressRefused   this machine's address is not in the app's allow list
    ├── BadParameter         one of the ids or parameters is refused: halve a batch, give a single id up
    ├── RefreshRefused       at the token host: the refresh token or code is refused for good
    ├── TooManyResults       a search matches more than 10,000 products: narrow it
    ├── PageExpired          a page token is not good any more: begin the query anew
    └── ProductRefused       this product's own error; the others go on
        ├── NotFound         it does not exist, or is frozen: the list decides
        ├── NotThisShop      it belongs to another shop
        └── Unlisted         a 12… code that no table has: the product's, unless all products get it

Each marketplace maps answers to them; `worker/tiktok/refusals.py` does for TikTok. No error carries a URL, a token, a
secret or a body.
"""

from typing import ClassVar


class CallError(Exception):
    """A call that gave no usable answer.

    Attributes:
        code: the marketplace's number, 0 where the failure came before an envelope could be read.
        message: its words, cut to 200 printable characters.
        request_id: its name of the call, which its support asks for; "" if there was none.
        error_class: the class as dead letters, events and logs name it.
    """

    error_class: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: int = 0, request_id: str = "") -> None:
        self.code = code
        self.message = printable(message)
        self.request_id = printable(request_id, 64)
        details = [f"code {code}"] if code else []
        details += [f"request_id {self.request_id}"] if self.request_id else []
        super().__init__(f"{self.message} ({', '.join(details)})" if details else self.message)


class Throttled(CallError):
    """Too many calls. `retry_after` is in seconds, None if none was said."""

    error_class = "throttled"

    def __init__(self, message: str, *, code: int = 0, request_id: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class HourlyCap(Throttled):
    """The hourly cap of a test shop."""

    error_class = "hourly_cap"


class Transient(CallError):
    """Nothing is wrong with the request: try again with backoff."""

    error_class = "transient"


class Unreachable(Transient):
    """No connection could be made: nothing has been sent."""


class Unreadable(Transient):
    """HTTP 200 and yet no answer: a broken envelope, fields of the wrong type, another product."""

    error_class = "unreadable"


class TooLarge(Transient):
    """A body beyond the limit: the next call has to request less."""

    error_class = "too_large"


class UnknownCode(Transient):
    """A code that no table has. It may concern anything, so no conclusion is drawn from it."""

    error_class = "unknown_code"


class TokenRefused(CallError):
    """TikTok refuses the access token: one refresh, one retry."""

    error_class = "token_refused"


class TokenExpired(TokenRefused):
    """The access token has run out."""

    error_class = "token_expired"


class TokenInvalid(TokenRefused):
    """The access token is void: another pair was made, or the seller took the consent back."""

    error_class = "token_invalid"


class CipherRefused(CallError):
    """TikTok refuses the cipher or the shop's id: the authorized shops have to be listed again."""

    error_class = "cipher_refused"


class ShopBarred(CallError):
    """The shop's own standing refuses all of its ids."""

    error_class = "barred"


class NotAllowed(ShopBarred):
    """The consent lacks the scope of this endpoint."""

    error_class = "not_allowed"


class Inactive(ShopBarred):
    """The seller or the shop is inactive."""

    error_class = "inactive"


class Misconfigured(CallError):
    """Our mistake: path, method, version, a missing parameter."""

    error_class = "misconfigured"


class CredentialsRefused(Misconfigured):
    """A mistake of this process, whatever the shop: signature, app key, secret, clock, certificate."""


class AddressRefused(CredentialsRefused):
    """This machine's address is not in the app's allow list."""

    error_class = "not_allowed"


class BadParameter(CallError):
    """One of the ids, or another parameter, is refused."""

    error_class = "bad_parameter"


class RefreshRefused(CallError):
    """The token host refuses a refresh token or a code for good: the one evidence that a consent has ended."""

    error_class = "reauthorize"


class TooManyResults(CallError):
    """A query that matches more than 10,000 products is not answered at all."""

    error_class = "too_many_results"


class PageExpired(CallError):
    """A page token has expired."""

    error_class = "page_expired"


class ProductRefused(CallError):
    """The product's own failure: the others go on."""

    error_class = "product_refused"


class NotFound(ProductRefused):
    """The detail knows no such product: it does not exist, or it is frozen."""

    error_class = "not_found"


class NotThisShop(ProductRefused):
    """The product belongs to another shop."""

    error_class = "not_this_shop"


class Unlisted(ProductRefused):
    """A 12… code that no table has."""


def is_doubtful(error: CallError) -> bool:
    """Tell whether the marketplace may have done what a call without a usable answer asked for."""
    return isinstance(error, Transient) and not isinstance(error, UnknownCode | Unreachable)


def printable(text: str, limit: int = 200) -> str:
    """Put `text` on one line, without control characters, at most `limit` characters."""
    cut = text[:limit]
    return "".join(c if c.isprintable() else " " for c in cut).strip()
