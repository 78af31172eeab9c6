"""The AsyncAPI 3.0 document: streams as channels, events as messages. Pure.

AsyncAPI's binding for Redis is empty, so what a stream is stands in fields that begin with `x-`.
"""

from typing import Any, Final

import yaml

from contract.schemas import ATTRIBUTES
from shopstream import events

SCHEMA_FORMAT: Final = "application/schema+json;version=draft/2020-12"
_ABOUT: Final = """\
Every change of product, price and stock in TikTok Shops, as CloudEvents 1.0 in Redis streams.

An entry of a stream is one event: each attribute is a field of the entry, and `data` is a field that holds JSON of at
most 64 KiB which stands alone. At least once; in order per subject; deduplicate on `id`; a jump in `seq` or a new
`epoch` means: read the state again. Unknown fields and types are to be ignored. Absent, null and 0 are three different
things. The same in prose, with samples: docs/events.md.
"""
_STREAMS: Final = {
    "products": "What products are and what changed in them; their stock is in the stream `stock`.",
    "stock": "The stock of SKUs, before and after.",
    "shops": "How fresh the picture of each shop is, and whether it can be kept so.",
    "dead": "Ids that were asked for and given up, with the reason.",
}
_KEPT: Final = (
    "24 hours unless a deployment says otherwise, and longer while a group has not acknowledged, up to 7 days and "
    "a cap by number; what a group lost by that is told by stream.trimmed"
)
_DEAD_KEPT: Final = "until dropped or asked for again, up to a cap by number"


def document(version: str) -> str:
    """The document as YAML, for this version of the package."""
    messages = {event_type.removeprefix(events.NAMESPACE) for types in events.TYPES.values() for event_type in types}
    whole: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "id": "urn:io:shopstream",
        "info": {"title": "shopstream", "version": version, "description": _ABOUT, "license": {"name": "MIT"}},
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "{host}:{port}",
                "pathname": "/{database}",
                "protocol": "redis",
                "description": "The Redis or Valkey of the workers. Read with a user that may read streams alone.",
                "variables": {
                    "host": {"default": "localhost"},
                    "port": {"default": "6379"},
                    "database": {"default": "0"},
                },
            }
        },
        "channels": {stream: _channel(stream, list(types)) for stream, types in events.TYPES.items()},
        "operations": {f"publish-{stream}": _operation(stream, list(types)) for stream, types in events.TYPES.items()},
        "components": {
            "messages": {name: _message(name) for name in sorted(messages)},
        },
    }
    head = "# Generated from the types in shopstream/ by `make contract`.\n"
    text: str = yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return head + text


class _Dumper(yaml.SafeDumper):
    """Text of several lines as people write it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _channel(stream: str, types: list[str]) -> dict[str, Any]:
    names = [event_type.removeprefix(events.NAMESPACE) for event_type in types]
    return {
        "address": f"shopstream:{{partition}}:{stream}",
        "title": stream,
        "description": _STREAMS[stream],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "parameters": {
            "partition": {
                "description": "The partition in braces, which belong to the key: `{0}`, `{1}`, … up to the number in "
                "the key `shopstream:partitions`, 1 by default. A shop's is crc32(shop id) mod that number.",
                "default": "{0}",
                "examples": ["{0}", "{63}"],
            }
        },
        "x-redis-stream": {
            "type": "stream",
            "keyPattern": f"shopstream:{{*}}:{stream}",
            "entry": "one event; one field per attribute, and `data`",
            "entryId": "MILLISECONDS-NUMBER on Redis's clock; ascending in a partition, meaningless across partitions",
            "order": "per subject; all of a shop's events are in one partition",
            "group": "any name of the consumer's own, one per application; create it with XGROUP CREATE … MKSTREAM",
            "read": "XREADGROUP, then XACK; take over from dead consumers with XAUTOCLAIM",
            "delivery": "at least once",
            "retention": _DEAD_KEPT if stream == "dead" else _KEPT,
        },
    }


def _operation(stream: str, types: list[str]) -> dict[str, Any]:
    names = [event_type.removeprefix(events.NAMESPACE) for event_type in types]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{stream}"},
        "summary": f"The workers add to {stream}.",
        "messages": [{"$ref": f"#/channels/{stream}/messages/{name}"} for name in names],
    }


def _message(name: str) -> dict[str, Any]:
    event_type = events.NAMESPACE + name
    fixed = {"type": {"const": event_type}, "dataschema": {"const": events.schema_of(event_type)}}
    headers = {"allOf": [{"$ref": _file(ATTRIBUTES)}, {"type": "object", "properties": fixed}]}
    return {
        "name": event_type,
        "title": name,
        "contentType": "application/json",
        "headers": {"schemaFormat": SCHEMA_FORMAT, "schema": headers},
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": _file(name)}},
    }


def _file(name: str) -> str:
    return f"./schemas/{events.schema_of(name).split('/schemas/')[1]}.json"
