"""The check of a call's signature and time, by TikTok's published rule."""

import hashlib
import hmac
from collections.abc import Mapping

from sandbox.refusals import Refusal, bad_signature, invalid


def check(secret: str, path: str, query: Mapping[str, str], body: bytes, now: float) -> None:
    """Refuse a call whose timestamp is outside of now - 5 min … now + 30 s, or whose `sign` is wrong.

    `path` as on the wire, `query` decoded, `body` the exact bytes (none for multipart/form-data).
    """
    timestamp = query.get("timestamp", "")
    if len(timestamp) != 10 or not timestamp.isascii() or not timestamp.isdigit():
        raise invalid("The timestamp is invalid: 10-digit Unix seconds")
    if not now - 300 <= int(timestamp) <= now + 30:
        raise invalid("The timestamp is out of range: check your clock")
    if not query.get("sign"):
        raise Refusal(106001, "The sign is missing")
    # Bytes that are no UTF-8 come as surrogates; they have to be signed as they were sent.
    key, given = secret.encode(), query["sign"].encode(errors="surrogateescape")
    if not hmac.compare_digest(expected(key, path, query, body).encode(), given):
        raise bad_signature()


def expected(key: bytes, path: str, query: Mapping[str, str], body: bytes) -> str:
    """The lower-case hex signature of a call."""
    parts = [path]
    for name in sorted(query):
        if name not in ("sign", "access_token"):
            parts += [name, query[name]]
    text = "".join(parts).encode(errors="surrogateescape")
    return hmac.new(key, key + text + body + key, hashlib.sha256).hexdigest()
