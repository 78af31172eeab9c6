"""Sign business calls to TikTok Shop, in both API generations.

Source: TikTok Shop Partner Center, "Sign your API request"; the official vector is in the tests.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache

UNSIGNED = frozenset({"sign", "access_token"})


def sign(secret: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
    """Compute the value of the `sign` parameter.

    Args:
        secret: the app secret.
        path: the path as sent, without host and query: `/product/202309/products/1729…`.
        query: every query parameter with its decoded value; `sign` and `access_token` are left out here.
        body: the exact bytes sent; nothing for a GET, nor for `multipart/form-data`.

    Returns:
        64 lower-case hex digits: HMAC-SHA256 with the secret as key over
        secret + path + each key and value in alphabetical order of the keys + body + secret.
    """
    pairs = "".join([key + query[key] for key in sorted(query) if key not in UNSIGNED])
    signature = _begin(secret).copy()
    signature.update((path + pairs).encode() + body + secret.encode())
    return signature.hexdigest()


@lru_cache(100)
def _begin(secret: str) -> hmac.HMAC:
    """Begin the signatures by an app, which all begin alike: OpenSSL takes most of the time for that."""
    key = secret.encode()
    return hmac.new(key, key, "sha256")
