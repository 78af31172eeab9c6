"""Seal and unseal an authorization. In Redis its ciphers are apart from its token pair."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import orjson

from worker.marketplace.call_errors import CallError
from worker.marketplace.values import Grant
from worker.tokens.vault import Undecryptable, Vault


class TokenError(Exception):
    """No usable token. The text says what to do and holds no secret."""


class Unauthorized(TokenError):
    """No such authorization."""


class ReauthorizationRequired(TokenError):
    """The seller has to authorize again."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the seller must authorize again: {reason}")
        self.reason = reason


class RefreshUnavailable(TokenError):
    """No newer pair now; try again after `seconds`. `error` is TikTok's, if this very call met one."""

    def __init__(self, reason: str, seconds: float = 60.0, error: CallError | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.error = error


class RecordUnusable(TokenError):
    """This worker can't use the record, and another one perhaps can. It says nothing about the consent."""


class RecordUnreadable(RecordUnusable):
    """The record can't be decrypted: see `Undecryptable`."""


class IssuedElsewhere(RecordUnusable):
    """The tokens belong to another app or host than this worker's, so that each call with them could only fail."""

    def __init__(self) -> None:
        super().__init__("the authorization belongs to another app or host: see `shopstream status`")


@dataclass(frozen=True, slots=True)
class Authorization:
    """A seller's consent as a worker uses it. The secrets are out of its repr."""

    id: str
    version: int
    grant: Grant
    ciphers: Mapping[str, str] = field(repr=False)
    """Shop id → shop_cipher."""
    issued_at: float
    """Unix seconds."""
    app_key: str = ""
    """The key of the app that it was sealed for; "" if an older version has sealed it."""
    app: str = ""
    """The name of the app that it belongs to; "" is the app of `SHOPSTREAM_APP_KEY`."""


def seal(
    vault: Vault, name: str, grant: Grant, ciphers: Mapping[str, str], issued_at: float, app_key: str = ""
) -> bytes:
    """Encrypt a pair for an app. It includes the ciphers too: workers of an older version read them there."""
    document = {"grant": asdict(grant), "ciphers": dict(ciphers), "issued_at": issued_at, "app_key": app_key}
    return vault.seal(name, orjson.dumps(document))


def seal_ciphers(vault: Vault, name: str, ciphers: Mapping[str, str]) -> bytes:
    """Encrypt the ciphers alone, so that a renewed pair and a new list of shops never overwrite each other."""
    return vault.seal(name, orjson.dumps(dict(ciphers)))


def unseal(vault: Vault, name: str, version: int, pair: bytes, ciphers: bytes) -> Authorization:
    """Decrypt a record. `ciphers` is b"" in records of older versions, which have them beside the pair.

    Raises:
        RecordUnreadable: no key opens it, or it belongs to another authorization.
    """
    try:
        document = orjson.loads(vault.open(name, pair))
        known = orjson.loads(vault.open(name, ciphers)) if ciphers else document["ciphers"]
    except Undecryptable as error:
        reason = str(error)
    else:
        grant = Grant(**document["grant"] | {"scopes": tuple(document["grant"]["scopes"])})
        return Authorization(
            id=name, version=version, grant=grant, ciphers=known, issued_at=document["issued_at"],
            app_key=document.get("app_key", ""),
        )  # fmt: skip
    raise RecordUnreadable(reason)
