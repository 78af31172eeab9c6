"""Keep token pairs encrypted at rest. One worker at a time refreshes; an older pair never overwrites a newer one.

One loss is final: a refresh token spent at TikTok whose successor was not stored. So the call is shielded from
cancellation, its intent is stored before, storing is retried until it succeeds, and the previous pair is kept. A caller
without the lock waits for the version to rise.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shopstream.authorizations.issuer import Issuer
from shopstream.redis.cluster.node_choice import count_replicas, is_cluster, reach_node
from shopstream.redis.keys import partition_for
from worker.marketplace.call_errors import CallError, RefreshRefused
from worker.marketplace.values import Grant
from worker.redis.lua_script import WorkerScript
from worker.tokens.authorizations import (
    Authorization,
    IssuedElsewhere,
    ReauthorizationRequired,
    RecordUnreadable,
    RefreshUnavailable,
    Unauthorized,
    authorization_id,
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
        issuer: the app and the hosts of this worker; None compares none.
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
    ) -> None:
        self._redis = redis
        self.vault = vault
        self.issuer = issuer
        self.unusable = Unusable()
        self._issuer = issuer.to_json() if issuer else ""
        self._call = refresh
        self._partitions = partitions
        self._acquire = WorkerScript(redis, "tokens/acquire.lua")
        self._store = WorkerScript(redis, "tokens/store.lua")
        self._failed = WorkerScript(redis, "tokens/failed.lua")
        self._turn = WorkerScript(redis, "tokens/turn.lua")
        self._known: dict[str, _Known] = {}
        self._under_way: dict[str, asyncio.Task[Authorization]] = {}

    async def save(self, grant: Grant, ciphers: Mapping[str, str] | None = None) -> Authorization:
        """Store a new consent over any other. `ciphers` None keeps the known ones."""
        name = authorization_id(grant.open_id)
        kept: Mapping[str, str] = ciphers or {}
        if ciphers is None:
            with suppress(RecordUnreadable):  # sealed by a dropped key: the next list of shops has them
                kept = await self.ciphers(name)
        saved = await self._put(name, "", grant, kept, keep=False)
        self.unusable.release(name)
        return saved

    async def save_ciphers(self, name: str, ciphers: Mapping[str, str]) -> None:
        """Replace the ciphers of an authorization alone: a refresh under way keeps its pair."""
        sealed = seal_ciphers(self.vault, name, ciphers).decode()
        facts = {"ciphers": sealed} | ({"issuer": self._issuer} if self._issuer else {})
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
        if issuer and self._issuer and issuer.decode() != self._issuer:
            raise self._meet_other(name)
        if state != b"active":
            raise ReauthorizationRequired((reason or b"").decode())
        if known and known.authorization.version == int(version) and known.ciphers == (ciphers or b""):
            authorization = known.authorization
        else:
            authorization = self._unseal(name, int(version), sealed, ciphers or b"")
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
            answer = await self._acquire([self._key(name)], [seen, LOCK_MS, int(refused), LEAST_MS, self._issuer])
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
                    return await self._refresh(name, answer[1], old, after_unknown=unknown, refused=refused, keep=keep)

    async def _refresh(
        self, name: str, fence: int, old: Authorization, *, after_unknown: bool, refused: bool, keep: bool
    ) -> Authorization:
        """Call TikTok once and store the pair."""
        try:
            grant = await self._call(old.grant.refresh_token)
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
            return await self._put(name, fence, grant, old.ciphers, keep=keep)
        flags = [int(outcome.spent), int(outcome.unspent), int(outcome.unreached)]
        counted = await self._failed([self._key(name)], [fence, outcome.reason, outcome.wait_ms, *flags])
        self._known.pop(name, None)
        if not counted:
            return await self.load(name)  # another worker has stored a pair meanwhile
        raise outcome.failure

    async def _put(
        self, name: str, fence: int | str, grant: Grant, ciphers: Mapping[str, str], *, keep: bool
    ) -> Authorization:
        """Store a pair, and retry until it is stored. `keep` keeps the ciphers in Redis, which may be newer."""
        sealed = seal(self.vault, name, grant, ciphers, time.time())
        apart = b"" if keep else seal_ciphers(self.vault, name, ciphers)
        pause = 0.1
        while True:
            try:
                await self._store_durably(name, fence, sealed, apart)
                break
            except (RedisError, OSError) as error:
                # This pair is the only copy, so no other error may stop its storing.
                log = structlog.get_logger("worker.tokens")
                log.error("token_pair_not_stored", authorization=name, error=type(error).__name__, advice="make room in"  # noqa: TRY400
                          " Redis or bring it back: this pair is the only copy until then")  # fmt: skip
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
        return await self.load(name, anew=True)

    async def _store_durably(self, name: str, fence: int | str, sealed: bytes, ciphers: bytes) -> int:
        """Store a pair and, if the server can, wait for its disk. One connection, since it waits for its own writes."""
        facts = [fence, sealed, ciphers, self._issuer]
        node = await reach_node(self._redis, self._key(name), anew=True)
        async with node.client() as connection:
            version = int(await self._store([self._key(name)], facts, client=connection))
            # An older server can't, nor can one without an append-only file: the start-up check has warned.
            with suppress(ResponseError):
                # On a cluster a failover must not lose the pair: a lost one costs the consent.
                replicas = 1 if is_cluster(self._redis) and await count_replicas(connection) else 0
                await connection.execute_command("WAITAOF", 1, replicas, 500)  # type: ignore[no-untyped-call]
            return version

    def _unseal(self, name: str, version: int, pair: bytes, ciphers: bytes) -> Authorization:
        try:
            return unseal(self.vault, name, version, pair, ciphers)
        except RecordUnreadable:
            self.unusable.meet(name)
            raise

    def _meet_other(self, name: str) -> IssuedElsewhere:
        self._known.pop(name, None)
        self.unusable.meet(name)
        return IssuedElsewhere()

    def _key(self, name: str) -> str:
        return partition_for(name, self._partitions).token(name)
