"""Calls of one shop to one endpoint: at the shop's pace, with its token, tried again where that may help."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from jobs import retry
from jobs.shops import access_to
from shopstream.shops import Shop
from worker.cadence import Cadence
from worker.pacing import FAR, Permit
from worker.runtime import Runtime
from worker.tiktok.client import Access
from worker.tiktok.errors import HourlyCap, Reauthorize, Throttled, TikTokError, TokenExpired, Transient
from worker.tokens import ReauthorizationRequired, TokenError

T = TypeVar("T")
TRIES: Final = 4
CROWDED_SECONDS: Final = 0.3
"""How far a quota may be away if no slot is free: just more than the permits of one lease."""


class Deferred(Exception):
    """Nothing more can be called now. `not_before_ms` is on Redis's clock, 0 for as soon as there is a slot."""

    def __init__(self, reason: str, not_before_ms: int = 0, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.not_before_ms = not_before_ms
        self.seconds = seconds


def patience(runtime: Runtime) -> float:
    """Seconds that work waits for its quota: a waiting shop never holds a slot that another one wants."""
    return FAR if runtime.free() else CROWDED_SECONDS


class Caller:
    """Attributes: `calls` and `throttled` count what was sent."""

    def __init__(self, runtime: Runtime, entry: Shop, endpoint: str) -> None:
        self._runtime = runtime
        self._entry = entry
        partition = runtime.partition(entry.shop_id)
        self._cadence = Cadence(runtime.pacer, partition, entry.shop_id, endpoint, lambda: patience(runtime))
        self._held: tuple[Access, int] | None = None
        self.calls = 0
        self.throttled = 0

    async def __call__(self, fetch: Callable[[Access], Awaitable[T]]) -> tuple[T, Permit]:
        """What `fetch` answers, and the permit that it was called with.

        Raises:
            Deferred: the quota is too far away, the token can't be had just now, or the worker stops.
            ReauthorizationRequired: only the seller can help.
            TikTokError: any that trying again doesn't mend; Transient if it was tried often enough.
        """
        failures = refusals = 0
        while True:
            access, version = await self._token()
            permit = await self._cadence.take(1)
            if permit is None or self._runtime.stopping.is_set():
                raise Deferred("the quota is far away", self._cadence.not_before_ms)
            self.calls += 1
            try:
                answer = await fetch(access)
            except Throttled as error:
                await self._slow_down(permit, error)
                continue
            except Transient:
                failures += 1
                if failures >= TRIES:
                    raise
                await asyncio.sleep(retry.delay_ms(failures - 1) / 2000)
                continue
            except (TokenExpired, Reauthorize) as error:
                refusals += 1
                if refusals > 1:
                    raise self._refused(error) from error
                await self._renew(version)
            except TikTokError:
                await self._cadence.answered(permit)
                raise
            else:
                await self._cadence.answered(permit)
                return answer, permit
            await self._cadence.answered(permit)

    async def _slow_down(self, permit: Permit, error: Throttled) -> None:
        self.throttled += 1
        if isinstance(error, HourlyCap):
            await self._cadence.capped(retry.hour_left())
        else:
            await self._cadence.throttled(permit, error.retry_after)

    def _refused(self, error: TikTokError) -> Exception:
        if isinstance(error, Reauthorize):
            return ReauthorizationRequired(error.message)
        return Deferred("TikTok refuses a fresh access token as expired", seconds=retry.REFUSED_SECONDS)

    async def _token(self) -> tuple[Access, int]:
        return self._held or await self._renew(None)

    async def _renew(self, refused: int | None) -> tuple[Access, int]:
        if self._held and refused is not None and refused < self._held[1]:
            return self._held  # another call of this caller has renewed it meanwhile
        try:
            self._held = await access_to(self._runtime, self._entry, newer_than=refused)
        except ReauthorizationRequired:
            raise
        except TokenError as error:
            raise Deferred(str(error), seconds=retry.TOKEN_SECONDS) from error
        return self._held
