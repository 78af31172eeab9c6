"""Describe an endpoint of the API, and a call of it whose parts have been checked."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from gateway.api.wire.call_bodies import NoQuery
from gateway.door import Door, Role

Body = TypeVar("Body")
Query = TypeVar("Query")


@dataclass(frozen=True, slots=True)
class ApiCall(Generic[Body, Query]):
    """A call of the API.

    Attributes:
        door: the parts of the gateway.
        names: the variable parts of the path; ids are checked.
        query: the decoded query.
        body: the decoded body; None for a GET.
        traceparent: the W3C trace context of the call; None without a valid one.
    """

    door: Door
    names: Mapping[str, str]
    query: Query
    body: Body
    traceparent: str | None


Act: TypeAlias = Callable[[ApiCall[Any, Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ApiEndpoint:
    """An endpoint of the API: all that serves it and describes it.

    Attributes:
        method: `GET` or `POST`.
        path: with names in braces. `{shop}`, `{sku}` and `{product}` are TikTok's ids.
        role: the least role; None for a public one.
        act: answers a call by an object that msgspec encodes. The first line of its docstring describes the endpoint.
        answer: the type of that object.
        body: the type of the body; None for a GET.
        query: the type of the query.
        status: the status of a success.
        traced: whether the events carry the call's trace context on.
    """

    method: Literal["GET", "POST"]
    path: str
    role: Role | None
    act: Act
    answer: object
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] = NoQuery
    status: int = 200
    traced: bool = False

    @property
    def summary(self) -> str:
        """Return the description, one sentence."""
        return (inspect.getdoc(self.act) or "").partition("\n")[0]
