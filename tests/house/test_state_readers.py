"""Stored states are read by their codec alone: whoever takes one for JSON fails once workers compress."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.sources import ROOT, sources, text, tree

READS: Final = {"hget", "hmget", "hgetall", "hvals", "hscan", "hscan_iter"}
CODEC: Final = "shopstream.state.state_codec"
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_TOMBSTONES: Final = "tests/worker/retention/test_tombstones.py"
_TOMBSTONE: Final = "a tombstone, which is always JSON"
ALLOWED: Final = {
    "tests/walks/kinds/test_dry_run.py written": "compares the bytes of two moments",
    "tests/worker/publishing/test_rehearsal.py _play": "compares the bytes of two moments",
    f"{_TOMBSTONES} test_little_is_left_of_a_deleted_product_and_its_numbers_go_on": _TOMBSTONE,
    f"{_TOMBSTONES} test_what_was_deleted_anew_meanwhile_stays": _TOMBSTONE,
}
"""Functions that fetch states and need no codec."""
SCRIPTS: Final = {
    "worker/publishing/compare.lua",  # these two give the value to the publisher, which decodes it
    "worker/publishing/publish.lua",
    "worker/retention/tombstones.lua",  # looks for the beginning of a tombstone
}


def find_readers(module: ast.Module) -> Iterator[str]:
    """Give each function that fetches states without the codec.

    It has the codec if it names it, or if its module does and the function parses no JSON of its own.
    """
    knows = any(isinstance(node, ast.ImportFrom) and node.module == CODEC for node in ast.walk(module))
    keys = {
        name.id
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and _names_state(node.value, set())
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    for function in (node for node in ast.walk(module) if isinstance(node, FUNCTIONS)):
        inside = [*ast.walk(function)]
        fetches = any(isinstance(node, ast.Call) and _fetches(node, keys) for node in inside)
        names = {getattr(node, "attr", getattr(node, "id", "")) for node in inside}
        if fetches and not names & {"find_codec", "decode_each"} and ("loads" in names or not knows):
            yield function.name


def _fetches(call: ast.Call, keys: set[str]) -> bool:
    """Tell whether a call reads values of a hash `state`; marks and the record of a shop are no states."""
    if getattr(call.func, "attr", "") not in READS or not call.args or not _names_state(call.args[0], keys):
        return False
    given = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    fields = [one.value for each in given for one in ast.walk(each) if isinstance(one, ast.Constant)]
    written = [field for field in fields if isinstance(field, str)]
    return not written or any(not field.startswith("d:") and field != "p:shop" for field in written)


def _names_state(node: ast.AST, keys: set[str]) -> bool:
    """Tell whether an expression is the key of a hash `state`, or one of the names that stand for such a key."""
    if isinstance(node, ast.Call):
        node = node.func
    return getattr(node, "attr", "") == "state" or getattr(node, "id", "") in keys


def test_no_program_reads_a_stored_state_past_the_codec() -> None:
    paths = [path for path in sources() if path != Path(__file__)]
    paths = [path for path in paths if ".state" in text(path)]
    found = [f"{path.relative_to(ROOT)} {name}" for path in paths for name in find_readers(tree(path))]
    assert sorted(found) == sorted(ALLOWED)


def test_no_script_and_no_example_reads_one() -> None:
    reading = re.compile(r"'HM?GET', state, 'p:' \.\.|'H(GETALL|VALS)', state")
    scripts = {path for room in ("worker", "shopstream", "gateway") for path in (ROOT / room).rglob("*.lua")}
    assert {path.relative_to(ROOT).as_posix() for path in scripts if reading.search(text(path))} == SCRIPTS
    examples = [path for path in (ROOT / "examples").rglob("*") if path.is_file() and "node_modules" not in path.parts]
    assert [str(path) for path in examples if b":state:" in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("async def see(): return orjson.loads(await redis.hget(target.state, f'p:{one}'))", ["see"]),
        ("async def see():\n key = P.state(shop)\n return await redis.hgetall(key)", ["see"]),
        ("def see(pipe): pipe.hmget(home.state(shop), [f'd:{one}', f'p:{one}'])", ["see"]),
        ("async def see():\n async for one in redis.hscan_iter(P.state(shop), match='p:*'): pass", ["see"]),
        (f"from {CODEC} import find_codec\nasync def see(): return loads(await redis.hvals(P.state(shop)))", ["see"]),
        (f"from {CODEC} import find_codec\nasync def see(): return await redis.hget(P.state(shop), 'p:1')", []),
        ("async def see(): return await redis.hget(P.state(shop), f'd:{one}')", []),
        ("async def see(): return loads(await redis.hget(P.state(shop), 'p:shop'))", []),
    ],
)
def test_such_a_reader_is_found(code: str, found: list[str]) -> None:
    assert [*find_readers(ast.parse(code))] == found
