"""Each type of the contract is emitted: by a job or by what jobs publish through, and not by its sample alone."""

import ast
from pathlib import Path

import pytest

from shopstream import events

ROOT = Path(__file__).parents[2]
NAMES = {
    name: value
    for name, value in vars(events).items()
    if name.isupper() and isinstance(value, str) and value.startswith(events.NAMESPACE) and value != events.NAMESPACE
}


def emitters(name: str) -> list[str]:
    """Modules of jobs and worker that hand the type on, rather than compare with it."""
    found = []
    for room in ("jobs", "worker"):
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text())
            compared = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node)}
            uses = [
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and node.attr == name and id(node) not in compared
            ]
            found += [str(path.relative_to(ROOT))] * len(uses)
    return found


def test_every_type_of_the_contract_has_a_name() -> None:
    assert set(NAMES.values()) == {name for types in events.TYPES.values() for name in types}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_type_of_the_contract_is_emitted(name: str) -> None:
    assert emitters(name), f"{name} is in the contract, and no code publishes it"
