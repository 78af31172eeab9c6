"""Bodies that are not as they should be, made from the right one."""

import re
from collections.abc import Callable
from typing import Final

_NUMBER: Final = re.compile(
    rb'"(create_time|update_time|quantity|available_quantity|available_stock|total_count)":(\d+)'
)
_TEXT: Final = re.compile(rb'"(title|product_name|name|message)":"')


def _number(body: bytes, value: bytes) -> bytes:
    return _NUMBER.sub(rb'"\1":' + value, body, count=1)


def _text(body: bytes, value: bytes) -> bytes:
    return _TEXT.sub(lambda match: match[0] + value, body, count=1)


BODIES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "html_200": lambda _: b"<html><body>busy, try again later</body></html>",
    "bad_json": lambda body: body[:-1] + b",,",
    "nested": lambda _: b'{"code":0,"data":' + b"[" * 100_000,
    "duplicate_keys": lambda body: b'{"data":null,' + body[1:],
    "nan": lambda body: _number(body, b"NaN"),
    "bigint": lambda body: _number(body, b"99999999999999999999999999"),
    "lone_surrogate": lambda body: _text(body, b"\\ud800"),
    "huge_field": lambda body: _text(body, b"x" * 1_000_000),
    "code_nonzero": lambda _: b'{"code":36009003,"message":"Internal error","request_id":"sandbox-fault"}',
    "null_data": lambda _: b'{"code":0,"message":"Success","request_id":"sandbox-fault","data":null}',
    "missing_data": lambda _: b'{"code":0,"message":"Success","request_id":"sandbox-fault"}',
    "other_product": lambda body: body,  # the body is right, for another product
    "other_generation": lambda body: body,  # the right product, in the envelope of the other API generation
}
"""By kind of fault: what becomes of a right body."""
