"""Verify the signature of TikTok's webhooks, in constant time.

`Authorization` is HMAC-SHA256 in lower-case hex, with the app secret as key, over the app key and the raw body. Source:
TikTok Shop Partner Center, "Webhooks overview"; its vector is in the tests.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

_HEX: Final = re.compile(r"[0-9a-f]{64}")


class Verifier:
    """The app key and the app secrets. All secrets verify, so that one can be renewed."""

    def __init__(self, app_key: str, secrets: Sequence[str]) -> None:
        self._app_key = app_key.encode()
        self._secrets = [secret.encode() for secret in secrets]

    def verify(self, signatures: Sequence[str], body: bytes) -> bool:
        """Tell whether a body was signed with one of the secrets.

        Args:
            signatures: the values of all `Authorization` headers. A request has exactly one.
            body: the raw bytes.
        """
        if len(signatures) != 1 or not _HEX.fullmatch(signatures[0]):
            return False
        given, text, good = bytes.fromhex(signatures[0]), self._app_key + body, False
        for secret in self._secrets:
            # No secret ends the loop, so that the time doesn't tell which one fits.
            good |= hmac.compare_digest(given, hmac.digest(secret, text, "sha256"))
        return good
