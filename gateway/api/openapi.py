"""Make the OpenAPI 3.1 document from the types that decode and encode the calls."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from gateway.api.wire.calls import ApiEndpoint
from gateway.api.wire.problems import CONTENT_TYPE, ProblemDocument

Document: TypeAlias = dict[str, object]
_REF: Final = "#/components/schemas/{name}"
_NAMES: Final[Mapping[str, Document]] = {
    "shop": {"type": "string", "pattern": "^[1-9][0-9]{0,20}$"},
    "sku": {"type": "string", "pattern": "^[1-9][0-9]{0,20}$"},
    "product": {"type": "string", "pattern": "^[1-9][0-9]{0,20}$"},
    "request": {"type": "string", "minLength": 1},
}
_ALWAYS: Final = {
    401: "no valid token",
    403: "too small a role",
    429: "too many calls",
    503: "Redis or workers are away",
}
_ANY: Final = {400: "a part that is not valid"}
_BODY: Final = {
    408: "a slow body", 409: "the same call still runs", 413: "a large body", 415: "a compressed body",
    422: "a body of a wrong shape",
}  # fmt: skip


def describe_api(endpoints: Sequence[ApiEndpoint]) -> Document:
    """Describe all endpoints as an OpenAPI 3.1 document."""
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    types = [ProblemDocument, *(each for one in endpoints for each in (one.answer, one.body) if each is not None)]
    _, schemas = _schemas(types)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "shopstream gateway",
            "version": "1",
            "description": "Ask for syncs, and read shops, streams, dead letters and workers. All ids are strings.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in schemas.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: ApiEndpoint) -> Document:
    (answer,), _ = _schemas([endpoint.answer])
    problems = {400: "a part that is not valid"} if endpoint.role is None else _ANY | _ALWAYS
    if "{" in endpoint.path:
        problems |= {404: "nothing of this name"}
    operation: Document = {
        "operationId": endpoint.act.__name__,
        "summary": endpoint.summary,
        "parameters": [*_of_path(endpoint.path), *_of_query(endpoint.query)],
        "security": [{"token": []}] if endpoint.role else [],
    }
    if endpoint.role:
        operation["description"] = f"The least role is {endpoint.role}."
    if endpoint.body is not None:
        problems |= _BODY
        if endpoint.path.startswith("/v1/dead"):
            problems |= {404: "no letter of this name"}
        (body,), _ = _schemas([endpoint.body])
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        operation["parameters"] = [*_of_path(endpoint.path), *_of_query(endpoint.query), *_headers(endpoint)]
    operation["responses"] = {
        str(endpoint.status): {"description": "done", "content": {"application/json": {"schema": answer}}},
        **{str(status): _problem(reason) for status, reason in sorted(problems.items())},
    }
    return operation


def _schemas(types: Sequence[object]) -> tuple[tuple[Document, ...], dict[str, Document]]:
    """Make the schemas of types: a reference for each, and the schemas by name."""
    made: Any = msgspec.json.schema_components(types, schema_hook=_of_anything, ref_template=_REF)
    return _portable(made)  # type: ignore[no-any-return]


def _portable(made: Any) -> Any:
    """End each pattern by a $, as the languages of callers do."""
    if isinstance(made, dict):
        return {name: _end(each) if name == "pattern" else _portable(each) for name, each in made.items()}
    return type(made)(map(_portable, made)) if isinstance(made, list | tuple) else made


def _end(pattern: str) -> str:
    return pattern.removesuffix(r"\Z") + "$" if pattern.endswith(r"\Z") else pattern


def _of_anything(kind: type) -> Document:
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError(kind)  # what msgspec wants of a hook that knows no schema for a type


def _problem(reason: str) -> Document:
    schema = {"$ref": _REF.format(name=ProblemDocument.__name__)}
    return {"description": reason, "content": {CONTENT_TYPE: {"schema": schema}}}


def _of_path(path: str) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": dict(_NAMES[name])}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _of_query(query: type[msgspec.Struct]) -> list[Document]:
    _, schemas = _schemas([query])
    properties: Any = schemas[query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in properties.items()]


def _headers(endpoint: ApiEndpoint) -> list[Document]:
    key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
    found: list[Document] = [
        {"name": "Idempotency-Key", "in": "header", "schema": key, "description": "Kept for 24 hours with the answer."}
    ]
    if endpoint.traced:
        trace = "W3C trace context, for the events. One that is not valid is left out."
        found.append({"name": "traceparent", "in": "header", "schema": {"type": "string"}, "description": trace})
    return found


def _tidy(schema: Document) -> Document:
    """Take the indentation of a docstring from a description."""
    description = schema.get("description")
    return schema | {"description": inspect.cleandoc(description)} if isinstance(description, str) else schema
