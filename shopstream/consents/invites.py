"""Invite a seller to consent, and bind the consent that comes back to the invite and to the seller's browser.

An invite is a random token in a URL. Redis has its SHA-256 alone. The seller's browser opens the URL and gets a cookie,
and TikTok gets a state. A consent counts only with both: then it was begun by this invite, in this browser.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from redis.asyncio import Redis

from shopstream.ids import InvalidArgument, show
from shopstream.redis import clock
from shopstream.redis.deployment_keys import begun_key, invite_key, invite_lock_key

LONGEST_SECONDS: Final = 7 * 86_400
"""Seconds that an invite lives at most."""
BEGUN_SECONDS: Final = 1_800
"""Seconds between the seller's click and TikTok's answer, at most."""
_LOCK_SECONDS: Final = 90
"""Seconds for which one consent has an invite to itself: longer than a worker is waited for."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LABEL_MOST: Final = 100
_HOST: Final = "https://services.tiktokshop.com"
_US_HOST: Final = "https://services.us.tiktokshop.com"
_PATH: Final = "/open/authorize"
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite, as its maker alone sees it.

    Attributes:
        token: the secret part of its URL.
        label: the operator's note on its seller.
        expires_at: the end of its life, Unix seconds on Redis's clock.
    """

    token: str = field(repr=False)
    label: str
    expires_at: int

    def url(self, base: str) -> str:
        """Write the URL for the seller, below the gateway's public URL."""
        return f"{base.rstrip('/')}/connect/{self.token}"


@dataclass(frozen=True, slots=True)
class BegunConsent:
    """A consent that a seller has begun.

    Attributes:
        state: the value that TikTok gives back.
        cookie: the value that the seller's browser gives back.
        us: whether the seller is in the US, where TikTok's page is another one.
        app: the name of the app to consent to; "" is the default one.
    """

    state: str = field(repr=False)
    cookie: str = field(repr=False)
    us: bool
    app: str = ""


def check_base(url: str) -> str:
    """Check the gateway's public URL.

    Raises:
        InvalidArgument: it is missing, or no URL that a seller can open.
    """
    if not url:
        raise InvalidArgument("the gateway's public URL is missing: set SHOPSTREAM_GATEWAY_URL, as https://HOST")
    if not _is_safe(url):
        raise InvalidArgument("SHOPSTREAM_GATEWAY_URL is no https:// URL of a gateway, as https://HOST")
    return url


def check_authorize_host(url: str) -> str:
    """Check the host of the page on which sellers consent: scheme and host; "" for TikTok's own.

    Raises:
        InvalidArgument: it has a path, or a code would cross the network in clear.
    """
    if url and (not _is_safe(url) or urlsplit(url).path.strip("/")):
        raise InvalidArgument("SHOPSTREAM_AUTHORIZE_URL is no scheme and host, as https://HOST")
    return url.rstrip("/")


def _is_safe(url: str) -> bool:
    """Tell whether a URL names a host by https, or the loopback by http, without user, query and fragment."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a property that raises
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return encrypted and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)


def write_authorize_url(service_id: str, state: str, *, us: bool = False, host: str = "") -> str:
    """Write the URL of the page on which a seller consents. `host` is another one than TikTok's, as `http://HOST`."""
    query = urlencode({"service_id": service_id, "state": state})
    return f"{host or (_US_HOST if us else _HOST)}{_PATH}?{query}"


async def create(redis: Redis, label: str, seconds: int, *, us: bool, app: str = "") -> Invite:
    """Make an invite that lives for `seconds`, to consent to an app by its name; "" is the default one.

    Raises:
        InvalidArgument: the label is too long or not printable, or the life is not 1 second to 7 days.
    """
    if not isinstance(label, str) or len(label) > _LABEL_MOST or not label.isprintable():
        raise InvalidArgument(f"a label has at most {_LABEL_MOST} printable characters, unlike {show(label)}")
    if type(seconds) is not int or not 1 <= seconds <= LONGEST_SECONDS:  # Redis takes no part of a second
        raise InvalidArgument(f"an invite lives 1 to {LONGEST_SECONDS} seconds, not {show(seconds)}")
    invite = Invite(secrets.token_urlsafe(32), label, int(await clock.read_s(redis)) + seconds)
    key = invite_key(_digest(invite.token))
    facts: dict[str, str | int] = {"label": label, "us": int(us), "expires_at": invite.expires_at}
    facts |= {"app": app} if app else {}
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, mapping=facts)
        pipe.expire(key, seconds)
        await pipe.execute()
    return invite


async def begin(redis: Redis, token: str) -> BegunConsent | None:
    """Begin a consent by an invite's token. Return None if no such invite is open."""
    digest = _digest(token) if _TOKEN.fullmatch(token) else ""
    us = await redis.hget(invite_key(digest), "us")  # type: ignore[misc]
    if us is None:
        return None
    app = await find_app(redis, digest)
    begun = BegunConsent(secrets.token_urlsafe(32), secrets.token_urlsafe(32), us == b"1", app)
    await redis.set(_name(begun.state, begun.cookie), digest, ex=BEGUN_SECONDS)
    return begun


async def claim(redis: Redis, state: str, cookie: str) -> str | None:
    """Claim the invite of a begun consent for its redemption, and return the invite's digest.

    State and cookie are worth nothing afterwards. Return None without a begun consent of both, or an open invite, or
    while another consent of this invite is being redeemed.
    """
    if not _TOKEN.fullmatch(state) or not _TOKEN.fullmatch(cookie):
        return None
    stored = await redis.getdel(_name(state, cookie))
    if stored is None:
        return None
    digest: str = stored.decode()
    if not await redis.set(invite_lock_key(digest), 1, nx=True, ex=_LOCK_SECONDS):
        return None
    if not await redis.exists(invite_key(digest)):
        await release(redis, digest)
        return None
    return digest


async def find_app(redis: Redis, digest: str) -> str:
    """Find the name of the app that an open invite is for, by the invite's digest; "" is the default one."""
    app = await redis.hget(invite_key(digest), "app")  # type: ignore[misc]
    return app.decode() if app else ""


async def drop(redis: Redis, state: str, cookie: str) -> None:
    """Forget a begun consent that the seller has declined. Its invite stays open."""
    if _TOKEN.fullmatch(state) and _TOKEN.fullmatch(cookie):
        await redis.delete(_name(state, cookie))


async def use_up(redis: Redis, digest: str) -> str:
    """Close a claimed invite after its consent was redeemed, and return its label."""
    label = await redis.hget(invite_key(digest), "label")  # type: ignore[misc]
    await redis.delete(invite_key(digest), invite_lock_key(digest))
    return label.decode() if label else ""


async def release(redis: Redis, digest: str) -> None:
    """Leave a claimed invite open for another try."""
    await redis.delete(invite_lock_key(digest))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _name(state: str, cookie: str) -> str:
    return begun_key(_digest(f"{state}.{cookie}"))
