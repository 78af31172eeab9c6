"""The contract's files: made from the types, true to their standards, in the wheel."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import jsonschema_rs
import pytest
import yaml
from redis.asyncio import Redis

from contract.files import FOLDERS, ROOT, generated
from contract.schemas import all_schemas, fields
from shopstream import events
from shopstream.payloads.vocabulary import Id

PACKAGE = ROOT / "shopstream"
TYPES = [event_type for types in events.TYPES.values() for event_type in types]


class Bare(TypedDict):
    bare: Id


async def test_making_them_again_gives_the_files_that_are_there(redis: Redis) -> None:
    made = await generated(redis)
    for path, text in made.items():
        assert (ROOT / path).read_text() == text, f"{path} is out of date: make contract"
    there = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert there <= made.keys()


@pytest.mark.parametrize("path", list(all_schemas()))
def test_a_schema_is_valid_and_stands_where_its_uri_says(path: str) -> None:
    schema = json.loads((PACKAGE / "schemas" / path).read_text())
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == f"https://shopstream.io/schemas/{path.removesuffix('.json')}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_event_has_a_schema_and_a_sample_that_keeps_it() -> None:
    for event_type in TYPES:
        name = event_type.removeprefix(events.NAMESPACE)
        sample = json.loads((PACKAGE / "samples" / f"{name}.json").read_text())
        assert (sample["type"], sample["dataschema"]) == (event_type, events.schema_of(event_type))
        path = PACKAGE / f"schemas{sample['dataschema'].removeprefix('https://shopstream.io/schemas')}.json"
        jsonschema_rs.validate(json.loads(path.read_text()), sample["data"], validate_formats=True)


def test_every_field_is_explained_in_the_schemas() -> None:
    def properties(schema: Any) -> Iterator[tuple[str, Any]]:
        yield from schema.get("properties", {}).items()
        for inner in schema.get("$defs", {}).values():
            yield from properties(inner)

    for path, schema in all_schemas().items():
        for name, field in properties(schema):
            assert field["description"].endswith("."), f"{path} {name}"


def test_a_field_without_an_explanation_is_refused() -> None:
    with pytest.raises(KeyError, match="bare"):
        fields(Bare)


def test_the_asyncapi_document_holds_together() -> None:
    """AsyncAPI's own schema is in no package of PyPI: FastStream's model of it judges, and the rest is checked here."""
    document = yaml.safe_load((PACKAGE / "asyncapi.yaml").read_text())
    from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema  # a second of a core

    ApplicationSchema.model_validate(document)
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for server in document["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for name, channel in document["channels"].items():
        assert channel["parameters"].keys() == {"partition"}
        assert channel["address"] == f"shopstream:{{partition}}:{name}"
        assert {events.NAMESPACE + message for message in channel["messages"]} == events.TYPES[name].keys()
        unknown = channel.keys() - {"address", "title", "description", "messages", "parameters"}
        assert all(key.startswith("x-") for key in unknown)
    for operation in document["operations"].values():
        assert operation["action"] == "send"
        at = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{at}/messages/") for message in operation["messages"])
    for name, message in document["components"]["messages"].items():
        assert message["name"] == events.NAMESPACE + name
        for part in (message["headers"], message["payload"]):
            assert part.keys() == {"schemaFormat", "schema"}
            assert part["schemaFormat"] == "application/schema+json;version=draft/2020-12"
    for reference in _references(document):
        assert _found(document, reference), reference


def test_the_wheel_brings_them_along(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own command
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"shopstream/schemas/{path}" for path in all_schemas()}
    expected |= {f"shopstream/samples/{name.removeprefix(events.NAMESPACE)}.json" for name in TYPES}
    assert expected | {"shopstream/asyncapi.yaml", "shopstream/py.typed"} <= names
    rooms = {name.split("/")[0] for name in names}
    assert {room for room in rooms if not room.endswith(".dist-info")} == {"shopstream"}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _references(each)


def _found(document: Any, reference: str) -> bool:
    if not reference.startswith("#/"):
        return (PACKAGE / reference).is_file()
    for step in reference.removeprefix("#/").split("/"):
        document = document.get(step, {})
    return bool(document)
