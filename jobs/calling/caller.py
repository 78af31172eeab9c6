"""Call TikTok by one policy: this module alone decides the meaning of an answer for pace, token, cipher and shop.

Each call leaves at the moment of its permit, with the token of its shop. The caller decides the meaning for an id.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from jobs.calling import retry
from jobs.calling.call_access import Again, CallAccess
from jobs.shops.reports import report_failure, report_success
from jobs.shops.shop_access import Deferred
from shopstream.registry.shop import Shop
from shopstream.registry.shop_of_apps import app_of, name_pace
from worker.instrumentation.instrument import OK
from worker.marketplace.call_errors import (
    CallError,
    CipherRefused,
    HourlyCap,
    Misconfigured,
    RefreshRefused,
    ShopBarred,
    Throttled,
    TokenRefused,
    TooLarge,
    Transient,
    UnknownCode,
)
from worker.marketplace.values import Access
from worker.order import Reading
from worker.pacing.cadence import Cadence
from worker.pacing.pacer import FAR, Permit
from worker.runtime import Runtime
from worker.shops.standing import Standing
from worker.tokens.authorizations import TokenError

__all__ = ["Again", "Caller", "Deferred"]
T = TypeVar("T")
TRIES: Final = 4
CROWDED_SECONDS: Final = 0.3
"""Seconds for which work waits for a permit while no slot is free: just more than a lease covers where several ask."""


class Caller:
    """Calls of one shop to one endpoint, for one piece of work. They may run side by side.

    Attributes:
        calls: the number of calls that were sent.
        throttled: the number of calls that TikTok throttled.
    """

    def __init__(
        self, runtime: Runtime, entry: Shop, endpoint: str, standing: Standing | None = None, *, optional: bool = False
    ) -> None:
        """Make the calls of a shop to an endpoint.

        Args:
            runtime: the worker's parts.
            entry: the registry's entry of the shop.
            endpoint: the name of its pace and of its trouble.
            standing: of the shop, as last read. The first call that succeeds ends a trouble of the endpoint.
            optional: True if the shop can do without this endpoint. A refusal is then raised, and is no trouble.
        """
        self._optional = optional
        self._runtime = runtime
        self._instrument = runtime.instrument
        self._entry = entry
        self._endpoint = endpoint
        self._partition = runtime.partition(entry.shop_id)
        self._cadence = Cadence(
            runtime.pacer, self._partition, entry.shop_id, endpoint=name_pace(app_of(entry), endpoint),
            patience=self._patience,
        )  # fmt: skip
        self._access = CallAccess(
            runtime, entry, optional=optional, fail=self.fail, report_trouble=self._report_trouble
        )
        self._failed: Deferred | None = None
        self._failing = asyncio.Lock()
        self._troubled = standing is not None and standing.concerns(endpoint)
        self.calls = 0
        self.throttled = 0

    @property
    def probes(self) -> bool:
        """Return True if the endpoint is in trouble, so that one call should be tried before further ones."""
        return self._troubled

    async def __call__(self, fetch: Callable[[Access], Awaitable[T]]) -> tuple[T, Reading]:
        """Call until TikTok answers, and return the answer with its reading.

        Raises:
            Deferred: the permit is too far away, the shop or its token can't be used just now, or the worker stops.
            ReauthorizationRequired: only the seller can help. The shop has been parked.
            CallError: the error concerns the ids of the call. Transient is raised after TRIES calls.
        """
        failures = 0
        while True:
            permit = await self.take(1)
            try:
                return await self.attempt(permit, fetch)
            except Again:
                continue
            except (TooLarge, UnknownCode):
                raise  # the same call would get the same answer
            except Transient:
                failures += 1
                if failures >= TRIES:
                    raise
                await asyncio.sleep(retry.delay_ms(failures - 1) / 2000)

    async def take(self, want: int) -> Permit:
        """Wait for the next permit, and return it at its moment.

        Args:
            want: the number of calls that wait for a permit.

        Raises:
            Deferred: the permit is too far away, or the worker stops.
        """
        asked = time.monotonic()
        permit = await self._cadence.take(want)
        if permit is not None:
            self._instrument.report_wait(self._endpoint, time.monotonic() - asked)
        await self._go_on()
        if permit is None or self._runtime.stopping.is_set():
            raise Deferred("the quota is far away", self._cadence.not_before_ms)
        return permit

    async def attempt(self, permit: Permit, fetch: Callable[[Access], Awaitable[T]]) -> tuple[T, Reading]:
        """Call once, and return the answer with its reading.

        Raises:
            Again: the answer says nothing about the ids of the call.
            Deferred, ReauthorizationRequired, CallError: as in `__call__`.
        """
        access, version = await self._access.take()
        await self._go_on()
        self.calls += 1
        sent = time.monotonic()
        try:
            answer = await fetch(access)
        except CallError as error:
            self._report_call(error.error_class, time.monotonic() - sent)
            meaning = await self._judge(permit, access, version, error)
            if meaning is error:
                raise  # unchanged: an error that is its own cause keeps its frames, and the answer's body with them
            raise meaning from error
        answered = time.monotonic()
        # A job may take an error for an answer like any other.
        result = answer.error_class if isinstance(answer, CallError) else OK
        self._report_call(result, answered - sent)
        self._runtime.refusals.note_taken(access.app)
        span = self._runtime.pacer.span(self._partition, sent, answered)
        if permit.lone:
            await self._cadence.report_answer(permit)
        if self._troubled:
            self._troubled = False
            await report_success(self._runtime, self._entry, self._endpoint)
        return answer, Reading(permit.fetch_seq, span)

    def _report_call(self, result: str, seconds: float) -> None:
        self._instrument.report_call(self._entry.shop_id, self._endpoint, result, seconds)

    async def fail(self, error: CallError) -> Deferred:
        """Store the trouble of the endpoint, which concerns all ids, and return the pause until its next call."""
        async with self._failing:
            if self._failed is None:
                self._troubled = True
                not_before_ms = await self._report_trouble(self._endpoint, error)
                self._failed = Deferred(str(error), not_before_ms)
        return self._failed

    async def _go_on(self) -> None:
        """Raise Deferred if the endpoint has failed, since further calls would fail too."""
        if self._failing.locked():
            async with self._failing:  # one call reports the failure for all
                pass
        if self._failed:
            raise Deferred(str(self._failed), self._failed.not_before_ms)

    async def _judge(self, permit: Permit, access: Access, version: int, error: CallError) -> Exception:
        """Apply a refusal to pace, token and shop, and return the error to raise."""
        if isinstance(error, Throttled):
            await self._slow_down(permit, error)
            return Again()
        if isinstance(error, Transient):
            return error  # the call may never have reached TikTok
        await self._cadence.report_answer(permit)
        meaning: Exception = error
        match error:
            case TokenRefused():
                meaning = await self._access.renew(version, error)
            case CipherRefused():
                meaning = await self._access.relist(access, version, error)
            case ShopBarred() | Misconfigured() if not self._optional:
                meaning = await self.fail(error)
            case RefreshRefused():
                # Only the token host can end a consent. From another host the same words are no evidence.
                meaning = UnknownCode(error.message, code=error.code, request_id=error.request_id)
        return meaning

    async def _slow_down(self, permit: Permit, error: Throttled) -> None:
        self.throttled += 1
        if isinstance(error, HourlyCap):
            await self._cadence.report_cap(retry.seconds_to_hour())
            self._troubled = True
            await self._report_trouble(self._endpoint, error)
        else:
            await self._cadence.report_throttle(permit, error.retry_after)

    async def _report_trouble(self, endpoint: str, error: CallError | TokenError) -> int:
        """Store a trouble of an endpoint or the token. Return the moment of the next try, in ms of Redis's clock."""
        return await report_failure(self._runtime, self._entry, endpoint, error)

    def _patience(self) -> float:
        """Return the seconds for which work waits for a permit. No shop waits in a slot that another shop needs."""
        return FAR if self._runtime.free() else CROWDED_SECONDS
