"""Every event that a test makes the system write is held against the contract's files.

An entry was written by shopstream if its `id` is the digest of what it says: whatever tests plant by hand has another
one, or none, and is left alone. Events of ours are checked more strictly than consumers shall: no field that the
schema doesn't name, no word that an open list doesn't have yet.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
from redis.asyncio import Redis

from shopstream import events, ids
from shopstream.redis.keys import STREAMS

REPEATED = {
    "event_id": "id", "event_type": "type", "epoch": "epoch", "observed_at": "time", "origin": "origin",
}  # fmt: skip
_IDENTITY = b'{"event_id":"'


async def check(redis: Redis, newest: int | None = None) -> int:
    """How many entries of ours there are in all streams; an AssertionError names what is wrong with one.

    `newest`: look at so many of each stream alone.
    """
    count = 0
    async for key in redis.scan_iter("shopstream:{*}:*", _type="STREAM"):
        if b":dead-of:" in key or key.endswith(b":audit"):
            continue  # a consumer group's own: the raw entry with why it was given up; and the dashboard's own
        stream = key.decode().rsplit(":", 1)[1]
        assert stream in STREAMS
        for entry_id, entry in await redis.xrevrange(key, count=newest):
            if ours(entry):
                count += 1
                wrong = list(violations(stream, entry))
                assert not wrong, f"{key.decode()} {entry_id.decode()}: {wrong}\n{entry[b'data'].decode()}"
    return count


def ours(entry: Mapping[bytes, bytes]) -> bool:
    """Whether the entry's id is the digest of its content, as the worker makes it."""
    data, event_id = entry.get(b"data", b""), entry.get(b"id", b"")
    head = _IDENTITY + event_id + b'",'
    names = (b"source", b"type", b"subject", b"epoch")
    if not data.startswith(head) or not entry.get(b"seq", b"").isdigit() or not all(name in entry for name in names):
        return False
    source, event_type, subject, epoch = (entry[name].decode(errors="replace") for name in names)
    digest = events.event_id(source, event_type, subject, epoch, int(entry[b"seq"]), b"{" + data[len(head) :])
    return digest == event_id.decode(errors="replace")


def violations(stream: str, entry: Mapping[bytes, bytes]) -> list[str]:
    """What the contract says against an entry of ours."""
    attributes = {name.decode(): value.decode() for name, value in entry.items()}
    text = attributes.pop("data")
    data = json.loads(text)
    if attributes["type"] not in events.TYPES[stream]:
        return [f"{attributes['type']} does not belong into {stream}"]
    wrong = [f"attributes: {error.message}" for error in judge("attributes").iter_errors(attributes)]
    name = attributes["type"].removeprefix(events.NAMESPACE)
    wrong += [f"data{list(error.instance_path)}: {error.message}" for error in judge(name).iter_errors(data)]
    if attributes["dataschema"] != events.schema_of(attributes["type"]):
        wrong.append("dataschema is another one's")
    if len(text.encode()) > events.DATA_LIMIT:
        wrong.append("data is above 64 KiB")
    wrong += [f"{a} is not repeated" for a, b in REPEATED.items() if data[a] != attributes.get(b)]
    if attributes.get("shopid") != (data["shop_id"] if ids.is_id(data["shop_id"] or "") else None):
        wrong.append("shop_id is not repeated")
    if str(data["seq"]) != attributes["seq"]:
        wrong.append("seq is not repeated")
    return wrong


@cache
def judge(name: str) -> Any:
    """The validator of a schema as it is shipped, made strict."""
    path = files("shopstream").joinpath("schemas", name, "1.json")
    return jsonschema_rs.validator_for(strict(json.loads(path.read_text())), validate_formats=True)


def strict(schema: Any) -> Any:
    """The schema without room for additions."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made["additionalProperties"] = False
    words = made.get("x-extensible-enum")
    if isinstance(words, list):
        made["enum"] = [*words, None] if "null" in made["type"] else words
    return made
