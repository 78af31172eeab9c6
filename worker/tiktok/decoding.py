"""Bytes of an answer into its `data`, or into the error that its envelope stands for."""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from worker.tiktok.refusals import error_for
from worker.tiktok.salvage import UNREADABLE, salvage
from worker.tiktok.tiktok_errors import TikTokError, Unreadable

T = TypeVar("T")
Text = str | None
_CODE_MAX = 2**53  # TikTok's have eight digits, and what doesn't fit 64 bits can't be logged or written down


class Envelope(Struct, Generic[T]):
    """The object that every answer is wrapped in. `code` 0 is success, whatever the HTTP status says."""

    code: int
    message: Text = None
    request_id: Text = None
    data: T | None = None


class Listing(Struct):
    """An answer that is empty where success comes without `data`, as some write it."""


class Decoder(Generic[T]):
    """Bytes of an answer into its `data`, or the error that the envelope stands for."""

    def __init__(self, data: type[T]) -> None:
        self._kind = data
        self._whole: msgspec.json.Decoder[Envelope[T]] = msgspec.json.Decoder(Envelope[data], strict=False)  # type: ignore[valid-type]

    def __call__(self, body: bytes) -> tuple[T, str]:
        """The data and TikTok's request_id.

        Raises:
            TikTokError: the class that the envelope's code stands for; Unreadable if the body is no envelope,
                or says success without the data that was asked for.
        """
        failure: TikTokError
        try:
            envelope: Envelope[Any] = self._whole.decode(body)
        except UNREADABLE as error:
            # A refusal's data may have any shape, so what is wrong may be the data alone.
            refused = refusal(body)
            found = None if refused else self._salvage(body)
            if found:
                return found
            failure = refused or Unreadable(f"unreadable answer: {error}")
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
        """The data of a success in which something is odd; None if too little of it can be read."""
        try:
            head: _Refusal = salvage(body, _Refusal)
            data = msgspec.json.decode(body, type=_Data).data
            if bytes(data) == b"null":
                return (self._kind(), head.request_id or "") if issubclass(self._kind, Listing) else None
            return salvage(data, self._kind), head.request_id or ""
        except UNREADABLE:
            return None


class _Refusal(Struct):
    code: int
    message: Text = None
    request_id: Text = None


class _Data(Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")


def refusal(body: bytes) -> TikTokError | None:
    """The error that the envelope in `body` stands for; None if it says success or there is no envelope."""
    try:
        envelope: _Refusal = salvage(body, _Refusal)
    except UNREADABLE:
        return None
    if abs(envelope.code) > _CODE_MAX:
        return Unreadable("the envelope's code is no number of TikTok's")
    return error_for(envelope.code, envelope.message or "", envelope.request_id or "") if envelope.code else None
