"""The generated parts of docs/events.md: tables of fields and samples, in a text written by hand. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from contract.samples import Sample
from contract.schemas import ATTRIBUTES, Schema, attributes, fields, payload
from shopstream import events
from shopstream.payloads import ShopIdentity

_MARK: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SHARED: Final = fields(ShopIdentity)


def filled(page: str, samples: Mapping[str, Sample]) -> str:
    """The page with each `<!-- generated: NAME --> … <!-- end -->` made anew: attributes, identity, or a stream."""

    def part(found: re.Match[str]) -> str:
        name = found[2]
        if name == ATTRIBUTES:
            made = _table(attributes())
        elif name == "identity":
            made = _table(_SHARED)
        else:
            made = "\n".join(_type(event_type, data, samples) for event_type, data in events.TYPES[name].items())
        return f"{found[1]}\n{made}\n{found[3]}"

    return _MARK.sub(part, page)


def _type(event_type: str, data: type, samples: Mapping[str, Sample]) -> str:
    name = event_type.removeprefix(events.NAMESPACE)
    schema = payload(event_type, data)
    shared = _SHARED["properties"]
    own = {
        key: field for key, field in schema["properties"].items() if key != "event_type" and field != shared.get(key)
    }
    files = (
        f"Schema: [`{name}/1.json`](../shopstream/schemas/{name}/1.json). "
        f"A real one, with its attributes: [`{name}.json`](../shopstream/samples/{name}.json); its `data`:"
    )
    sample = json.dumps(samples[name]["data"], indent=2, ensure_ascii=False)
    table = _table(schema | {"properties": own})
    return "\n".join((f"### {name}", "", schema["description"], "", table, files, "", "```json", sample, "```", ""))


def _table(schema: Schema) -> str:
    return "\n".join(["| field | type | what |", "|---|---|---|", *_rows("", schema, schema.get("$defs", {}))]) + "\n"


def _rows(prefix: str, schema: Schema, defs: Mapping[str, Schema]) -> list[str]:
    rows: list[str] = []
    for name, field in schema["properties"].items():
        meaning = field["description"] + ("" if name in schema["required"] else " Optional.")
        kind, inner, array = _kind(field, defs)
        rows.append(f"| `{prefix}{name}` | {kind} | {meaning} |")
        if inner:
            rows += _rows(f"{prefix}{name}{'[]' if array else ''}.", inner, defs)
    return rows


def _kind(field: Schema, defs: Mapping[str, Schema]) -> tuple[str, Schema | None, bool]:
    """Give the words for a field's type, the object in it if it has fields, and True for a list of those."""
    types: Any = field.get("type")
    plain, *null = types if isinstance(types, list) else [types]
    nullable = " or null" if null else ""
    inner, array = None, False
    if "anyOf" in field:
        label, inner, array = _kind(field["anyOf"][0], defs)
        nullable = " or null"
    elif "$ref" in field:
        label, inner = "object", defs[field["$ref"].rsplit("/", 1)[1]]
    elif plain == "array":
        label, inner, _ = _kind(field["items"], defs)
        label, array = f"list of {label}", True
    elif "const" in field:
        label = f"`{field['const']}`"
    elif words := field.get("enum") or field.get("x-extensible-enum"):
        listed = ", ".join(f"`{word}`" for word in words if word is not None)
        label = f"one of {listed}{'' if 'enum' in field else ', …'}"
    else:
        label = "time" if field.get("format") == "date-time" else plain
    return label + nullable, inner, array
