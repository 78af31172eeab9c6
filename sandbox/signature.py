"""The check of a call's signature and time, by TikTok's published rule."""

import hashlib
import hmac
from collections.abc import Mapping

from sandbox.refusals import Refusal, bad_signature, invalid


def check(secret: str, path: str, query: Mapping[str, str], body: bytes, now: float) -> None:
    """Refuse a call whose timestamp is outside of now - 5 min … now + 30 s, or whose `sign` is wrong."""
    timestamp = query.get("timestamp", "")
    if len(timestamp) != 10 or not timestamp.isascii() or not timestamp.isdigit():
        raise invalid("The timestamp is invalid: 10-digit Unix seconds")
    if not now - 300 <= int(timestamp) <= now + 30:
        raise invalid("The timestamp is out of range: check your clock")
    if not query.get("sign"):
        raise Refusal(106001, "The sign is missing")
    parts = [secret, path]
    for name in sorted(query):
        if name not in ("sign", "access_token"):
            parts += [name, query[name]]
    text = "".join(parts).encode() + body + secret.encode()
    if not hmac.compare_digest(hmac.new(secret.encode(), text, hashlib.sha256).hexdigest(), query["sign"]):
        raise bad_signature()
