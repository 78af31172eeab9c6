"""Codes into tokens, and old tokens into new ones.

TikTok wants app secret, code and refresh token in the query of these two calls. So the URL is made here, goes to
`http.exchange` and nowhere else.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from yarl import URL

from worker.tiktok.errors import Reauthorize, Transient, error_for, printable
from worker.tiktok.http import Answer, Session, exchange

_GET = "/api/v2/token/get"
_REFRESH = "/api/v2/token/refresh"
_TOKEN = re.compile(r"[!-~]{1,4096}")
_SCOPES_MAX = 200
_YEAR_9999 = 253_370_764_800


@dataclass(frozen=True, slots=True)
class Grant:
    """A token pair as TikTok gave it. Times are absolute Unix seconds; the tokens stay out of the repr."""

    access_token: str = field(repr=False)
    access_expires_at: int
    refresh_token: str = field(repr=False)
    refresh_expires_at: int
    open_id: str
    seller_name: str
    seller_region: str
    scopes: tuple[str, ...]


class AuthClient:
    """The token host. Holds the app secret."""

    def __init__(self, session: Session, url: str, app_key: str, app_secret: str) -> None:
        self._session = session
        self._url = URL(url)
        self._app = {"app_key": app_key, "app_secret": app_secret}

    async def redeem(self, code: str) -> Grant:
        """Exchange a one-use authorization code (30 minutes) for a token pair.

        Raises:
            Reauthorize: the code, the app key or the app secret is wrong, or the code has been used.
            Transient: no usable answer; whether the code is used up is unknown.
        """
        return await self._ask(_GET, auth_code=code, grant_type="authorized_code")

    async def refresh(self, refresh_token: str) -> Grant:
        """A new pair for an old refresh token, which may be worthless from the moment this is sent.

        Raises:
            Reauthorize: TikTok refused the refresh token.
            Transient: no usable answer; the outcome is unknown.
        """
        return await self._ask(_REFRESH, refresh_token=refresh_token, grant_type="refresh_token")

    async def _ask(self, path: str, **secrets: str) -> Grant:
        url = self._url.with_path(path).with_query({**self._app, **secrets})
        return _grant(await exchange(self._session, "GET", url))


def _grant(answer: Answer) -> Grant:
    if answer.status == 429 or answer.status >= 500:
        raise Transient(f"the token host answered HTTP {answer.status}")
    try:
        envelope: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        envelope = None
    code = envelope.get("code") if isinstance(envelope, dict) else None
    if not isinstance(code, int):
        raise Transient("the token host's answer is not an envelope")
    request_id = str(envelope.get("request_id") or "")
    if code != 0:
        refusal = error_for(code, str(envelope.get("message") or ""), request_id)
        if isinstance(refusal, Transient) and code not in {36009003, 36009007}:
            # Any code that is not known to pass is a definite no (TikTok, "Refresh access token").
            raise Reauthorize(refusal.message, code=refusal.code, request_id=request_id)
        raise refusal
    data: Any = envelope.get("data")
    try:
        return Grant(
            access_token=_text(data["access_token"]),
            access_expires_at=_moment(data["access_token_expire_in"]),
            refresh_token=_text(data["refresh_token"]) if data.get("refresh_token") else "",
            refresh_expires_at=_moment(data.get("refresh_token_expire_in") or 0),
            open_id=_text(data["open_id"]),
            seller_name=printable(str(data.get("seller_name") or "")),
            seller_region=printable(str(data.get("seller_base_region") or "")),
            scopes=tuple(printable(str(scope)) for scope in (data.get("granted_scopes") or ())[:_SCOPES_MAX]),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        broken = Transient("the token host's answer lacks a token", request_id=request_id)
    raise broken


def _text(value: object) -> str:
    """Tokens go into a header: visible ASCII, and no more than a header may hold."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError
    return value


def _moment(value: object) -> int:
    """Unix seconds; in years that can be written down."""
    moment = int(value) if isinstance(value, int | float | str) else -1
    if not 0 <= moment < _YEAR_9999:
        raise ValueError
    return moment
