"""Hide the secrets of a call in its refusal, before a word of it is read.

TikTok's words go into events, dead letters and the registry, which others read. Gateways may repeat the URL of a call
in theirs. Pure.
"""

import re
from typing import Final

_LEAST: Final = 12
"""Characters of a secret at least: TikTok's have twice as many, and a shorter one might be a word of the sentence."""
_GONE: Final = b"[redacted]"
_PLAIN: Final = re.compile(rb"[0-9A-Za-z]+")


def hide(refusal: bytes, *secrets: str) -> bytes:
    """Give the body of a refusal without the secrets of its call, plain or as URLs and JSON have them."""
    for secret in map(str.encode, secrets):
        # No program escapes letters and digits, so most refusals need no further look.
        if len(secret) >= _LEAST and max(_PLAIN.findall(secret), key=len, default=b"") in refusal:
            refusal = re.sub(b"".join(map(_match, secret)), _GONE, refusal)
    return refusal


def _match(byte: int) -> bytes:
    """Give a pattern of one byte. Programs differ in what they escape."""
    plain = bytes([byte])
    return plain if plain.isalnum() else b"(?i:%%%02X|\\\\u00%02X|\\\\?%b)" % (byte, byte, re.escape(plain))
