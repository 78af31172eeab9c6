"""The check of a call's signature and time, by TikTok's published rule."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from shopstream_sandbox.refusal.refusals import said

_SECONDS: Final = re.compile(r"-?\d{1,20}", re.ASCII)
_EARLIEST: Final = 300  # seconds before now
_LATEST: Final = 30  # seconds after it


def check(secret: str, path: str, query: Mapping[str, str], body: bytes, now: float) -> None:
    """Refuse a call whose timestamp is outside of now - 5 min … now + 30 s, or whose `sign` is wrong or missing.

    `path` as on the wire, `query` decoded, `body` the exact bytes (none for multipart/form-data).
    """
    _check_time(query.get("timestamp", ""), now)
    if not query.get("sign"):
        raise said("signature_missing")
    # Bytes that are no UTF-8 come as surrogates; they have to be signed as they were sent.
    key, given = secret.encode(), query["sign"].encode(errors="surrogateescape")
    if not hmac.compare_digest(expected(key, path, query, body).encode(), given):
        raise said("sign")


def _check_time(timestamp: str, now: float) -> None:
    """Refuse a time that is too far from `now`; one that is no number counts as 0."""
    seconds = int(timestamp) if _SECONDS.fullmatch(timestamp) else 0
    if seconds < 0:
        raise said("timestamp_negative")
    if seconds < now - _EARLIEST:
        raise said("timestamp_old")
    if seconds > now + _LATEST:
        raise said("timestamp_ahead")


def expected(key: bytes, path: str, query: Mapping[str, str], body: bytes) -> str:
    """The lower-case hex signature of a call."""
    parts = [path]
    for name in sorted(query):
        if name not in ("sign", "access_token"):
            parts += [name, query[name]]
    text = "".join(parts).encode(errors="surrogateescape")
    return hmac.new(key, key + text + body + key, hashlib.sha256).hexdigest()
