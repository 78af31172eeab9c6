"""Ask for syncs, and show how far they are."""

from contextlib import aclosing
from itertools import islice
from typing import Final

import msgspec

from gateway.api.wire.call_bodies import IDS_MOST, NoQuery, ProductsBody, StockBody, SyncBody
from gateway.api.wire.calls import ApiCall
from gateway.api.wire.problems import INVALID_BODY, NOT_FOUND, Problem
from shopstream import Event, InvalidArgument, Progress, Request, WalkProgress, WalkRequest
from shopstream.dead.letters import DeadLetters
from shopstream.enqueue.walk_requests import progress
from shopstream.registry.shop_entries import check_authorized

_LETTERS_MOST: Final = 100


class AcceptedAnswer(msgspec.Struct):
    """An accepted request. Its id names it in /v1/requests/{request}, for two days."""

    request_id: str


class LetterSummary(msgspec.Struct):
    """An id of a request that was given up."""

    id: str
    entry: str
    error_class: str
    message: str


class RequestAnswer(msgspec.Struct):
    """The progress of a request: of its ids, or of the sync of a whole shop in `sync`.

    `total` = `done` + `given_up` + `pending`. `dead` has 100 letters at most.
    """

    request_id: str
    shop_id: str
    kind: str
    finished: bool
    total: int
    done: int
    given_up: int
    pending: int
    dead: list[LetterSummary]
    sync: WalkProgress | None


async def sync_products(call: ApiCall[ProductsBody, NoQuery]) -> AcceptedAnswer:
    """Have products fetched and their changes published."""
    body = call.body
    request = await call.door.client.sync_products(
        call.names["shop"], body.ids, urgent=body.urgent, cause=body.cause, traceparent=call.traceparent
    )
    return AcceptedAnswer(request.id)


async def sync_stock(call: ApiCall[StockBody, NoQuery]) -> AcceptedAnswer:
    """Have stock fetched by batch and its changes published.

    Raises:
        Problem: there are no ids, or too many.
    """
    body = call.body
    if not 1 <= len(body.ids) + len(body.sku_ids) <= IDS_MOST:
        raise Problem(INVALID_BODY, f"ids and sku_ids have 1 to {IDS_MOST:,} ids together.")
    request = await call.door.client.sync_stock(
        call.names["shop"], body.ids, sku_ids=body.sku_ids,
        urgent=body.urgent, cause=body.cause, traceparent=call.traceparent,
    )  # fmt: skip
    return AcceptedAnswer(request.id)


async def sync_shop(call: ApiCall[SyncBody, NoQuery]) -> AcceptedAnswer:
    """Have a whole shop synced."""
    request = await call.door.client.sync_shop(call.names["shop"], full=call.body.full)
    return AcceptedAnswer(request.id)


async def show_request(call: ApiCall[None, NoQuery]) -> RequestAnswer:
    """Show the progress of a request.

    Raises:
        Problem: it is no request's id.
        UnknownShop: its shop is not authorized (any more). A request names its ids itself, so that any ids of nobody
            would else count as done.
    """
    client, name = call.door.client, call.names["request"]
    try:
        request = await client.find_request(name)
    except InvalidArgument as error:
        raise Problem(NOT_FOUND, str(error)) from None
    partition = await call.door.partitions.find(request.shop_id)
    await check_authorized(call.door.redis, partition, request.shop_id)
    if isinstance(request, WalkRequest):
        walk = await progress(call.door.redis, partition, request)
        return _of_walk(request, walk)
    async with aclosing(client.watch(request)) as looks:  # type: ignore[type-var]
        look = await anext(looks)
    return _of_ids(request, look, await client.open_dead_letters())


def _of_walk(request: WalkRequest, walk: WalkProgress) -> RequestAnswer:
    total = max(walk.products, walk.expected or 0)
    return RequestAnswer(
        request_id=request.id,
        shop_id=request.shop_id,
        kind=request.kind,
        finished=walk.done,
        total=total,
        done=walk.products - walk.failed,
        given_up=walk.failed,
        pending=total - walk.products,
        dead=[],
        sync=walk,
    )


def _of_ids(request: Request, look: Progress, letters: DeadLetters) -> RequestAnswer:
    return RequestAnswer(
        request_id=request.id,
        shop_id=request.shop_id,
        kind=request.kind,
        finished=not look.pending,
        total=look.total,
        done=look.done,
        given_up=look.given_up,
        pending=look.pending,
        dead=[_summarize(name, letter, letters) for name, letter in islice(look.dead.items(), _LETTERS_MOST)],
        sync=None,
    )


def _summarize(name: str, letter: Event, letters: DeadLetters) -> LetterSummary:
    data = letter.data
    return LetterSummary(name, letters.name(letter), str(data.get("error_class")), str(data.get("message")))
