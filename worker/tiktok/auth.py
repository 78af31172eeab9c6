"""Exchange codes for tokens, and old tokens for new ones.

TikTok wants app secret, code and refresh token in the query of these two calls. So the URL is made here, goes to
`http.exchange` and nowhere else.

A pair that has come is the only copy, so nothing odd beside its two tokens may cost it: no odd text, no
HTTP status, and no missing end of the answer.
"""

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from yarl import URL

from worker.marketplace.call_errors import CallError, Transient, printable
from worker.marketplace.values import Grant
from worker.tiktok.decoding import refusal
from worker.tiktok.hiding import hide
from worker.tiktok.http import Answer, Session, exchange, find_retry_after
from worker.tiktok.refusals import error_of

_GET: Final = "/api/v2/token/get"
_REFRESH: Final = "/api/v2/token/refresh"
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_SCOPES_MAX: Final = 200
_YEAR_9999: Final = 253_370_764_800
_DURATIONS: Final = 10**9
"""Seconds. A smaller expiry is a duration, since as a moment it would lie in 2001 or before."""
_UNKNOWN_LIFE: Final = 3_600
"""Seconds that an access token lives if TikTok gives no readable expiry: the early refresh logs its own."""


class AuthClient:
    """The token host. Holds the app secret."""

    def __init__(
        self, session: Session, url: str, app_key: str, app_secret: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._session = session
        self._url = URL(url)
        self._app = {"app_key": app_key, "app_secret": app_secret}
        self._clock = clock

    async def redeem(self, code: str) -> Grant:
        """Exchange a one-use authorization code (30 minutes) for a token pair.

        Raises:
            RefreshRefused: the code is wrong, too old or used.
            Transient: no usable answer, so it is unknown if the code is used up.
            CallError: any other of its classes.
        """
        grant = await self._ask(_GET, "authorized_code", auth_code=code)
        if not grant.open_id:
            raise Transient("the token host's answer names no seller")
        return grant

    async def refresh(self, refresh_token: str) -> Grant:
        """Exchange an old refresh token for a new pair. The old one may be void from the moment of the call.

        Raises:
            RefreshRefused: TikTok refused the refresh token for good.
            Transient: no usable answer; the outcome is unknown.
            CallError: any other of its classes: the refresh token was not judged.
        """
        return await self._ask(_REFRESH, "refresh_token", refresh_token=refresh_token)

    async def _ask(self, path: str, grant_type: str, **secrets: str) -> Grant:
        url = self._url.with_path(path).with_query({**self._app, **secrets, "grant_type": grant_type})
        answer = await exchange(self._session, "GET", str(url), once=True)
        error = self._error(answer, (self._app["app_secret"], *secrets.values()))
        if error is not None:
            try:
                raise error
            finally:
                del error
        return _grant(_read(answer.body), self._clock())

    def _error(self, answer: Answer, secrets: Iterable[str]) -> CallError | None:
        refused = refusal(hide(answer.body, *secrets))
        if answer.status != 200:
            if refused is None and _has_pair(_read(answer.body)):
                return None  # what a gateway answers in TikTok's place has no tokens
            return error_of(answer.status, refused, find_retry_after(answer, self._clock()))
        return refused


def _read(body: bytes) -> Any:
    """Parse an answer. A name may be cut within a character, which only the lenient parser reads."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def _has_pair(envelope: Any) -> bool:
    """Tell whether a success has both tokens."""
    data = envelope.get("data") if isinstance(envelope, dict) and str(envelope.get("code")) == "0" else None
    return isinstance(data, dict) and all(
        isinstance(token := data.get(name), str) and _TOKEN.fullmatch(token)
        for name in ("access_token", "refresh_token")
    )


def _grant(envelope: Any, now: float) -> Grant:
    try:
        data = envelope["data"]
        access, refresh = _text(data["access_token"]), data.get("refresh_token")
    except (TypeError, KeyError, ValueError, AttributeError):
        broken = Transient("the token host's answer lacks a token")
    else:
        return Grant(
            access_token=access,
            access_expires_at=_moment(data.get("access_token_expire_in"), now) or int(now) + _UNKNOWN_LIFE,
            refresh_token=refresh if isinstance(refresh, str) and _TOKEN.fullmatch(refresh) else "",
            refresh_expires_at=_moment(data.get("refresh_token_expire_in"), now),
            open_id=printable(data["open_id"]) if isinstance(data.get("open_id"), str) else "",
            seller_name=printable(str(data.get("seller_name") or "")),
            seller_region=printable(str(data.get("seller_base_region") or "")),
            scopes=_scopes(data.get("granted_scopes")),
        )
    raise broken


def _scopes(value: object) -> tuple[str, ...]:
    names = re.split(r"[\s,]+", value) if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(printable(str(name)) for name in names[:_SCOPES_MAX] if name)


def _text(value: object) -> str:
    """Check a token, which goes into a header: visible ASCII, and no longer than a header may be."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError
    return value


def _moment(value: object, now: float) -> int:
    """Read an expiry as Unix seconds; 0 if it is malformed, or beyond the years that RFC 3339 can write.

    TikTok's field is named as a duration and holds a moment; clients have met both.
    """
    try:
        moment = int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
    if 0 < moment < _DURATIONS:
        moment += int(now)
    return moment if 0 < moment < _YEAR_9999 else 0
