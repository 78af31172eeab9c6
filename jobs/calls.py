"""The calls of one drain: each at the moment of its permit, and what a failed one means for its id and its shop."""

import asyncio
import time
from typing import Final

from jobs import retry
from jobs.batch import Batch
from jobs.caller import patience
from jobs.shops import access_to, park
from shopstream.shops import Shop
from worker.backlog import Asked, HandBack
from worker.cadence import Cadence
from worker.normalize import is_deleted
from worker.pacing import Permit
from worker.seen import ProductSeen, Seen
from worker.tiktok.answers import Product202309, ProductLegacy
from worker.tiktok.client import Access
from worker.tiktok.errors import (
    HourlyCap,
    Misconfigured,
    NotAllowed,
    NotFound,
    Reauthorize,
    Throttled,
    TikTokError,
    TokenExpired,
    Transient,
)
from worker.tokens import ReauthorizationRequired, TokenError

IN_FLIGHT: Final = 64
"""Calls of one shop under way at once."""
DRAIN_SECONDS: Final = 10.0
"""After so long a drain takes no more ids, and the shop goes to the back of the queue."""
OUTAGE_AFTER: Final = 5
"""That many failures in a row, and the drain stops: the upstream is down, and the other ids shall not suffer for it."""


class Calls:
    """Fetches the waiting ids of a batch and leaves answers, hand-backs and letters in it."""

    def __init__(self, batch: Batch, entry: Shop) -> None:
        self._batch = batch
        self._runtime = batch.runtime
        self._entry = entry
        self._refused: list[tuple[Asked, TikTokError]] = []
        self._failures = 0  # in a row
        self.sent = 0
        claim, runtime = batch.claim, batch.runtime
        self._cadence = Cadence(
            runtime.pacer, claim.partition, claim.shop, runtime.tiktok.product_endpoint, lambda: patience(runtime)
        )

    async def send_all(self) -> None:
        """Until every id is answered or something stops the drain. A refused token is renewed once."""
        version: int | None = None
        for _ in range(2):
            try:
                access, version = await access_to(self._runtime, self._entry, newer_than=version)
            except ReauthorizationRequired as refused:
                await self._park(refused.reason)
                return
            except TokenError as error:
                self._batch.defer(error, retry.TOKEN_SECONDS)
                return
            await self._send(access)
            if not self._refused:
                return
            self._batch.waiting.extendleft(asked for asked, _ in self._refused)
            _, last = self._refused[-1]
            self._refused.clear()
        if isinstance(last, Reauthorize):
            await self._park(last.message)
        else:
            self._batch.defer(Transient("TikTok refuses a fresh access token as expired"))

    @property
    def _stopped(self) -> bool:
        """Nothing more is to be sent with this token."""
        return self._batch.stopped or bool(self._refused)

    async def _send(self, access: Access) -> None:
        batch = self._batch
        room = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as calls:
            while not self._stopped and (batch.waiting or await self._more()):
                await room.acquire()
                permit = await self._cadence.take(len(batch.waiting))
                if permit is None:
                    batch.halted, batch.not_before_ms = True, self._cadence.not_before_ms
                if permit is None or self._stopped or not batch.waiting:
                    room.release()
                    continue
                call = calls.create_task(self._call(batch.waiting.popleft(), permit, access, room))
                if permit.lone:
                    await asyncio.wait((call,))

    async def _more(self) -> bool:
        """Whether there is another id to send: while slots are free the drain goes on with the shop's next ids.

        Not one with ids of a dead drain: its next ones may be such too, and one of these may be what has killed it.
        """
        batch, runtime = self._batch, self._runtime
        taken_over = any(asked.takeovers for asked in batch.all)
        in_time = time.monotonic() - batch.begun < DRAIN_SECONDS
        if not taken_over and in_time and runtime.free():
            more = await runtime.backlog.more(
                batch.claim, endpoint=runtime.tiktok.product_endpoint, start_rate=runtime.pacer.rates.start
            )
            batch.sort_out(more, self._entry)
        return bool(batch.waiting)

    async def _call(self, asked: Asked, permit: Permit, access: Access, room: asyncio.Semaphore) -> None:
        self.sent += 1
        try:
            answer, request_id = await self._runtime.tiktok.product(access, asked.id.decode())
        except (TokenExpired, Reauthorize) as error:
            # Another worker may just have renewed the pair, which makes the old one worthless at once: look before
            # anything is concluded. If the consent is gone, the refresh says so.
            self._refused.append((asked, error))
            await self._cadence.answered(permit)
        except TikTokError as error:
            await self._failed(asked, permit, error)
        else:
            self._failures = 0
            self._answered(asked, permit, answer, request_id)
            await self._cadence.answered(permit)
        finally:
            room.release()

    def _answered(self, asked: Asked, permit: Permit, answer: Product202309 | ProductLegacy, request_id: str) -> None:
        batch = self._batch
        if is_deleted(answer):
            reason = batch.reason(asked, "status", "TikTok says that it is deleted")
            batch.gone(asked, permit.fetch_seq, reason, request_id)
            return
        seen = Seen(asked.id, asked.id.decode(), permit.fetch_seq, batch.cause(asked, request_id), ProductSeen(answer))
        batch.answered(asked, seen)

    async def _failed(self, asked: Asked, permit: Permit, error: TikTokError) -> None:
        """What a failed call means for its id and for the shop: see docs/tiktok.md."""
        batch = self._batch
        self._runtime.log.warning(
            "call_failed", shop=batch.claim.shop, product=asked.id.decode(), error=error.error_class,
            code=error.code, message=error.message, request_id=error.request_id,
        )  # fmt: skip
        match error:
            case HourlyCap():
                batch.waiting.appendleft(asked)
                await self._cadence.capped(retry.hour_left())
                return
            case Throttled():
                # Not a try of the id: nothing was learnt about it.
                batch.waiting.appendleft(asked)
                await self._cadence.throttled(permit, error.retry_after)
                return
            case NotFound():
                reason = batch.reason(asked, error.error_class, error.message, error.code)
                batch.gone(asked, permit.fetch_seq, reason, error.request_id)
            case NotAllowed() | Misconfigured():
                batch.bury_error(asked, error)
                batch.defer(error)
            case Transient():
                self._failures += 1
                if self._failures >= OUTAGE_AFTER:
                    batch.pause(retry.OUTAGE_SECONDS)
                if asked.tries + 1 >= retry.tries_max(error):
                    batch.bury_error(asked, error)
                else:
                    batch.back.append(HandBack(asked, retry.delay_ms(asked.tries), failed=True))
            case _:
                batch.bury_error(asked, error)
        if not isinstance(error, Transient):  # which may never have reached TikTok
            await self._cadence.answered(permit)

    async def _park(self, reason: str) -> None:
        self._batch.halted = True
        await park(self._runtime, self._entry, reason)
