"""The gate: within a version the contract only grows. It bites, whatever is taken away, and lets pass what is added."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import compare
from contract.asyncapi import document
from contract.files import RELEASED, ROOT, list_releases
from contract.schemas import all_schemas

Schemas = dict[str, Any]
Site = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def last_release() -> Path:
    return RELEASED / list_releases()[-1]


def kept() -> Schemas:
    folder = last_release() / "schemas"
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.json")}


OLD = kept()


def test_nothing_breaks_that_the_last_release_promised() -> None:
    assert compare.schemas(OLD, all_schemas()) == []
    old = yaml.safe_load((last_release() / "asyncapi.yaml").read_text())
    assert compare.documents(old, yaml.safe_load(document(last_release().name))) == []


def objects(schema: Any) -> Iterator[Site]:
    """Every schema of an object with fields, at any depth."""
    yield schema
    yield from schema.get("$defs", {}).values()


def sites(schemas: Schemas, wanted: Callable[[Site], bool]) -> list[Site]:
    """Every object, or every field of one, that is wanted; in an order that is always the same."""
    found = [one for path in sorted(schemas) for one in objects(schemas[path])]
    found += [field for one in list(found) for field in one["properties"].values()]
    return [one for one in found if wanted(one)]


def add_a_field(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "properties" in one)))
    name = "new_" + draw(st.text("abcxyz", min_size=1, max_size=5))
    kinds: list[Any] = [{"type": "string"}, {"type": ["integer", "null"]}, {"enum": ["a", "b"]}, {"type": "array"}]
    site["properties"].setdefault(name, draw(st.sampled_from(kinds)))


def add_a_word(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "x-extensible-enum" in one)))
    site["x-extensible-enum"].insert(0, "new_" + draw(st.text("abcxyz", min_size=1, max_size=5)))


def explain_better(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "description" in one)))
    site["description"] = draw(st.text("better.", max_size=9))


def add_a_type(draw: Draw, schemas: Schemas) -> None:
    name = draw(st.text("abcxyz", min_size=1, max_size=5))
    schemas[f"new.{name}/1.json"] = {"type": "object", "properties": {}, "required": []}


def remove_a_type(draw: Draw, schemas: Schemas) -> None:
    del schemas[draw(st.sampled_from(sorted(OLD)))]


def remove_a_field(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "properties" in one)))
    name = draw(st.sampled_from([name for name in site["properties"] if not name.startswith("new_")]))
    del site["properties"][name]
    site["required"] = [one for one in site["required"] if one != name]


def rename_a_field(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "properties" in one)))
    name = draw(st.sampled_from([name for name in site["properties"] if not name.startswith("new_")]))
    site["properties"] = {f"{key}_2" if key == name else key: value for key, value in site["properties"].items()}
    site["required"] = [f"{one}_2" if one == name else one for one in site["required"]]


def leave_a_field_out_at_times(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: bool(one.get("required")))))
    site["required"].remove(draw(st.sampled_from(site["required"])))


def demand_a_field(draw: Draw, schemas: Schemas) -> None:
    """Old entries, which are still in the stream, don't have it."""
    site = draw(st.sampled_from(sites(schemas, lambda one: "properties" in one)))
    site["properties"]["new_required"] = {"type": "string"}
    site["required"].append("new_required")


def change_a_type(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from([field for field in fields_of_old(schemas) if "type" in field]))
    kinds: list[Any] = ["string", "integer", "boolean", ["string", "null"], ["integer", "null"], "array", "object"]
    site["type"] = draw(st.sampled_from([kind for kind in kinds if kind != site["type"]]))


def take_a_word_away(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from([f for f in fields_of_old(schemas) if "enum" in f or "x-extensible-enum" in f]))
    words = site.get("enum") or site["x-extensible-enum"]
    words.remove(draw(st.sampled_from([word for word in words if not str(word).startswith("new_")])))


def add_a_word_to_a_closed_list(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from([field for field in fields_of_old(schemas) if "enum" in field]))
    site["enum"].append("new")


def close_an_open_list(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from([field for field in fields_of_old(schemas) if "x-extensible-enum" in field]))
    site["enum"] = site.pop("x-extensible-enum")


def narrow(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(fields_of_old(schemas)))
    rules: list[tuple[str, Any]] = [
        ("minimum", 7),
        ("maxLength", 3),
        ("pattern", "^x"),
        ("const", "x"),
        ("minItems", 1),
    ]
    keyword, value = draw(st.sampled_from(rules))
    site[keyword] = value


def forbid_additions(draw: Draw, schemas: Schemas) -> None:
    site = draw(st.sampled_from(sites(schemas, lambda one: "properties" in one)))
    site["additionalProperties"] = False


def fields_of_old(schemas: Schemas) -> list[Site]:
    """The fields that the last release had too."""
    objects_there = sites(schemas, lambda one: "properties" in one)
    return [field for one in objects_there for name, field in one["properties"].items() if not name.startswith("new_")]


ADDITIONS = (add_a_field, add_a_word, explain_better, add_a_type)
BREAKS = (
    remove_a_type, remove_a_field, rename_a_field, leave_a_field_out_at_times, demand_a_field, change_a_type,
    take_a_word_away, add_a_word_to_a_closed_list, close_an_open_list, narrow, forbid_additions,
)  # fmt: skip


@st.composite
def grown(draw: st.DrawFn) -> Schemas:
    schemas = copy.deepcopy(OLD)
    for _ in range(draw(st.integers(1, 6))):
        draw(st.sampled_from(ADDITIONS))(draw, schemas)
    return schemas


@given(grown())
def test_whatever_is_added_passes_and_breaks_no_entry_that_is_still_in_a_stream(new: Schemas) -> None:
    assert compare.schemas(OLD, new) == []
    for sample in (ROOT / "shopstream" / "samples").glob("*.json"):
        event = json.loads(sample.read_text())
        path = event["dataschema"].split("/schemas/")[1] + ".json"
        if path not in OLD:
            continue  # of a type that the last release didn't have
        assert jsonschema_rs.is_valid(new[path], event["data"])


@pytest.mark.parametrize("broken_by", BREAKS)
@settings(max_examples=30)  # each way to break something has as many
@given(data=st.data())
def test_whatever_is_taken_away_is_caught_also_among_additions(
    data: st.DataObject, broken_by: Callable[[Draw, Schemas], None]
) -> None:
    new = {path: schema for path, schema in data.draw(grown()).items() if path in OLD}
    broken_by(data.draw, new)
    assert compare.schemas(OLD, new) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda new: new["channels"].pop("dead"), "stream dead: gone"),
        (lambda new: new["channels"]["stock"].update(address="x"), "stream stock: has another key"),
        (
            lambda new: new["channels"]["stock"]["messages"].pop("stock.removed"),
            "stream stock: no stock.removed any more",
        ),
        (lambda new: new["components"]["messages"].pop("stock.removed"), "message stock.removed: another name"),
        (lambda new: new["components"]["messages"]["stock.removed"].update(payload={}), "another payload"),
    ],
)
def test_a_stream_that_moves_and_a_type_that_leaves_it_are_caught(change: Callable[[Any], Any], said: str) -> None:
    old = yaml.safe_load(document("1.0.0"))
    new = copy.deepcopy(old)
    change(new)
    assert any(said in line for line in compare.documents(old, new))
