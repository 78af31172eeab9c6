"""Map answers to errors by one table over HTTP status, code and words.

`docs/tiktok.md` is generated from the table. TikTok reuses one number (36009004) for a dozen failures, tells errors
with HTTP 200, and lets proxies answer in its place. So all three are read together. Source: TikTok Shop Partner Center,
"Common errors", and the error tables of the calls that are made here.
"""

import re
from dataclasses import dataclass
from typing import Final

from worker.marketplace.call_errors import (
    AddressRefused,
    BadParameter,
    CallError,
    CipherRefused,
    CredentialsRefused,
    HourlyCap,
    Inactive,
    Misconfigured,
    NotAllowed,
    NotFound,
    NotThisShop,
    PageExpired,
    ProductRefused,
    RefreshRefused,
    Throttled,
    TokenExpired,
    TokenInvalid,
    TooManyResults,
    Transient,
    UnknownCode,
    Unlisted,
)

REUSED: Final = 36009004
"""The code of a dozen different failures. The message decides."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        kind: the class of the error.
        codes: TikTok's numbers; empty where the words decide.
        words: alternatives; of each all parts must be in the message, written in lower case with `_` for all else.
        anywhere: the words also decide for a code that no row has.
    """

    kind: type[CallError]
    codes: tuple[int, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()
    anywhere: bool = False


# Words are searched in this order: the narrower sentence comes first.
TABLE: Final = (
    Row(HourlyCap, (36009037,), (("hourly", "limit"), ("daily", "limit"), ("hourly", "quota"), ("daily", "quota")),
        anywhere=True),
    Row(Throttled, (36009002, 12052109),
        (("too_many", "requests"), ("requests", "over_limit"), ("rate_limit",), ("_qps_",), ("too_frequent",)),
        anywhere=True),
    Row(Transient, (36009003, 36009007, 12001000, 12052881, 33001002)),
    Row(CredentialsRefused, (106001, 36004003),
        (("app_secret",), ("app_key",), ("app", "secret", "invalid"), ("invalid_timestamp",)), anywhere=True),
    Row(CredentialsRefused, words=(("signature",), ("_sign_", "invalid"), ("timestamp",))),
    Row(Misconfigured, words=(("cipher", "not_required"), ("cipher", "is_required"), ("api_version",))),
    Row(AddressRefused, (36009033,), (("ip_address", "allow"),), anywhere=True),
    Row(NotAllowed, (105005,), (("access_scope",),), anywhere=True),
    Row(Inactive, (36009043, 36009044, 12052700, 12052704, 12019112, 12019114, 12009014, 12052995),
        (("seller_is_inactive",), ("shop_is_inactive",), ("inactive_seller",), ("inactive_shop",),
         ("seller_is_not_active",), ("shop_is_not_active",)), anywhere=True),
    Row(TokenExpired, (105002,), (("access_token", "expired"),), anywhere=True),
    Row(CipherRefused, (106011, 101000), (("shop_cipher", "invalid"), ("category_asset_cipher", "invalid"),
                                          ("shop_id", "invalid")), anywhere=True),
    Row(TokenInvalid, words=(("access_token",),), anywhere=True),
    Row(Misconfigured, (106013, 36009009, 36009010, 36009014)),
    Row(RefreshRefused, (36004001, 36004004, 36004005, 98001006),
        (("refresh_token", "invalid"), ("refresh_token", "expired"), ("refresh_token", "revoked"),
         ("refresh_token", "not_exist"), ("refresh_token", "not_found")), anywhere=True),
    Row(BadParameter, (98001004, 11050001, 12052910, 12019118, 12019119, 12019027, 36009021, 36009022, 36009023)),
    Row(PageExpired, words=(("page_token",),)),
    Row(TooManyResults, (12052180,)),
    Row(NotFound, (12019150, 12052032)),
    Row(NotThisShop, (12052034,)),
    Row(ProductRefused, (12019008,)),
)  # fmt: skip
_BY_CODE: Final = {code: row.kind for row in TABLE for code in row.codes}
_REFRESH_IS_NOT_JUDGED: Final = (
    "too_many", "frequent", "limit", "missing", "required", "empty", "grant_type", "timeout", "timed_out", "retry",
    "try_again", "internal", "unavailable", "failed_to",
)  # fmt: skip
"""Words beside a refresh token's name that don't concern the consent."""


def error_for(code: int, message: str, request_id: str = "") -> CallError:
    """Give the error of an envelope with this code, which isn't 0."""
    kind = _BY_CODE.get(code) or _by_words(message, unknown=code != REUSED)
    if kind is None:
        kind = Unlisted if str(code).startswith("12") else UnknownCode
    return kind(message, code=code, request_id=request_id)


def error_of(status: int, refused: CallError | None, retry_after: float | None = None) -> CallError:
    """Give the error of an answer whose HTTP status is not 200.

    Args:
        status: the HTTP status.
        refused: the error of the envelope; None without an envelope or a meaning.
        retry_after: seconds, as the header says.
    """
    if status == 429 or (isinstance(refused, Throttled) and status != 200):
        kind = HourlyCap if isinstance(refused, HourlyCap) else Throttled
        code, request_id = (refused.code, refused.request_id) if refused else (0, "")
        return kind(f"HTTP {status}", code=code, request_id=request_id, retry_after=retry_after)
    if status >= 500:
        return Transient(
            f"HTTP {status}", code=refused.code if refused else 0, request_id=refused.request_id if refused else ""
        )
    # A page of a proxy or gateway doesn't concern the token, with any status.
    return refused or Transient(f"HTTP {status} without an envelope")


def plain(message: str) -> str:
    """Write TikTok's words so that backticks, hyphens and case don't matter: `_the_x_tts_access_token_header_`."""
    return "_" + re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_") + "_"


def _by_words(message: str, *, unknown: bool) -> type[CallError] | None:
    said = plain(message)
    for row in TABLE:
        if unknown and not row.anywhere:
            continue
        if any(all(word in said for word in words) for words in row.words):
            if row.kind is RefreshRefused and any(word in said for word in _REFRESH_IS_NOT_JUDGED):
                continue
            return row.kind
    return None
