"""Keep the sessions of people who have logged in: random ids in cookies, their SHA-256 in Redis, with an end."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from redis.asyncio import Redis

from gateway.door import AccessToken
from shopstream.redis.deployment_keys import session_key

LONGEST_SECONDS: Final = 12 * 3_600
"""Seconds after which a session ends, however much it is used."""
IDLE_SECONDS: Final = 30 * 60
"""Seconds without a page after which it ends."""
SECURE_COOKIE: Final = "__Host-shopstream-session"
PLAIN_COOKIE: Final = "shopstream-session"
"""The cookie's name over plain http, where browsers refuse a `__Host-` cookie."""


class _StoredSession(msgspec.Struct):
    """A session in Redis. `token` is a digest of its token's digest, `begun` Unix seconds."""

    holder: str
    token: str
    begun: int


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of all gateways.

    Attributes:
        redis: the pool of the door.
        tokens: the tokens that may begin one. A session ends with the token that began it.
        clock: gives Unix seconds.
    """

    redis: Redis
    tokens: Sequence[AccessToken]
    clock: Callable[[], float] = time.time

    async def begin(self, token: AccessToken) -> str:
        """Begin a session and return its id, 256 random bits, for the cookie alone."""
        name = secrets.token_urlsafe(32)
        stored = _StoredSession(token.name, _digest(token.digest), int(self.clock()))
        await self.redis.set(_key(name), msgspec.json.encode(stored), ex=IDLE_SECONDS)
        return name

    async def find(self, name: str) -> AccessToken | None:
        """Find the token of a living session and count this as a use of it; None if there is none."""
        raw = await self.redis.get(_key(name))
        if raw is None:
            return None
        stored = msgspec.json.decode(raw, type=_StoredSession)
        left = stored.begun + LONGEST_SECONDS - int(self.clock())
        token = next((one for one in self.tokens if one.name == stored.holder), None)
        if left <= 0 or token is None or _digest(token.digest) != stored.token:
            await self.redis.delete(_key(name))
            return None
        await self.redis.expire(_key(name), min(left, IDLE_SECONDS))
        return token

    async def end(self, name: str) -> None:
        """End a session, wherever its cookie is."""
        await self.redis.delete(_key(name))


def read_cookie(cookies: Mapping[str, str]) -> str:
    """Read the session's id from a request's cookies; "" without one."""
    return cookies.get(SECURE_COOKIE) or cookies.get(PLAIN_COOKIE) or ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _key(name: str) -> str:
    return session_key(_digest(name))
