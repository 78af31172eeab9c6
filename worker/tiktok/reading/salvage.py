"""Decode an answer with malformed values field by field. Each malformed value becomes null. Slow path. Pure.

The fast path decodes a whole answer at once and stops at the first value of another type. Here each struct is taken
apart into the bytes of its fields, so that only what can't be read is lost:

- a field that may be null becomes null,
- a list with an element that can't be read is as a whole unreadable, since a shorter one would say that something went,
- what must not be null spoils the struct that it stands in.
"""

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Raw, Struct

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All errors of decoding: no JSON, no UTF-8, another type, or endless nesting."""


def salvage(raw: bytes | Raw, kind: Any) -> Any:
    """Decode all readable fields of JSON of the type `kind`.

    Raises:
        msgspec.DecodeError: too little to be one.
    """
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except UNREADABLE as error:
        failure = str(error)
    shape, limit = _shape(kind)
    try:
        if isinstance(shape, type) and issubclass(shape, Struct):
            return _struct(raw, shape)
        if get_origin(shape) is list:
            (inner,) = get_args(shape)
            elements = [salvage(each, inner) for each in msgspec.json.decode(raw, type=list[Raw])]
            if limit is None or len(elements) <= limit:
                return elements
    except UNREADABLE as error:
        failure = str(error)
    raise msgspec.DecodeError(failure)


def _struct(raw: bytes | Raw, kind: type[Struct]) -> Struct:
    parts = msgspec.json.decode(raw, type=dict[str, Raw])
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        part = parts.get(field.encode_name)
        if part is None or (not field.required and bytes(part) == b"null"):
            continue  # a required field is missed below
        try:
            found[field.name] = salvage(part, field.type)
        except UNREADABLE:
            if NoneType not in get_args(field.type):
                raise
    try:
        return kind(**found)
    except TypeError as missing:
        raise msgspec.DecodeError(str(missing)) from None


def _shape(hint: Any) -> tuple[Any, int | None]:
    """Give the struct or list of a type hint beside null, and the longest allowed list."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        shape, _ = _shape(arguments[0])
        return shape, next((rule.max_length for rule in arguments[1:] if isinstance(rule, Meta)), None)
    if origin in {Union, UnionType}:
        found = [_shape(part) for part in arguments if part is not NoneType]
        return next((one for one in found if get_origin(one[0]) is list or isinstance(one[0], type)), (None, None))
    return hint, None
