"""What breaks a consumer between two releases of the contract. Pure.

Within a version a field keeps its meaning in both directions: a consumer of the last release can read every new event,
and one of this release every event that is still in a stream. So what was said stays word for word, except for

- fields that are new and not required,
- words that are new in a list marked `x-extensible-enum`,
- what only people read: titles, descriptions, examples,
- schemas and messages of new types.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_FOR_PEOPLE: Final = frozenset({"title", "description", "examples", "$comment", "summary"})


def schemas(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What breaks between two sets of schemas by path, a line each; empty if nothing does."""
    broken = [f"{path}: gone" for path in old.keys() - new.keys()]
    for path in old.keys() & new.keys():
        broken += (f"{path}{where}" for where in _schema("", old[path], new[path]))
    return sorted(broken)


def documents(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What breaks between two AsyncAPI documents: a stream that moved, a type that left its stream."""
    broken = []
    for stream, channel in old["channels"].items():
        now = new["channels"].get(stream)
        if now is None:
            broken.append(f"stream {stream}: gone")
        elif now["address"] != channel["address"]:
            broken.append(f"stream {stream}: has another key")
        else:
            broken += (f"stream {stream}: no {name} any more" for name in channel["messages"].keys() - now["messages"])
    for name, message in old["components"]["messages"].items():
        now = new["components"]["messages"].get(name, {})
        broken += (
            f"message {name}: another {key}" for key in ("name", "headers", "payload") if now.get(key) != message[key]
        )
    return sorted(broken)


def _schema(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for keyword in sorted((old.keys() | new.keys()) - _FOR_PEOPLE):
        here = f"{where}/{keyword}"
        before, now = old.get(keyword), new.get(keyword)
        match keyword:
            case "properties" | "$defs":
                yield from _members(here, before or {}, now or {})
            case "required":
                # What is required from now on isn't in the entries that are still in a stream.
                yield from (
                    f"{here}: no longer the same: {name}" for name in sorted({*(before or ())} ^ {*(now or ())})
                )
            case "x-extensible-enum" if isinstance(before, list) and isinstance(now, list):
                yield from (f"{here}: {word!r} is gone" for word in before if word not in now)
            case "items" | "additionalProperties" if isinstance(before, dict) and isinstance(now, dict):
                yield from _schema(here, before, now)
            case "anyOf" | "allOf" if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
                for index, (one, other) in enumerate(zip(before, now, strict=True)):
                    yield from _schema(f"{here}/{index}", one, other)
            case _ if before != now:
                yield f"{here}: {before!r} became {now!r}"


def _members(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old):
        if name in new:
            yield from _schema(f"{where}/{name}", old[name], new[name])
        else:
            yield f"{where}/{name}: gone"
