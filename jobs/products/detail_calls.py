"""The detail calls of one drain, many at once, and what a failed one means for its id: see docs/tiktok.md."""

import asyncio
import time
from typing import Final

from msgspec import structs

from jobs.calling import retry
from jobs.calling.caller import Again, Caller, Deferred
from jobs.drain.batch import Drain
from jobs.products.detail import not_found
from shopstream.registry.shop import Shop
from worker.backlog.claims import Asked, HandBack
from worker.changes.normalize import is_deleted
from worker.order import Reading
from worker.pacing.pacer import Permit
from worker.publishing.seen import ProductSeen, Seen, Target
from worker.shops.standing import Standing
from worker.tiktok.answers import Product202309, ProductLegacy
from worker.tiktok.tiktok_client import Access
from worker.tiktok.tiktok_errors import NotFound, TikTokError, TooLarge, Transient, UnknownCode, Unlisted
from worker.tokens.token_store import ReauthorizationRequired

IN_FLIGHT: Final = 64
"""Calls of one shop under way at once."""
DRAIN_SECONDS: Final = 10.0
"""After so long a drain takes no more ids, and the shop goes to the back of the queue."""
OUTAGE_AFTER: Final = 5
"""That many failures in a row, and the drain stops: the upstream is down, and no id shall suffer for it."""
ALIKE_AFTER: Final = 3
"""That many products in a row with one code that no table has, and it is no product's own."""
Detail = tuple[Product202309 | ProductLegacy, str]


class Calls:
    """Fetches the waiting ids of a batch and leaves answers, hand-backs and letters in it."""

    def __init__(self, batch: Drain, entry: Shop, target: Target, standing: Standing) -> None:
        self._batch = batch
        self._runtime = batch.runtime
        self._entry = entry
        self._target = target
        self._caller = Caller(batch.runtime, entry, batch.runtime.tiktok.product_endpoint, standing)
        self._lists: Caller | None = None
        self._doubtful: list[tuple[Asked, TikTokError]] = []
        """Failures since the last success: the ids' own if another id gets through, else nobody's."""

    @property
    def sent(self) -> int:
        """Calls that were sent."""
        return self._caller.calls

    @property
    def throttled(self) -> int:
        """Calls that were refused for their number, those to the list included."""
        return self._caller.throttled + (self._lists.throttled if self._lists else 0)

    async def send_all(self) -> None:
        """Go on until every id is answered or something stops the drain."""
        batch = self._batch
        room = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as calls:
            while not batch.stopped and (batch.waiting or await self._more()):
                await room.acquire()
                permit = await self._permit()
                if permit is None or batch.stopped or not batch.waiting:
                    room.release()
                    continue
                probes = self._caller.probes
                call = calls.create_task(self._call(batch.waiting.popleft(), permit, room))
                if permit.lone or probes:
                    await asyncio.wait((call,))
        self._count_failures()

    async def _permit(self) -> Permit | None:
        try:
            return await self._caller.take(len(self._batch.waiting))
        except Deferred as wait:
            self._batch.stop(wait)
            return None

    async def _more(self) -> bool:
        """Take further ids of the shop while slots are free; whether there are any to send.

        Not in a drain with ids of a dead one: its next ones may be such too, and one of these may be what killed it.
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

    async def _call(self, asked: Asked, permit: Permit, room: asyncio.Semaphore) -> None:
        async def fetch(access: Access) -> Detail | NotFound:
            try:
                return await self._runtime.tiktok.product(access, asked.id.decode())
            except NotFound as error:
                return error  # an answer like any other, with a place in the order

        try:
            answer, reading = await self._caller.attempt(permit, fetch)
        except Again:
            self._batch.waiting.appendleft(asked)
        except Deferred as wait:
            self._batch.waiting.appendleft(asked)
            self._batch.stop(wait)
        except ReauthorizationRequired:
            self._batch.waiting.appendleft(asked)
            self._batch.halted = True
        except TikTokError as error:
            await self._failed(asked, error)
        else:
            self._count_failures()
            if isinstance(answer, NotFound):
                self._tell_failed(asked, answer)
                await self._not_found(asked, reading, answer)
            else:
                self._answered(asked, reading, *answer)
        finally:
            room.release()

    def _answered(self, asked: Asked, reading: Reading, answer: Product202309 | ProductLegacy, request_id: str) -> None:
        batch = self._batch
        if is_deleted(answer):
            reason = batch.reason(asked, "status", "TikTok says that it is deleted")
            batch.gone(asked, reading, reason, request_id)
            return
        number, cause = reading.fetch_seq, batch.cause(asked, request_id)
        seen = Seen(asked.id, asked.id.decode(), number, cause, ProductSeen(answer), span=reading.span)
        batch.answered(asked, seen)

    async def _failed(self, asked: Asked, error: TikTokError) -> None:
        """Decide what a failed call means for its id."""
        self._tell_failed(asked, error)
        match error:
            case TooLarge():
                self._count(asked, error)  # its own matter, however many are
            case Transient() | Unlisted():
                self._doubtful.append((asked, error))
                await self._doubt(error)
            case _:
                self._count_failures()
                self._batch.bury_error(asked, error)

    def _tell_failed(self, asked: Asked, error: TikTokError) -> None:
        self._runtime.log.warning(
            "call_failed", shop=self._batch.claim.shop, product=asked.id.decode(), error=error.error_class,
            code=error.code, message=error.message, request_id=error.request_id,
        )  # fmt: skip

    async def _not_found(self, asked: Asked, reading: Reading, error: NotFound) -> None:
        """Have the list decide about a product that the detail doesn't know."""
        batch = self._batch
        if self._lists is None:
            self._lists = Caller(self._runtime, self._entry, "products_search")
        reason = batch.reason(asked, error.error_class, error.message, error.code)
        try:
            seen = await not_found(
                self._runtime, self._lists, self._target, asked.id.decode(), reading, reason,
                batch.cause(asked, error.request_id),
            )  # fmt: skip
        except (Deferred, ReauthorizationRequired, TikTokError) as stopped:
            # The list couldn't be asked, so nothing is known yet.
            batch.back.append(HandBack(asked, retry.delay_ms(asked.tries)))
            if isinstance(stopped, ReauthorizationRequired):
                batch.halted = True
            return
        if seen is None:
            batch.let_go(asked)
        else:
            batch.answered(asked, structs.replace(seen, asked=asked.id))

    async def _doubt(self, error: TikTokError) -> None:
        """Stop if what fails is no id's own: then none of the ids that have failed has had a try."""
        alike = [one for _, one in self._doubtful if type(one) is type(error) and one.code == error.code]
        unlisted = isinstance(error, Unlisted) and len(alike) >= ALIKE_AFTER
        if not unlisted and len(self._doubtful) < OUTAGE_AFTER:
            return
        failed, self._doubtful = self._doubtful, []
        self._batch.back += [HandBack(asked) for asked, _ in failed]
        concerned = UnknownCode(error.message, code=error.code, request_id=error.request_id) if unlisted else error
        self._batch.stop(await self._caller.fail(concerned))

    def _count_failures(self) -> None:
        """Count a try of each id that has failed, since another one got through, or nothing says that none would."""
        failed, self._doubtful = self._doubtful, []
        for asked, error in failed:
            self._count(asked, error)

    def _count(self, asked: Asked, error: TikTokError) -> None:
        """Count a failed try, the last of which gives the id up."""
        if asked.tries + 1 >= retry.tries_max(error):
            self._batch.bury_error(asked, error)
        else:
            self._batch.back.append(HandBack(asked, retry.delay_ms(asked.tries), failed=True))
