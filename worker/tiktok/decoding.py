"""Decode the bytes of an answer to its `data`, or raise the error of its envelope."""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from worker.marketplace.call_errors import CallError, Transient, Unreadable
from worker.tiktok.reading.answers import Listing
from worker.tiktok.reading.salvage import UNREADABLE, salvage
from worker.tiktok.refusals import error_for

T = TypeVar("T")
Text = str | None
_CODE_MAX = 2**53  # TikTok's have eight digits, and what doesn't fit 64 bits can't be logged or written down


_BEFORE = b"\xef\xbb\xbf \t\r\n"
"""Bytes that may stand before JSON."""


class Envelope(Struct, Generic[T]):
    """The object that every answer is wrapped in. `code` 0 is success, whatever the HTTP status says."""

    code: int
    message: Text = None
    request_id: Text = None
    data: T | None = None


class Decoder(Generic[T]):
    """A decoder of answers, to their `data` or the error of the envelope."""

    def __init__(self, data: type[T]) -> None:
        self._kind = data
        self._whole: msgspec.json.Decoder[Envelope[T]] = msgspec.json.Decoder(Envelope[data], strict=False)  # type: ignore[valid-type]

    def __call__(self, body: bytes) -> tuple[T, str]:
        """Decode an answer. Gives the data and TikTok's request_id.

        Raises:
            CallError: the class that the envelope's code stands for; Unreadable if the body is a broken envelope, or
                a success without the expected data; Transient if it is none at all.
        """
        failure: CallError
        try:
            envelope: Envelope[Any] = self._whole.decode(body)
        except UNREADABLE as error:
            # A refusal's data may have any shape, so the data alone may be malformed.
            refused = refusal(body)
            found = None if refused else self._salvage(body)
            if found:
                return found
            failure = refused or _judge_unread(body, error)
        else:
            request_id = envelope.request_id or ""
            if abs(envelope.code) > _CODE_MAX:
                failure = Unreadable("the envelope's code is no number of TikTok's", request_id=request_id)
            elif envelope.code != 0:
                failure = error_for(envelope.code, envelope.message or "", request_id)
            elif envelope.data is not None:
                return envelope.data, request_id
            elif issubclass(self._kind, Listing):
                return self._kind(), request_id
            else:
                failure = Unreadable("success without data", request_id=request_id)
        try:
            raise failure
        finally:
            del failure  # else it and this frame, with the body, would hold each other

    def _salvage(self, body: bytes) -> tuple[T, str] | None:
        """Decode a success with malformed fields; None if too little of it is readable."""
        try:
            head: _Refusal = salvage(body, _Refusal)
            data = msgspec.json.decode(body, type=_Data).data
            if bytes(data) == b"null":
                return (self._kind(), head.request_id or "") if issubclass(self._kind, Listing) else None
            return salvage(data, self._kind), head.request_id or ""
        except UNREADABLE:
            return None


def _judge_unread(body: bytes, error: Exception) -> CallError:
    """Judge a body that can't be read. A page of a proxy or gateway is no word about the id, also with HTTP 200."""
    if not body.lstrip(_BEFORE).startswith(b"{"):
        return Transient("HTTP 200 without an envelope")
    return Unreadable(f"unreadable answer: {error}")


class _Refusal(Struct):
    code: int
    message: Text = None
    request_id: Text = None


class _Data(Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")


def refusal(body: bytes) -> CallError | None:
    """Give the error of the envelope in `body`; None for a success or without an envelope."""
    try:
        envelope: _Refusal = salvage(body, _Refusal)
    except UNREADABLE:
        return None
    if abs(envelope.code) > _CODE_MAX:
        return Unreadable("the envelope's code is no number of TikTok's")
    return error_for(envelope.code, envelope.message or "", envelope.request_id or "") if envelope.code else None
