"""Send the detail calls of one drain, many at once, and decide what becomes of the ids: see docs/tiktok.md."""

import asyncio
import time
from typing import Final

from msgspec import structs

from jobs.calling import retry
from jobs.calling.caller import Again, Caller, Deferred
from jobs.calling.shared_caller import open_caller
from jobs.drain.batch import Drain
from jobs.drain.evidence import GONE_STATUS
from jobs.drain.unasked import find_unasked
from jobs.products.detail import not_found
from shopstream.registry.shop import Shop
from worker.backlog.claims import Asked, HandBack
from worker.marketplace.call_errors import CallError, NotFound, TooLarge, Transient, UnknownCode, Unlisted
from worker.marketplace.product_answers import ProductAnswer
from worker.marketplace.values import Access
from worker.order import Reading
from worker.pacing.pacer import Permit
from worker.publishing.seen import Seen, Target
from worker.shops.standing import Standing
from worker.tokens.authorizations import ReauthorizationRequired

IN_FLIGHT: Final = 64
"""Calls of one shop under way at once, at most."""
DRAIN_SECONDS: Final = 10.0
"""Seconds after which a drain claims no more ids, and the shop goes to the back of the queue."""
OUTAGE_AFTER: Final = 5
"""Failures in a row that stop the drain: TikTok is then taken to be down, and no id has a try counted."""
ALIKE_AFTER: Final = 3
"""Products in a row with the same unlisted error code that stop the drain: the code then concerns all ids."""
BEHIND_MS: Final = 10_000
"""Milliseconds that put an id of a stopped drain behind the others, so that one of these may get through and prove that
the failures are the ids' own. At the front, the next drain would meet the same ones first."""
BEHIND_WAITING_MS: Final = 1
"""The same, behind the ids that wait already alone. An urgent id stays urgent."""
Detail = tuple[ProductAnswer, str]


