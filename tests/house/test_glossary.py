"""Each term of docs/glossary.md is in the code: its types in the files that it names, its keys where keys are made."""

import re

import pytest

from tests.sources import ROOT

ROWS = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
TYPES = [(term, name, path) for term, _, code in ROWS for name, path in re.findall(r"`([\w.]+)` \(`([^`]+)`\)", code)]
KEYS = [(term, key) for term, _, code in ROWS for key in re.findall(r"key `([\w-]+)`", code)]
MADE = "".join((ROOT / "shopstream" / "redis" / name).read_text() for name in ("keys.py", "deployment_keys.py"))


def defines(source: str, name: str) -> bool:
    return bool(re.search(rf"^ *((async )?def |class )?{name}\b *([:=(]|$)", source, re.MULTILINE))


@pytest.mark.parametrize(("term", "name", "path"), TYPES)
def test_a_type_of_the_glossary_is_in_its_file(term: str, name: str, path: str) -> None:
    source = (ROOT / path).read_text()
    assert all(defines(source, part) for part in name.split(".")), term


@pytest.mark.parametrize(("term", "key"), KEYS)
def test_a_key_of_the_glossary_is_made(term: str, key: str) -> None:
    streams = re.search(r"^STREAMS = \((.+)\)$", MADE, re.MULTILINE)
    assert streams
    made = re.search(rf"\}}:{key}[:\"]", MADE) or f'"{key}"' in streams[1]
    assert made, term


def test_each_term_stands_once_and_has_a_place_in_the_code() -> None:
    terms = [term for term, _, _ in ROWS]
    assert len(terms) == len(set(terms))
    assert {term for term, *_ in (*TYPES, *KEYS)} == set(terms)
