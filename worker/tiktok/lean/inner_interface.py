"""Check at the start that aiohttp's inside is as `lean_http` takes it for granted."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import aiohttp

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nok"


def find_misfit() -> str:
    """Name the first part of aiohttp's inside that is not as expected; "" if all is. Needs a running loop."""
    try:
        for function, parameters in _list_functions():
            known = [name for name in inspect.signature(function).parameters if name in parameters.split()]
            if known != parameters.split():
                return f"{function.__qualname__}: its parameters"
        return _try_protocol()
    except Exception as error:  # noqa: BLE001 - whatever fails here would fail in each call
        return f"aiohttp's inside: {type(error).__name__}"


def _list_functions() -> Iterator[tuple[Callable[..., object], str]]:
    """Yield each function that is called, with the parameters that are handed over by name or in this order."""
    # Imported here, since a name that is gone shall not keep the process from its start.
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415
    from aiohttp.connector import Connection  # noqa: PLC0415

    yield aiohttp.ClientRequest, "method url headers loop session"
    yield aiohttp.BaseConnector.connect, "req traces timeout"
    yield Connection.protocol.fget, "self"  # type: ignore[attr-defined]
    yield Connection.close, "self"
    yield Connection.release, "self"
    yield ResponseHandler.set_response_params, "read_until_eof auto_decompress read_bufsize"


def _try_protocol() -> str:
    """Have aiohttp's protocol parse an answer without a connection."""
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - as above

    protocol = ResponseHandler(asyncio.get_running_loop())
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=1024)
    if protocol.transport is not None:
        return "ResponseHandler.transport"
    protocol.data_received(_ANSWER)
    message, payload = _finish(protocol.read())
    if (message.code, message.compression, message.headers.get("content-length")) != (200, "gzip", "2"):
        return "RawResponseMessage"
    if not isinstance(payload, aiohttp.StreamReader) or _finish(payload.readany()) != b"ok":
        return "StreamReader.readany"
    if _finish(payload.readany()) != b"" or protocol.should_close:
        return "ResponseHandler.should_close"
    return ""


def _finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Give the result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        coroutine.close()
    raise RuntimeError("it waits")
