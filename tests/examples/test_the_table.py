"""The examples' README: each example is in it, each is short, and what is installed for them names no registry."""

import json
import re

from tests.examples.conftest import COMMANDS, README, ROOT

EXAMPLES = ROOT / "examples"
PROGRAMS = [
    path
    for pattern in ("*.py", "node/*.js", "redis-cli/*.sh")
    for path in EXAMPLES.glob(pattern)
    if path.name not in {"__init__.py", "demo.py", "playground.py", "stand.py"}  # these are for trying, not to copy
]


def test_each_example_has_a_command_and_each_command_an_example() -> None:
    for path in PROGRAMS:
        names = (str(path.relative_to(ROOT)), f" {path.stem}:app")
        assert [line for line in COMMANDS if any(name in line for name in names)], path
    assert len(COMMANDS) == len(PROGRAMS) + 2  # the demo, and npm's


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (EXAMPLES / target).exists()] == []


def test_it_fits_on_a_screen_and_each_example_on_two() -> None:
    assert len(README.splitlines()) < 45
    assert {path.name: size for path in PROGRAMS if (size := len(path.read_text().splitlines())) > 90} == {}


def test_nodes_packages_are_pinned_by_hash_and_from_no_registry_in_particular() -> None:
    wanted = json.loads((EXAMPLES / "node" / "package.json").read_text())["dependencies"]
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())["packages"]
    assert all(version[0].isdigit() for version in wanted.values())
    installed = {name: entry for name, entry in lock.items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
    assert not any("resolved" in entry for entry in installed.values())
