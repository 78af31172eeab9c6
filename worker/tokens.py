"""Token pairs: encrypted at rest, renewed by one worker at a time, never overwritten by an older pair.

The loss that can't be mended is a refresh token spent at TikTok whose successor was not stored. So the call is shielded
from cancellation, its intent is written down before, the pair in hand is stored until it is stored, and the one before
is kept. Whoever wants a newer pair waits for the version to rise; nobody queues for the lock.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shopstream.names import partition_for
from worker.lua import Script
from worker.tiktok.auth import Grant
from worker.tiktok.errors import TikTokError, Transient
from worker.vault import Undecryptable, Vault

LOCK_MS: Final = 45_000
"""Longer than the call can take (20 s), so that no second one begins while it is under way."""
_FRESH: Final = 5.0
"""Seconds for which a pair is used without asking whether there is a newer one; a refusal by TikTok asks at once."""
_AGAIN_MS: Final = 5_000
_UNKNOWN_AGAIN_MS: Final = 600_000


class TokenError(Exception):
    """No usable token. The text says what to do and holds no secret."""


class Unauthorized(TokenError):
    """No such authorization."""


class ReauthorizationRequired(TokenError):
    """Only the seller can help."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the seller must authorize again: {reason}")
        self.reason = reason


class RefreshUnavailable(TokenError):
    """No newer pair just now; a later try may bring one."""


class RecordUnreadable(TokenError):
    """The record can't be decrypted: see `Undecryptable`."""


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


def authorization_id(open_id: str) -> str:
    """The name of an authorization in keys and logs: 16 hex digits."""
    return hashlib.sha256(open_id.encode()).hexdigest()[:16]


