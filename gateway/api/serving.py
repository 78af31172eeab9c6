"""Serve an endpoint: admit the call, check its parts, answer it once, and translate errors."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from gateway.api.access.bearer import Gate
from gateway.api.access.idempotency import answer_once
from gateway.api.wire.body_reader import decode_body, decode_query, read_body
from gateway.api.wire.calls import ApiCall, ApiEndpoint
from gateway.api.wire.problems import NO_SUCH_PATH, WRONG_METHOD, Problem, problem_of
from gateway.door import Door
from shopstream.enqueue.reasons import is_traceparent
from shopstream.ids import check

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_IDS: Final = {"shop": "shop", "sku": "SKU", "product": "product"}
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def make_handler(door: Door, gate: Gate, endpoint: ApiEndpoint) -> Handler:
    """Make the handler of an endpoint."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _guard(door, lambda: _serve(door, gate, endpoint, request))

    return handle


async def _serve(door: Door, gate: Gate, endpoint: ApiEndpoint, request: web.Request) -> web.Response:
    if endpoint.role is None:
        return await _act(door, endpoint, request, b"")
    holder = gate.admit(request, endpoint.role)
    if endpoint.body is None:
        return await _act(door, endpoint, request, b"")
    body = await read_body(request)
    return await answer_once(
        door.redis, holder.name, request, body, lambda: _guard(door, lambda: _act(door, endpoint, request, body))
    )


async def _act(door: Door, endpoint: ApiEndpoint, request: web.Request, body: bytes) -> web.Response:
    names = request.match_info
    traces = request.headers.getall("traceparent", [])
    call = ApiCall(
        door=door,
        names={name: check(_IDS[name], value) if name in _IDS else value for name, value in names.items()},
        query=decode_query(request, endpoint.query),
        body=None if endpoint.body is None else decode_body(body, endpoint.body),
        # W3C: a trace context that is not valid is left out, it never fails a call.
        traceparent=traces[0] if len(traces) == 1 and is_traceparent(traces[0]) else None,
    )
    answer = msgspec.json.encode(await endpoint.act(call))
    return web.Response(status=endpoint.status, body=answer, content_type="application/json", headers=_HEADERS)


async def _guard(door: Door, act: Callable[[], Awaitable[web.Response]]) -> web.Response:
    """Answer by `act`, or by the problem of its error."""
    try:
        return await act()
    except Exception as error:  # each error that is a problem of the API has its answer; any other is raised
        problem = problem_of(error)
        if problem is None:
            raise
        if problem.kind.status >= 500:
            door.log.warning("call_unanswered", problem=problem.kind.name, error=type(error).__name__)
        return problem.answer()


def refuse_method(allowed: str) -> Handler:
    """Make the handler of a known path's other methods."""

    async def handle(_: web.Request) -> web.StreamResponse:
        return Problem(WRONG_METHOD, f"The path takes {allowed}.", {"Allow": allowed}).answer()

    return handle


async def refuse_path(_: web.Request) -> web.StreamResponse:
    """Answer a call of an unknown path."""
    return Problem(NO_SUCH_PATH).answer()
