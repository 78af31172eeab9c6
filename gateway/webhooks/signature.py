"""Verify the signature of TikTok's webhooks, in constant time.

`Authorization` is HMAC-SHA256 in lower-case hex, with the app secret as key, over the app key and the raw body. Source:
TikTok Shop Partner Center, "Webhooks overview"; its vector is in the tests.
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_HEX: Final = re.compile(r"[0-9a-f]{64}")


class AppSecrets(NamedTuple):
    """A further app: its name, its key and its secrets."""

    name: str
    key: str
    secrets: Sequence[str]

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"AppSecrets({self.name!r}, {self.key!r})"


class Verifier:
    """The app key and the app secrets, and those of further apps. All secrets verify, so that one can be renewed."""

    def __init__(self, app_key: str, secrets: Sequence[str], further: Iterable[AppSecrets] = ()) -> None:
        self._secrets = [
            (app.name, app.key.encode(), secret.encode())
            for app in (AppSecrets("", app_key, secrets), *further)
            for secret in app.secrets
        ]

    def find_app(self, signatures: Sequence[str], body: bytes) -> str | None:
        """Find the name of the app with one of whose secrets a body was signed; "" is the default one, None is none.

        Args:
            signatures: the values of all `Authorization` headers. A request has exactly one.
            body: the raw bytes.
        """
        if len(signatures) != 1 or not _HEX.fullmatch(signatures[0]):
            return None
        given, found = bytes.fromhex(signatures[0]), None
        for name, key, secret in self._secrets:
            # No secret ends the loop, so that the time doesn't tell which one fits.
            if hmac.compare_digest(given, hmac.digest(secret, key + body, "sha256")):
                found = name
        return found
