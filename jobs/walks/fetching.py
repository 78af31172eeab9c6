"""Fetch the pages of a shop's list, where Redis is far away each while the one before is published."""

import asyncio
from typing import Final

from msgspec import Struct, structs

from jobs.calling import retry
from jobs.calling.caller import Caller
from jobs.walks import listing
from worker.marketplace.call_errors import Unreadable
from worker.marketplace.product_answers import ProductPage
from worker.marketplace.values import ListFilter
from worker.order import Reading
from worker.pacing.cadence import NEAR
from worker.runtime import Runtime
from worker.tasks import end
from worker.walks.checkpoint import Place
from worker.walks.windows import Window

_TRIES: Final = 5
Fetched = tuple[ProductPage, Reading]


class Question(Struct, frozen=True):
    """The query for one page.

    Attributes:
        wanted: the products that are asked for.
        token: leads to the page; empty for the first.
        page_size: products of a page at most.
        sure: True if one answer without a list ends the list, since no deletion depends on it.
        before: products that the pages before have had at most.
    """

    wanted: ListFilter
    token: str
    page_size: int
    sure: bool
    before: int


class Pages:
    """The pages of one walk, in order.

    A page is published in half a dozen round trips to Redis. If these take long, the next page is fetched meanwhile. It
    will be needed as soon as its token is known, since a list isn't left before its end.
    """

    def __init__(self, runtime: Runtime, caller: Caller) -> None:
        self._runtime = runtime
        self._caller = caller
        self._counted = caller.calls, caller.throttled
        self._ahead: tuple[Question, asyncio.Task[Fetched]] | None = None

    async def fetch(self, place: Place, window: Window) -> Fetched:
        """Fetch the page that `place` leads to, and count its calls in `place`.

        Raises:
            Deferred, ReauthorizationRequired, CallError: as `Caller`.
        """
        question = _question(place, window)
        try:
            answer, reading = await self._answer(question)
        finally:
            calls, throttled = self._counted
            self._counted = self._caller.calls, self._caller.throttled
            place.calls += self._caller.calls - calls
            place.throttled += self._caller.throttled - throttled
        following = answer.next_token
        if following and following != place.token and self._runtime.pacer.distance.trip >= NEAR:
            before = question.before + question.page_size
            then = structs.replace(question, token=following, before=before)
            self._ahead = then, asyncio.create_task(self._ask(then))
        return answer, reading

    async def close(self) -> None:
        """Cancel the fetch of a page that is no longer needed."""
        ahead, self._ahead = self._ahead, None
        if ahead:
            await end(ahead[1])

    async def _answer(self, question: Question) -> Fetched:
        if self._ahead and self._ahead[0] == question:
            (_, coming), self._ahead = self._ahead, None
            try:
                return await coming
            finally:
                await end(coming)
        await self.close()
        return await self._ask(question)

    async def _ask(self, question: Question) -> Fetched:
        """Call for a page. An answer without a list is the end of an empty list, or of one that may have shown all.

        Raises:
            Unreadable: TikTok gave no list on the way, several times.
            Deferred, ReauthorizationRequired, CallError: as `Caller`.
        """
        for attempt in range(_TRIES):
            answer, reading = await self._caller(
                lambda access: self._runtime.marketplace.list_products(
                    access, question.wanted, question.token, page_size=question.page_size
                )
            )
            if answer.listed or answer.next_token:
                return answer, reading
            # The second answer without a list is believed, and the first one if no deletion depends on it. Of a list
            # that has begun it is, if the pages before may have had all that it counts: the last page may be empty.
            at_end = not question.token or 0 < (answer.total or 0) <= question.before
            if at_end and (attempt or question.sure or answer.total == 0):
                return answer, reading
            await asyncio.sleep(retry.delay_ms(attempt) / 2000)
        raise Unreadable("TikTok lists nothing in the middle of a list")


def _question(place: Place, window: Window) -> Question:
    deleted = place.status == listing.DELETED
    since = place.deleted_since if deleted else place.since
    wanted = ListFilter(deleted, since, window.begin, window.end)
    before = place.pages_of_window * place.page_size
    return Question(
        wanted=wanted, token=place.token, page_size=place.page_size, sure=place.initial or deleted, before=before
    )
