"""Check at the start that aiohttp's inside is as `lean_http` takes it for granted."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import BaseConnector, Connection

PARAMETERS: Final[Mapping[Callable[..., object], tuple[str, ...]]] = {
    ClientRequest: ("method", "url", "headers", "loop", "session"),
    BaseConnector.connect: ("req", "traces", "timeout"),
    Connection.close: ("self",),
    Connection.release: ("self",),
    ResponseHandler.set_response_params: ("read_until_eof", "auto_decompress", "read_bufsize"),
}
"""Parameters that are handed over, by name or in this order."""
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nok"


def find_misfit() -> str:
    """Name the first part of aiohttp's inside that is not as expected; "" if all is. Needs a running loop."""
    try:
        for function, parameters in PARAMETERS.items():
            known = [name for name in inspect.signature(function).parameters if name in parameters]
            if known != list(parameters):
                return f"{function.__qualname__}: its parameters"
        if not isinstance(inspect.getattr_static(Connection, "protocol"), property):
            return "Connection.protocol"
        return _try_protocol()
    except Exception as error:  # noqa: BLE001 - whatever fails here would fail in each call
        return f"aiohttp's protocol: {type(error).__name__}"


def _try_protocol() -> str:
    """Have aiohttp's protocol parse an answer without a connection."""
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
