"""TikTok's own sentences, word for word, as people have met them. `tests/fixtures/errors.json` holds the same ones.

Workers tell a dozen failures apart by these words alone, so not one of them is ours. What TikTok has no public sentence
for stands in `refusals.py`.
"""

from typing import Final, NamedTuple


class Sentence(NamedTuple):
    """One refusal: TikTok's number, its words, and the HTTP status."""

    code: int
    words: str
    status: int = 200


SENTENCES: Final = {
    "throttled": Sentence(36009002, "Too many requests. You've made too many requests in a short period of time.", 429),
    "timeout": Sentence(36009007, "Request timeout. The request to the endpoint timed out."),
    "path": Sentence(36009009, "Invalid path. The specified path does not match any available endpoint.", 404),
    "method": Sentence(36009010, "Invalid method. The HTTP method used is not supported by this endpoint.", 405),
    "format": Sentence(
        36009022,
        "Invalid request format. The request body format must be `application/json` for structured data or"
        " `multipart/form-data` for binary files.",
    ),
    "scope": Sentence(
        105005,
        "Access denied. The app is not authorized to access the endpoint because the access scopes granted for the app"
        " or the access token do not contain the required access scope for the endpoint.",
    ),
    "token_of_another": Sentence(
        101000,
        "Invalid query or header. The `category_asset_cipher` query parameter or `x-tts-access-token` header is"
        " invalid.",
    ),
    "cipher": Sentence(106011, "Invalid shop_cipher"),
    "allow_list": Sentence(
        36009033, "Access denied. Your IP address is not in the IP allow list configured for this app."
    ),
    "expired": Sentence(
        105002, "Expired credentials. The `access_token` or `x-tts-access-token` header has expired.", 401
    ),
    "sign": Sentence(106001, "Invalid credentials. The `sign` query parameter is invalid."),
    "signature_missing": Sentence(
        36009004, "Missing credentials. The request does not include a required signature in the query."
    ),
    "access_token": Sentence(36009004, "Invalid credentials. The `access_token` header is invalid.", 401),
    "x-tts-access-token": Sentence(36009004, "Invalid credentials. The `x-tts-access-token` header is invalid.", 401),
    "app_key": Sentence(36009004, "Invalid credentials. Invalid `app_key` query parameter."),
    "timestamp_negative": Sentence(
        36009004, "Invalid timestamp. The value of the `timestamp` query parameter must not be lesser than 0."
    ),
    "timestamp_old": Sentence(
        36009004,
        "Invalid timestamp. The value of the `timestamp` query parameter must not be earlier than 5 minutes before the"
        " current time.",
    ),
    "timestamp_ahead": Sentence(
        36009004,
        "Invalid timestamp. The value of the `timestamp` query parameter must not exceed the current time by more than"
        " 30 seconds.",
    ),
    "cipher_missing": Sentence(
        106013, "Missing identifier. The `shop_cipher` query parameter is required to identify the target shop."
    ),
    "cipher_unneeded": Sentence(
        36009004, "Unexpected identifier. The `shop_cipher` query parameter is not required for this request."
    ),
    "shop_id": Sentence(36009004, "Invalid identifier. The `shop_id` query parameter is invalid."),
    "version": Sentence(36009014, "Invalid API version. The `version` value is invalid or unsupported."),
    "version_by_general_number": Sentence(
        36009004, "Invalid API version. The `version` value is invalid or unsupported."
    ),
    "shop_inactive": Sentence(36009043, "The shop is inactive", 401),
    "seller_inactive_at_gateway": Sentence(36009044, "The seller is inactive", 401),
    "seller_inactive": Sentence(12052700, "The seller is inactive."),
    "merchants_over_limit": Sentence(12052109, "the number of requests from merchants over limit"),
    "parameter": Sentence(98001004, "Parameter product_ids is invalid. Reason: {id} is not available."),
    "not_found": Sentence(12052032, "product not exist"),
    "seller_skus": Sentence(12019027, "seller_skus exceed limit"),
    "too_many": Sentence(12052180, "the query matches more than 10000 products"),
    "refresh_expired": Sentence(36004001, "rt has expired"),
    "app_secret": Sentence(36004003, "Invalid app secret"),
    "auth_code": Sentence(36004004, "Invalid auth code."),
    "no_such_grant": Sentence(36004005, "can not find related auth record"),
}
"""By a name of ours. `{id}` stands for the product or SKU in question."""


def of_code(code: int) -> Sentence:
    """TikTok's sentence for a number. A number without a public one gets words of ours."""
    return next((one for one in SENTENCES.values() if one.code == code), Sentence(code, "The request is refused"))
