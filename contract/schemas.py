"""A TypedDict of the contract becomes a JSON Schema (2020-12). Pure.

The sentence below a field becomes its description, `Rule`s its keywords. Whatever has no such sentence is an error:
a field that nobody explains is no contract.
"""

import ast
import inspect
import sys
import textwrap
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from shopstream import events
from shopstream.events.attributes import Attributes
from shopstream.payloads.vocabulary import Rule

Schema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ATTRIBUTES: Final = "attributes"
_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_KEYWORDS: Final = (
    ("pattern", "pattern"), ("format", "format"), ("minimum", "minimum"), ("min_length", "minLength"),
    ("max_length", "maxLength"),
)  # fmt: skip


def all_schemas() -> dict[str, Schema]:
    """Every schema by its path below `shopstream/schemas/`, which is that of its URI."""
    made = {_path(ATTRIBUTES): attributes()}
    for types in events.TYPES.values():
        made |= {_path(event_type): payload(event_type, data) for event_type, data in types.items()}
    return made


def payload(event_type: str, data: type) -> Schema:
    """The schema of an event's `data`."""
    schema = _document(data, events.schema_of(event_type), event_type.removeprefix(events.NAMESPACE))
    schema["properties"]["event_type"]["const"] = event_type
    return schema


def attributes() -> Schema:
    """The schema of the fields beside `data`."""
    return _document(Attributes, events.schema_of(ATTRIBUTES), ATTRIBUTES)


def fields(of: type) -> Schema:
    """The schema of a TypedDict that is no document of its own and has no objects in it."""
    return _object(of, {})


def _path(event_type: str) -> str:
    return events.schema_of(event_type).split("/schemas/")[1] + ".json"


def _document(of: type, uri: str, title: str) -> Schema:
    defs: dict[str, Schema] = {}
    schema = {"$schema": DIALECT, "$id": uri, "title": title, **_object(of, defs)}
    return schema | ({"$defs": dict(sorted(defs.items()))} if defs else {})


def _object(of: type, defs: dict[str, Schema]) -> Schema:
    described = _descriptions(of)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, hint in get_type_hints(of, include_extras=True).items():
        needed = get_origin(hint) is not NotRequired
        properties[name] = {"description": described[name], **_value(hint if needed else get_args(hint)[0], defs)}
        required += [name] if needed else []
    text = " ".join(inspect.getdoc(of).split()) if inspect.getdoc(of) else ""  # type: ignore[union-attr]
    # Further properties are allowed: within a version there may come new ones, which consumers pass over.
    return {"description": text, "type": "object", "properties": properties, "required": required}


def _value(hint: Any, defs: dict[str, Schema]) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    made: Schema = {}
    if hint in _PLAIN:
        made = {"type": _PLAIN[hint]}
    elif is_typeddict(hint):
        if hint.__name__ not in defs:
            defs[hint.__name__] = _object(hint, defs)
        made = {"$ref": f"#/$defs/{hint.__name__}"}
    elif origin is Annotated:
        made = _ruled(_value(arguments[0], defs), hint.__metadata__)
    elif origin is Literal:
        made = {"const": arguments[0]} if len(arguments) == 1 else {"type": "string", "enum": list(arguments)}
    elif origin is list:
        made = {"type": "array", "items": _value(arguments[0], defs)}
    elif origin is dict:
        made = {"type": "object", "additionalProperties": _value(arguments[1], defs)}
    elif origin in {Union, UnionType} and len(arguments) == 2 and arguments[1] is NoneType:
        made = _nullable(_value(arguments[0], defs))
    elif hint is not Any:
        raise TypeError(f"no rule for {hint}")
    return made


def _ruled(schema: Schema, rules: tuple[Rule, ...]) -> Schema:
    for rule in rules:
        for name, keyword in _KEYWORDS:
            if (value := getattr(rule, name)) is not None:
                schema[keyword] = value
        if rule.open:
            words = schema.pop("enum", None) or [schema.pop("const")]
            schema = {"type": "string", "x-extensible-enum": words}
    return schema


def _nullable(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return schema | {"type": [schema["type"], "null"]}


@cache
def _descriptions(of: type) -> dict[str, str]:
    """The sentence below each field, its own and those of what it is made from (a TypedDict forgets its bases)."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(of))).body[0]
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{of} is no class")
    found: dict[str, str] = {}
    for base in definition.bases:
        if isinstance(base, ast.Name) and is_typeddict(parent := getattr(sys.modules[of.__module__], base.id)):
            found |= _descriptions(parent)
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = " ".join(text.split())
    return found
