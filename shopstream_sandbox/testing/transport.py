"""Send control calls over HTTP, by the standard library alone."""

import json
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

# A sandbox is on this machine: a proxy that the environment names would not find it.
_DIRECT: Final[OpenerDirector] = build_opener(ProxyHandler({}))
_TIMEOUT_SECONDS: Final = 30.0


class ControlRefused(Exception):
    """A control call that the sandbox refused, with its reason."""


def get(url: str) -> Any:
    """Read a document.

    Raises:
        ControlRefused: the sandbox refuses the call.
        URLError: the sandbox does not answer.
    """
    return _send(Request(url))  # noqa: S310 - the sandbox's own URL


def post(url: str, document: dict[str, object]) -> Any:
    """Send a document, and give the answer's. Errors are those of `get`."""
    body = json.dumps(document).encode()
    return _send(Request(url, data=body, headers={"Content-Type": "application/json"}))  # noqa: S310 - as above


def _send(request: Request) -> Any:
    try:
        with _DIRECT.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except HTTPError as refusal:
        with refusal:
            raise ControlRefused(_read_reason(refusal)) from None


def _read_reason(refusal: HTTPError) -> str:
    try:
        return str(json.load(refusal)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {refusal.code}"
