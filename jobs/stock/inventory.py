"""Fetch stock by batch, 100 products or 600 SKUs a call. A refused id costs its batch some halvings, not the batch."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from jobs.calling.caller import Caller
from worker.backlog.claims import Claim
from worker.changes.drafts import Cause
from worker.marketplace.call_errors import BadParameter, CallError, ProductRefused, TooLarge, UnknownCode, Unlisted
from worker.marketplace.product_answers import StockAnswer
from worker.marketplace.values import Access
from worker.publishing.counts import Counts
from worker.publishing.seen import Seen, Target
from worker.runtime import Runtime

ENDPOINT: Final = "inventory_search"
CauseOf = Callable[[str, str], Cause]
"""Makes the cause of the events from an id as claimed and TikTok's request id."""


@dataclass(slots=True)
class Looked:
    """The outcome of some ids.

    Attributes:
        counts: of the answers that were published.
        answered: ids with stock in an answer.
        missing: ids that an answer left out.
        refused: ids that TikTok refused, with its error.
    """

    counts: Counts = field(default_factory=Counts)
    answered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: dict[str, CallError] = field(default_factory=dict)

    def add(self, more: "Looked") -> None:
        """Add the outcome of further ids."""
        self.counts.add(more.counts)
        self.counts.again += more.counts.again
        self.counts.unordered += more.counts.unordered
        self.counts.details += more.counts.details
        self.counts.found += more.counts.found
        self.counts.broken += more.counts.broken
        self.answered += more.answered
        self.missing += more.missing
        self.refused |= more.refused

    def under(self, prefix: str) -> "Looked":
        """Return the same outcome with a prefix before each id, as they stand in the claim."""
        answered, missing = ([prefix + one for one in ids] for ids in (self.answered, self.missing))
        return Looked(self.counts, answered, missing, {prefix + one: error for one, error in self.refused.items()})


