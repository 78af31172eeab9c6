"""Keep token pairs encrypted at rest. One worker at a time refreshes; an older pair never overwrites a newer one.

One loss is final: a refresh token spent at TikTok whose successor was not stored. So the call is shielded from
cancellation, its intent is stored before, storing is retried until it succeeds, and the previous pair is kept. A caller
without the lock waits for the version to rise.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from redis.asyncio import Redis

from shopstream.authorizations.issuer import Issuer
from shopstream.redis.keys import partition_for
from worker.apps.record_owners import RecordOwners
from worker.apps.token_apps import TokenApp, TokenApps
from worker.marketplace.call_errors import CallError, RefreshRefused
from worker.marketplace.values import Grant
from worker.redis.durable_pairs import DurablePairs
from worker.redis.lua_script import WorkerScript
from worker.tokens.authorizations import (
    Authorization,
    IssuedElsewhere,
    ReauthorizationRequired,
    RecordUnreadable,
    RefreshUnavailable,
    Unauthorized,
    seal,
    seal_ciphers,
    unseal,
)
from worker.tokens.refresh_outcome import LEAST_MS, judge_failure, judge_refusal
from worker.tokens.unusable import Unusable
from worker.tokens.vault import Vault

LOCK_MS: Final = 45_000
"""Milliseconds. Longer than a call can take (20 s), so that no second one begins meanwhile."""
_FRESH: Final = 5.0
"""Seconds for which a pair is used without a look at Redis. A refusal by TikTok looks at once."""
_NOTICE_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class _Known:
    """An authorization as last read, with the moment by `time.monotonic` and its sealed ciphers."""

    authorization: Authorization
    read_at: float
    ciphers: bytes


class TokenStore:
    """All authorizations of a deployment.

    Attributes:
        vault: the encryption.
        apps: the apps of this worker, with their hosts.
        owners: the app of each record.
        unusable: the authorizations that this worker can't use.
    """

    def __init__(
        self,
        redis: Redis,
        vault: Vault,
        refresh: Callable[[str], Awaitable[Grant]],
        *,
        partitions: int,
        issuer: Issuer | None = None,
        further: Iterable[TokenApp] = (),
    ) -> None:
        """Keep the pairs of an app, of which `refresh` renews one, and those of further apps."""
        self._redis = redis
        self.vault = vault
        self.apps = TokenApps(TokenApp("", issuer, refresh), further)
        self.owners = RecordOwners(redis, self.apps, partitions)
        self.unusable = Unusable()
        self._partitions = partitions
        self._acquire = WorkerScript(redis, "tokens/acquire.lua")
        self._pairs = DurablePairs(redis)
        self._failed = WorkerScript(redis, "tokens/failed.lua")
        self._turn = WorkerScript(redis, "tokens/turn.lua")
        self._known: dict[str, _Known] = {}
        self._under_way: dict[str, asyncio.Task[Authorization]] = {}

    async def save(
        self, grant: Grant, ciphers: Mapping[str, str] | None = None, app: TokenApp | None = None
    ) -> Authorization:
        """Store a new consent to an app over any other to it. `ciphers` None keeps the known ones."""
        app = app or self.apps.default
        name = await self.owners.name(grant.open_id, app)
        kept: Mapping[str, str] = ciphers or {}
        if ciphers is None:
            with suppress(RecordUnreadable):  # sealed by a dropped key: the next list of shops has them
                kept = await self.ciphers(name)
        saved = await self._put(name, "", grant, kept, app, keep=False)
        self.unusable.release(name)
        return saved

    async def save_ciphers(self, name: str, ciphers: Mapping[str, str], app: str = "") -> None:
        """Replace the ciphers of an app's authorization alone: a refresh under way keeps its pair."""
        sealed, mark = seal_ciphers(self.vault, name, ciphers).decode(), self.apps.by_name(app).mark
        facts = {"ciphers": sealed} | ({"issuer": mark} if mark else {})
        await self._redis.hset(self._key(name), mapping=facts)  # type: ignore[misc]
        self._known.pop(name, None)

    async def ciphers(self, name: str) -> Mapping[str, str]:
        """Give shop id → cipher of an authorization, as last listed, in whichever state it is.

        Raises:
            RecordUnreadable: it can't be decrypted.
        """
        pair, ciphers = await self._redis.hmget(self._key(name), ["pair", "ciphers"])  # type: ignore[misc]
        return self._unseal(name, 0, pair, ciphers or b"").ciphers if pair else {}

    async def load(self, name: str, *, anew: bool = False) -> Authorization:
        """Give the present pair; `anew` reads Redis even if it was read a moment ago.

        Raises:
            Unauthorized: there is no such authorization.
            ReauthorizationRequired: TikTok has refused it for good.
            IssuedElsewhere: its tokens belong to another app or host.
            RecordUnreadable: it can't be decrypted.
        """
        known = self._known.get(name)
        if known and not anew and time.monotonic() - known.read_at < _FRESH:
            return known.authorization
        stored: list[Any] = await self._redis.hmget(  # type: ignore[misc]
            self._key(name), ["version", "state", "reason", "pair", "ciphers", "issuer"]
        )
        version, state, reason, sealed, ciphers, issuer = stored
        if version is None:
            raise Unauthorized("this authorization is not stored here: authorize the seller")
        app = self.apps.owner(issuer)
        if app is None:
            raise self._meet_other(name)
        if state != b"active":
            raise ReauthorizationRequired((reason or b"").decode())
        same = known and (known.authorization.version, known.authorization.app) == (int(version), app.name)
        if known and same and known.ciphers == (ciphers or b""):
            authorization = known.authorization
        else:
            opened = self._unseal(name, int(version), sealed, ciphers or b"")
            authorization = replace(opened, app=self._confirm(opened, app, issuer).name)
        self._known[name] = _Known(authorization, time.monotonic(), ciphers or b"")
        return authorization

    async def refresh(self, name: str, seen_version: int, *, refused: bool = False) -> Authorization:
        """Give a pair newer than `seen_version`. All workers together make one call to TikTok at most.

        `refused`: TikTok no longer takes the access token of that version, whenever it was to expire.

        Raises:
            ReauthorizationRequired: TikTok refused the refresh token, and nobody has stored a newer pair.
            RefreshUnavailable: TikTok wasn't reached, was called less than a minute ago, or didn't judge the token.
            Unauthorized, IssuedElsewhere, RecordUnreadable: as for `load`.
        """
        while True:
            task = self._under_way.get(name)
            if task is None or task.done():
                # A finished task gives the loop no turn when it is awaited: it must not be joined again.
                task = asyncio.create_task(self._newer(name, seen_version, refused=refused))
                self._under_way[name] = task
            # Callers may be cancelled; the call and the storing of its result go on.
            authorization = await asyncio.shield(task)
            if authorization.version > seen_version:
                return authorization

    async def may_list(self, name: str) -> float:
        """Take the turn at listing an authorization's shops. Returns 0 for now, else the seconds to wait."""
        return max(0, int(await self._turn([self._key(name)], ["listed_at", LEAST_MS]))) / 1000

    async def may_notify(self, name: str) -> bool:
        """Take the turn at publishing that an authorization ends soon: true once a day."""
        return bool(await self._turn([self._key(name)], ["expiring_told", _NOTICE_MS]) == 0)

    async def unpark(self, name: str) -> bool:
        """Have a refused authorization tried once more; False if there is none."""
        key = self._key(name)
        if not await self._redis.hexists(key, "pair"):  # type: ignore[misc]
            return False
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, "state", "active")
            pipe.hdel(key, "reason", "not_before", "called_at", "listed_at", "spent")
            await pipe.execute()
        self._known.pop(name, None)
        return True

    def due_at(self, authorization: Authorization) -> float:
        """Give the Unix seconds of the next refresh: at 50 to 80 % of the pair's life, spread by authorization."""
        life = authorization.grant.access_expires_at - authorization.issued_at
        return authorization.issued_at + life * (0.5 + 0.3 * int(authorization.id[:4], 16) / 0xFFFF)

    async def close(self) -> None:
        """Wait for refreshes under way: a pair that TikTok has given must be stored."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _newer(self, name: str, seen: int, *, refused: bool) -> Authorization:
        pause = 0.05
        while True:
            facts: list[str | int] = [seen, LOCK_MS, int(refused), LEAST_MS, *self.apps.marks]
            answer = await self._acquire([self._key(name)], facts)
            match answer[0]:
                case b"unknown":
                    raise Unauthorized("this authorization is not stored here: authorize the seller")
                case b"elsewhere":
                    raise self._meet_other(name)
                case b"refused":
                    self._known.pop(name, None)
                    raise ReauthorizationRequired(answer[1].decode())
                case b"newer":
                    return await self.load(name, anew=True)
                case b"later":
                    seconds = answer[1] / 1000
                    raise RefreshUnavailable(f"the token pair may be renewed again in {seconds:.0f} s", seconds)
                case b"held":
                    await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreading, not secrecy
                    pause = min(0.5, pause * 2)
                case _:
                    old = self._unseal(name, seen, answer[2], answer[3])
                    # A record of an older version has its ciphers beside the pair: they move to their own field.
                    unknown, keep = bool(answer[4]), bool(answer[3])
                    app = self._confirm(old, self.apps.owner(answer[5]), answer[5])
                    return await self._refresh(
                        name, answer[1], old, app, after_unknown=unknown, refused=refused, keep=keep
                    )

    async def _refresh(
        self, name: str, fence: int, old: Authorization, app: TokenApp, *, after_unknown: bool, refused: bool,
        keep: bool,
    ) -> Authorization:  # fmt: skip
        """Call TikTok once and store the pair."""
        try:
            grant = await app.refresh(old.grant.refresh_token)
        except RefreshRefused as error:
            usable_ms = 0 if refused else int((old.grant.access_expires_at - time.time()) * 1000)
            outcome = judge_refusal(error, usable_ms, after_unknown=after_unknown)
        except CallError as error:
            outcome = judge_failure(error, after_unknown=after_unknown)
        else:
            grant = replace(
                grant,
                open_id=grant.open_id or old.grant.open_id,
                refresh_token=grant.refresh_token or old.grant.refresh_token,
                refresh_expires_at=grant.refresh_expires_at or old.grant.refresh_expires_at,
            )
            return await self._put(name, fence, grant, old.ciphers, app, keep=keep)
        flags = [int(outcome.spent), int(outcome.unspent), int(outcome.unreached)]
        counted = await self._failed([self._key(name)], [fence, outcome.reason, outcome.wait_ms, *flags])
        self._known.pop(name, None)
        if not counted:
            return await self.load(name)  # another worker has stored a pair meanwhile
        raise outcome.failure

    async def _put(
        self, name: str, fence: int | str, grant: Grant, ciphers: Mapping[str, str], app: TokenApp, *, keep: bool
    ) -> Authorization:
        """Store a pair, and retry until it is stored. `keep` keeps the ciphers in Redis, which may be newer."""
        sealed = seal(self.vault, name, grant, ciphers, time.time(), app.key)
        apart = b"" if keep else seal_ciphers(self.vault, name, ciphers)
        await self._pairs.store(self._key(name), name, [fence, sealed, apart, app.mark])
        return await self.load(name, anew=True)

    def _unseal(self, name: str, version: int, pair: bytes, ciphers: bytes) -> Authorization:
        try:
            return unseal(self.vault, name, version, pair, ciphers)
        except RecordUnreadable:
            self.unusable.meet(name)
            raise

    def _confirm(self, opened: Authorization, app: TokenApp | None, issuer: bytes | None) -> TokenApp:
        """Give the app that an opened record was sealed for. Raise IssuedElsewhere if its issuer is another one's."""
        if found := self.apps.find_sealed_for(opened.app_key, app, marked=bool(issuer)):
            return found
        self._known.pop(opened.id, None)
        raise IssuedElsewhere

    def _meet_other(self, name: str) -> IssuedElsewhere:
        self._known.pop(name, None)
        self.unusable.meet(name)
        return IssuedElsewhere()

    def _key(self, name: str) -> str:
        return partition_for(name, self._partitions).token(name)
