"""Each type of the contract is emitted: by a job or by what jobs publish through, and not by its sample alone."""

import ast
from collections import Counter
from functools import cache

import pytest

from shopstream import events
from tests.sources import nodes, sources

NAMES = {
    name: value
    for name, value in vars(events).items()
    if name.isupper() and isinstance(value, str) and value.startswith(events.NAMESPACE) and value != events.NAMESPACE
}


@cache
def emitters() -> Counter[str]:
    """Count by name the uses in jobs and worker that hand a type on, rather than compare with it."""
    found = Counter[str]()
    for path in sources("jobs", "worker"):
        comparisons = [node for node in nodes(path) if isinstance(node, ast.Compare)]
        compared = {id(part) for node in comparisons for part in ast.walk(node)}
        found.update(one.attr for one in nodes(path) if isinstance(one, ast.Attribute) and id(one) not in compared)
    return found


def test_every_type_of_the_contract_has_a_name() -> None:
    assert set(NAMES.values()) == {name for types in events.TYPES.values() for name in types}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_type_of_the_contract_is_emitted(name: str) -> None:
    assert emitters()[name], f"{name} is in the contract, and no code publishes it"