class Stock:
    """The stock of one shop, fetched and published by batch."""

    def __init__(self, runtime: Runtime, caller: Caller, target: Target, claim: Claim, *, held: bool) -> None:
        """Take the parts that all batches need.

        Args:
            runtime: the worker's parts.
            caller: for the inventory endpoint.
            target: the shop.
            claim: the drain's or walk's.
            held: True if the ids are in the claim, and leave it as their stock is published.
        """
        self._runtime = runtime
        self._can = runtime.marketplace.abilities
        self._caller = caller
        self._target = target
        self._claim = claim
        self._held = held
        self._hopeless: CallError | None = None
        self.released = set[str]()
        """Ids, as claimed, that have left the claim, even if another batch has failed."""

    async def of_products(self, product_ids: Sequence[str], cause: CauseOf, prefix: str = "") -> Looked:
        """Fetch and publish the stock of products, in batches of as many as one call takes, several at a time.

        Args:
            product_ids: without a prefix.
            cause: makes the cause of the events.
            prefix: stands before the ids in the claim and in the outcome.

        Raises:
            Deferred, ReauthorizationRequired, CallError: as `Caller`. Answered batches are published all the same.
        """
        return await self._batches(product_ids, self._can.stock_products_max, cause, prefix, skus=False)

    async def of_skus(self, sku_ids: Sequence[str], cause: CauseOf, prefix: str) -> Looked:
        """Fetch and publish the stock of SKUs, in batches of as many as one call takes, as `of_products` does.

        The other SKUs of their products stay as they are.
        """
        return await self._batches(sku_ids, self._can.stock_skus_max, cause, prefix, skus=True)

    async def _batches(self, wanted: Sequence[str], size: int, cause: CauseOf, prefix: str, *, skus: bool) -> Looked:
        looked = Looked()
        batches = [wanted[i : i + size] for i in range(0, len(wanted), size)]
        while batches and self._caller.probes:
            looked.add((await self._batch(batches.pop(0), cause, prefix, skus=skus)).under(prefix))
        results = await asyncio.gather(
            *(self._batch(batch, cause, prefix, skus=skus) for batch in batches), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for result in results:
            if isinstance(result, Looked):
                looked.add(result.under(prefix))
        if failures:
            raise failures[0]
        return looked

    async def _batch(self, wanted: Sequence[str], cause: CauseOf, prefix: str, *, skus: bool) -> Looked:
        """Fetch and publish one batch. If TikTok refuses it, find the refused ids by halves.

        Raises:
            Unlisted, UnknownCode: both halves were refused, so that the error concerns no single id.
            Deferred, ReauthorizationRequired, CallError: as `Caller`.
        """
        try:
            return await self._call(wanted, cause, prefix, skus=skus)
        except (BadParameter, ProductRefused, TooLarge, UnknownCode) as error:
            doubtful = isinstance(error, UnknownCode | Unlisted)
            if len(wanted) == 1:
                if doubtful:
                    raise
                return Looked(refused={wanted[0]: error})
            halves = wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :]
        looked, refused = Looked(), list[tuple[Sequence[str], CallError]]()
        for half in halves:
            try:
                # Halve a batch with a known code down to its ids, one with an unknown code once: it may concern all.
                fetch = self._call if doubtful else self._batch
                looked.add(await fetch(half, cause, prefix, skus=skus))
            except (BadParameter, ProductRefused, TooLarge, UnknownCode) as again:
                refused.append((half, again))
        if len(refused) == 2:
            self._hopeless = refused[0][1]
            raise self._hopeless
        for half, error_of_half in refused:
            looked.add(await self._isolate(half, error_of_half, cause, prefix, skus=skus))
        return looked

    async def _isolate(
        self, wanted: Sequence[str], error: CallError, cause: CauseOf, prefix: str, *, skus: bool
    ) -> Looked:
        """Find the refused ids in the refused half of a batch whose other half was answered."""
        if len(wanted) == 1:
            return Looked(refused={wanted[0]: error})
        looked = Looked()
        for half in (wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :]):
            try:
                looked.add(await self._call(half, cause, prefix, skus=skus))
            except (BadParameter, ProductRefused, TooLarge, UnknownCode) as again:
                looked.add(await self._isolate(half, again, cause, prefix, skus=skus))
        return looked

    async def _call(self, wanted: Sequence[str], cause: CauseOf, prefix: str, *, skus: bool) -> Looked:
        async def fetch(access: Access) -> tuple[Sequence[StockAnswer], str]:
            if self._hopeless:
                raise self._hopeless  # found by another batch while this one waited for its permit
            return await self._runtime.marketplace.read_stock(access, **{"sku_ids" if skus else "product_ids": wanted})

        (answers, request_id), reading = await self._caller(fetch)
        looked, stock = _sort_out(answers, wanted, skus=skus)
        seen = [
            Seen(
                asked=(prefix + product_id).encode() if self._held and not skus else b"", product_id=product_id,
                fetch_seq=reading.fetch_seq, cause=cause(prefix + _name(content, skus=skus), request_id),
                content=content, view="i", span=reading.span,
            )
            for product_id, content in stock.items()
        ]  # fmt: skip
        if seen:
            looked.counts = await self._runtime.publisher.settle(self._target, self._claim, seen)
            if self._held and not skus:
                counts = looked.counts
                unsettled = [one.asked for one in counts.unordered]
                kept = (*unsettled, *(asked for asked, _ in counts.broken))
                self.released |= {prefix + one for one in stock} - {one.decode() for one in kept}
        return looked


def _name(answer: StockAnswer, *, skus: bool) -> str:
    """Give the id that an answer was asked for by, without a prefix: its product, or the first of its SKUs."""
    return next(iter(answer.sku_ids), answer.product_id) if skus else answer.product_id


def _sort_out(
    answers: Sequence[StockAnswer], wanted: Sequence[str], *, skus: bool
) -> tuple[Looked, Mapping[str, StockAnswer]]:
    """Sort the ids into answered and missing ones, and return the stock by product."""
    stock = {one.product_id: one for one in answers}
    answered = {sku for one in answers for sku in one.sku_ids} if skus else set(stock)
    return Looked(
        answered=[one for one in wanted if one in answered], missing=[one for one in wanted if one not in answered]
    ), stock