class Calls:
    """Calls for the waiting ids of a drain, which leave answers, hand-backs and dead letters in it."""

    def __init__(self, batch: Drain, entry: Shop, target: Target, standing: Standing) -> None:
        self._batch = batch
        self._runtime = batch.runtime
        self._entry = entry
        self._target = target
        self._caller = open_caller(batch.runtime, entry, batch.runtime.marketplace.abilities.product_endpoint, standing)
        self._lists: Caller | None = None
        self._doubtful: list[tuple[Asked, CallError]] = []
        """Failures since the last success. They count as tries of their ids only if another id gets through."""
        self._any_through = False
        self._wary = False
        """The endpoint was in trouble when this drain called it."""

    @property
    def sent(self) -> int:
        """Return the number of calls that were sent."""
        return self._caller.calls

    @property
    def throttled(self) -> int:
        """Calls that were refused for their number, those to the list included."""
        return self._caller.throttled + (self._lists.throttled if self._lists else 0)

    async def send_all(self) -> None:
        """Send calls until each id has an answer or the drain stops."""
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
                call = calls.create_task(self._call(self._next(lone=permit.lone), permit, room))
                if permit.lone or probes:
                    await asyncio.wait((call,))
        self._count_failures()

    def _next(self, *, lone: bool) -> Asked:
        """Take the next id to call for.

        The call that ends a cool-down, and all calls of a drain that began in a trouble, take one from the middle of
        those behind the urgent ones. The ids at the front and what was handed back may be the same that have failed
        before, and one id that is always refused would stop all others. From the middle, those at the front come last.
        """
        waiting = self._batch.waiting
        self._wary |= self._caller.probes
        if not lone and not self._wary:
            return waiting.popleft()
        behind = next((place for place, asked in enumerate(waiting) if not asked.urgent), 0)
        place = (behind + len(waiting)) // 2
        asked = waiting[place]
        del waiting[place]
        return asked

    def _put_behind(self, asked: Asked) -> None:
        """Have an id called for once more, after the others of its urgency."""
        waiting = self._batch.waiting
        place = sum(one.urgent for one in waiting) if asked.urgent else len(waiting)
        waiting.insert(place, asked)

    async def _permit(self) -> Permit | None:
        try:
            return await self._caller.take(len(self._batch.waiting))
        except Deferred as wait:
            self._batch.stop(wait)
            return None

    async def _more(self) -> bool:
        """Claim further ids of the shop while slots are free. Return True if any id waits.

        A drain with taken-over ids claims no more: one of these ids may have killed the worker before, and should take
        no others along.
        """
        batch, runtime = self._batch, self._runtime
        in_time = time.monotonic() - batch.begun < DRAIN_SECONDS
        if not batch.taken_over and in_time and runtime.free():
            more = await runtime.backlog.more(
                batch.claim,
                endpoint=runtime.marketplace.abilities.product_endpoint,
                start_rate=runtime.pacer.rates.start,
            )
            batch.sort_out(more, self._entry)
        return bool(batch.waiting)

    async def _call(self, asked: Asked, permit: Permit, room: asyncio.Semaphore) -> None:
        async def fetch(access: Access) -> Detail | NotFound:
            try:
                return await self._runtime.marketplace.read_product(access, asked.id.decode())
            except NotFound as error:
                return error  # this answer has a place in the order too

        try:
            answer, reading = await self._caller.attempt(permit, fetch)
        except Again:
            self._put_behind(asked)
        except Deferred as wait:
            self._batch.give_back(HandBack(asked, BEHIND_WAITING_MS))
            self._batch.stop(wait)
        except ReauthorizationRequired:
            self._batch.waiting.appendleft(asked)
            self._batch.halted = True
        except CallError as error:
            await self._decide_failed(asked, error)
        else:
            self._any_through = True
            self._count_failures()
            if isinstance(answer, NotFound):
                self._tell_failed(asked, answer)
                await self._not_found(asked, reading, answer)
            else:
                await self._take_answer(asked, reading, *answer)
        finally:
            room.release()

    async def _take_answer(self, asked: Asked, reading: Reading, answer: ProductAnswer, request_id: str) -> None:
        batch = self._batch
        if answer.deleted:
            reason = batch.reason(asked, "status", GONE_STATUS)
            unasked = asked in await find_unasked(self._runtime, batch.claim, [asked])
            batch.take_deletion(asked, reading, reason, request_id, unasked=unasked)
            return
        seen = Seen(
            asked=asked.id, product_id=asked.id.decode(), fetch_seq=reading.fetch_seq,
            cause=batch.cause(asked, request_id), content=answer, span=reading.span,
        )  # fmt: skip
        batch.take_answer(asked, seen)

    async def _decide_failed(self, asked: Asked, error: CallError) -> None:
        """Decide if a failed call counts as a try of its id, gives the id up, or stops the drain."""
        self._tell_failed(asked, error)
        match error:
            case TooLarge():
                self._count(asked, error)  # the fault of the product alone, even if many fail so
            case Transient() | Unlisted():
                self._doubtful.append((asked, error))
                await self._doubt(error)
            case _:
                self._count_failures()
                self._batch.bury_error(asked, error)

    def _tell_failed(self, asked: Asked, error: CallError) -> None:
        self._runtime.log.warning(
            "call_failed", shop=self._batch.claim.shop, product=asked.id.decode(), error=error.error_class,
            code=error.code, message=error.message, request_id=error.request_id,
        )  # fmt: skip

    async def _not_found(self, asked: Asked, reading: Reading, error: NotFound) -> None:
        """Let the list decide about a product that the detail call doesn't find."""
        batch = self._batch
        if self._lists is None:
            self._lists = open_caller(self._runtime, self._entry, "products_search")
        reason = batch.reason(asked, error.error_class, error.message, error.code)
        try:
            seen = await not_found(
                self._runtime, self._lists, self._target, asked.id.decode(), reading, reason,
                batch.cause(asked, error.request_id),
            )  # fmt: skip
        except (Deferred, ReauthorizationRequired, CallError) as stopped:
            # Without the list's answer nothing is known yet.
            batch.give_back(HandBack(asked, retry.delay_ms(asked.tries)))
            if isinstance(stopped, ReauthorizationRequired):
                batch.halted = True
            return
        if seen is None:
            # Nothing is known yet, and somebody has asked.
            undecided = f"{error.message}; a list of more than one page neither shows nor lacks it"
            self._count(asked, NotFound(undecided, code=error.code, request_id=error.request_id))
        else:
            unasked = seen.content is None and asked in await find_unasked(self._runtime, batch.claim, [asked])
            batch.take_answer(asked, structs.replace(seen, asked=asked.id, unasked=unasked))

    async def _doubt(self, error: CallError) -> None:
        """Stop the drain if the failures concern all ids. The failed ids then have no try counted."""
        if isinstance(error, Unlisted) and self._any_through:
            return  # another product got through, so that the code is this one's own
        alike = [one for _, one in self._doubtful if type(one) is type(error) and one.code == error.code]
        unlisted = isinstance(error, Unlisted) and len(alike) >= ALIKE_AFTER
        if not unlisted and len(self._doubtful) < OUTAGE_AFTER:
            return
        failed, self._doubtful = self._doubtful, []
        self._batch.give_back(
            *(HandBack(asked, BEHIND_WAITING_MS if asked.urgent else BEHIND_MS) for asked, _ in failed)
        )
        concerned = UnknownCode(error.message, code=error.code, request_id=error.request_id) if unlisted else error
        self._batch.stop(await self._caller.fail(concerned))

    def _count_failures(self) -> None:
        """Count a try of each id that has failed, since another id got through or the drain is at its end."""
        failed, self._doubtful = self._doubtful, []
        for asked, error in failed:
            self._count(asked, error)

    def _count(self, asked: Asked, error: CallError) -> None:
        """Count a failed try of an id, and give the id up after its last one."""
        if asked.tries + 1 >= retry.tries_max(error):
            self._batch.bury_error(asked, error)
        else:
            self._batch.give_back(HandBack(asked, retry.delay_ms(asked.tries), failed=True))