class TokenStore:
    """All authorizations of a deployment."""

    def __init__(
        self, redis: Redis, vault: Vault, refresh: Callable[[str], Awaitable[Grant]], *, partitions: int
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._call = refresh
        self._partitions = partitions
        self._acquire = Script(redis, "tokens_acquire.lua")
        self._store = Script(redis, "tokens_store.lua")
        self._failed = Script(redis, "tokens_failed.lua")
        self._rotate = Script(redis, "tokens_rotate.lua")
        self._known: dict[str, tuple[Authorization, float]] = {}
        self._under_way: dict[str, asyncio.Task[Authorization]] = {}

    async def save(self, grant: Grant, ciphers: Mapping[str, str]) -> Authorization:
        """Store a new consent in the place of whatever was there."""
        name = authorization_id(grant.open_id)
        return await self._put(name, "", grant, ciphers, time.time())

    async def load(self, name: str) -> Authorization:
        """The present pair.

        Raises:
            Unauthorized: there is no such authorization.
            ReauthorizationRequired: TikTok has refused it for good.
            RecordUnreadable: it can't be decrypted.
        """
        known = self._known.get(name)
        if known and time.monotonic() - known[1] < _FRESH:
            return known[0]
        stored: list[Any] = await self._redis.hmget(self._key(name), ["version", "state", "reason", "pair"])  # type: ignore[misc]
        version, state, reason, sealed = stored
        if version is None:
            raise Unauthorized("this authorization is not stored here: authorize the seller")
        if state != b"active":
            raise ReauthorizationRequired((reason or b"").decode())
        same = known is not None and known[0].version == int(version)
        authorization = known[0] if known and same else self._open(name, int(version), sealed)
        self._known[name] = (authorization, time.monotonic())
        return authorization

    async def refreshed(self, name: str, seen_version: int, *, refused: bool = False) -> Authorization:
        """A pair newer than `seen_version`. Over all workers at most one call to TikTok is made for it.

        `refused`: TikTok no longer takes the access token of that version, whenever it was to expire.

        Raises:
            ReauthorizationRequired: TikTok refused, and nobody has stored a newer pair.
            RefreshUnavailable: TikTok could not be asked, or it is unknown what it did.
            Unauthorized, RecordUnreadable: as for `load`.
        """
        while True:
            task = self._under_way.get(name)
            if task is None:
                task = asyncio.create_task(self._newer(name, seen_version, refused=refused))
                self._under_way[name] = task
                task.add_done_callback(lambda _: self._under_way.pop(name, None))
            # Callers may be cancelled; the call and the storing of its result go on.
            authorization = await asyncio.shield(task)
            if authorization.version > seen_version:
                return authorization

    def due_at(self, authorization: Authorization) -> float:
        """Unix seconds at which to renew ahead of time: at 50 to 80 % of its life, spread by the authorization's id."""
        life = authorization.grant.access_expires_at - authorization.issued_at
        return authorization.issued_at + life * (0.5 + 0.3 * int(authorization.id[:4], 16) / 0xFFFF)

    async def rotate(self, name: str) -> bool:
        """Encrypt the record under the first key; whether there was anything to do.

        Raises:
            Undecryptable: no key opens it, or it is another's.
        """
        done = False
        for part in ("pair", "previous"):
            while True:
                sealed = await self._redis.hget(self._key(name), part)  # type: ignore[misc]
                if sealed is None or not self._vault.needs_rotation(sealed):
                    break
                # Somebody may store a newer pair meanwhile, under whichever key is first there: look again.
                fresh = self._vault.seal(name, self._vault.open(name, sealed))
                done = bool(await self._rotate([self._key(name)], [part, sealed, fresh])) or done
        return done

    async def close(self) -> None:
        """Wait for refreshes under way: what TikTok has already given must be stored."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _newer(self, name: str, seen: int, *, refused: bool) -> Authorization:
        pause = 0.05
        while True:
            answer = await self._acquire([self._key(name)], [seen, LOCK_MS, int(refused)])
            match answer[0]:
                case b"unknown":
                    raise Unauthorized("this authorization is not stored here: authorize the seller")
                case b"refused":
                    self._known.pop(name, None)
                    raise ReauthorizationRequired(answer[1].decode())
                case b"newer":
                    self._known.pop(name, None)
                    return await self.load(name)
                case b"later":
                    raise RefreshUnavailable(f"the last refresh failed; the next is tried in {answer[1] / 1000:.0f} s")
                case b"held":
                    await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreading, not secrecy
                    pause = min(0.5, pause * 2)
                case _:
                    old = self._open(name, seen, answer[2])
                    return await self._refresh(name, answer[1], old, after_unknown=bool(answer[3]), refused=refused)

    async def _refresh(
        self, name: str, fence: int, old: Authorization, *, after_unknown: bool, refused: bool
    ) -> Authorization:
        """Call once, and store what came until it is stored."""
        failure: TokenError
        reason, wait, spent = "", _AGAIN_MS, False
        try:
            grant = await self._call(old.grant.refresh_token)
        except Transient as error:
            # A time-out does not say whether the old refresh token is spent: the intent stays written.
            failure = RefreshUnavailable(f"TikTok's token host could not be asked: {error}")
        except TikTokError as error:
            usable_ms = int((old.grant.access_expires_at - time.time()) * 1000)
            if after_unknown and usable_ms > 0 and not refused:
                # An earlier call may have spent it. What we hold works until it ends, and somebody is told meanwhile.
                failure = RefreshUnavailable(
                    "an earlier refresh has an unknown end; the present token is used up first"
                )
                wait, spent = min(usable_ms, _UNKNOWN_AGAIN_MS), True
            else:
                reason = "refresh_outcome_unknown" if after_unknown else f"TikTok refused the refresh token: {error}"
                failure = ReauthorizationRequired(reason)
        else:
            if not grant.refresh_token:
                grant = replace(
                    grant,
                    refresh_token=old.grant.refresh_token,
                    refresh_expires_at=old.grant.refresh_expires_at,
                )
            return await self._put(name, fence, grant, old.ciphers, time.time())
        counted = await self._failed([self._key(name)], [fence, reason, wait, int(spent)])
        self._known.pop(name, None)
        if not counted:
            return await self.load(name)  # somebody has stored a pair meanwhile
        raise failure

    async def _put(
        self, name: str, fence: int | str, grant: Grant, ciphers: Mapping[str, str], now: float
    ) -> Authorization:
        document = orjson.dumps({"grant": asdict(grant), "ciphers": dict(ciphers), "issued_at": now})
        sealed = self._vault.seal(name, document)
        pause = 0.1
        while True:
            try:
                version = await self._stored(name, fence, sealed)
                break
            except (RedisError, OSError):
                # The pair in hand is the only copy: nothing else matters until it is stored.
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
        self._known.pop(name, None)
        if not version:
            return await self.load(name)
        authorization = Authorization(name, version, grant, dict(ciphers), now)
        self._known[name] = (authorization, time.monotonic())
        return authorization

    async def _stored(self, name: str, fence: int | str, sealed: bytes) -> int:
        """Store and, where the server can, wait for its disk; on one connection, as it waits for its own writes."""
        async with self._redis.client() as connection:
            version = int(await self._store([self._key(name)], [fence, sealed], client=connection))
            # An older server can't, nor can one without an append-only file: the guard has warned.
            with suppress(ResponseError):
                await connection.execute_command("WAITAOF", 1, 0, 500)  # type: ignore[no-untyped-call]
            return version

    def _open(self, name: str, version: int, sealed: bytes) -> Authorization:
        try:
            document = orjson.loads(self._vault.open(name, sealed))
        except Undecryptable as error:
            told = str(error)
        else:
            grant = Grant(**document["grant"] | {"scopes": tuple(document["grant"]["scopes"])})
            return Authorization(name, version, grant, document["ciphers"], document["issued_at"])
        raise RecordUnreadable(told)

    def _key(self, name: str) -> str:
        return partition_for(name, self._partitions).token(name)
