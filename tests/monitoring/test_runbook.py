"""The runbook: a section for each alert with all its parts, and no command, page or panel that isn't there."""

import asyncio
import re
import shlex

import pytest

from tests.monitoring.monitoring_files import BOARDS, read_alerts, read_board
from tests.processes import program
from tests.sources import ROOT

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
PARTS = ["Meaning", "Look", "Page", "Mend", "Over"]
COMMANDS = {
    line.removeprefix("shopstream ")
    for found in re.findall(r"^shopstream .+$|`shopstream [^`]+`", RUNBOOK, re.MULTILINE)
    for line in [found.strip("`")]
}
COMING = ("doctor",)
"""Commands that are made beside this page. Take each out as soon as it is here."""


def test_each_alert_has_an_anchor_and_each_anchor_an_alert() -> None:
    anchors = [name.lower() for name in SECTIONS]
    assert sorted(anchors) == sorted(name.lower() for name in read_alerts())
    linked = set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK))
    assert linked <= set(anchors)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_begins_with_the_first_step_and_has_all_parts(name: str) -> None:
    first, rest = SECTIONS[name].split("\n", 1)
    assert re.fullmatch(r"\*\*.+\*\*", first)
    assert re.findall(r"^- \*\*(\w+):\*\*", rest, re.MULTILINE) == PARTS


def test_a_section_names_the_page_of_its_alert() -> None:
    for name, rule in read_alerts().items():
        page = rule.get("annotations", {})["page"].replace("{{ $labels.shop }}", "SHOP")
        (line,) = re.findall(r"^- \*\*Page:\*\* (.*)$", SECTIONS[name], re.MULTILINE)
        assert line.startswith(f"`{page}`"), name


def test_panels_that_the_page_names_are_on_a_board() -> None:
    flat = " ".join(RUNBOOK.split())
    named = re.findall(r'the panel "([^"]+)"', flat)
    named += [
        one
        for found in re.findall(r'In Grafana: ((?:"[^"]+"(?: and )?)+)', flat)
        for one in re.findall('"(.+?)"', found)
    ]
    titles = [panel["title"] for path in BOARDS for panel in read_board(path)["panels"]]
    assert len(named) > 20
    assert [name for name in named if not any(title.startswith(name) for title in titles)] == []


def options_by_command() -> dict[str, set[str]]:
    """Give the options that the page uses of each command that is here."""
    found: dict[str, set[str]] = {}
    for line in COMMANDS:
        words = shlex.split(line)
        name = " ".join(word for word in words[:2] if re.fullmatch(r"[a-z]+", word))
        if not line.startswith(COMING):
            found.setdefault(name, set()).update(word for word in words if word.startswith("--"))
    return found


@pytest.mark.parametrize(("command", "options"), sorted(options_by_command().items()))
async def test_a_command_and_its_options_exist(command: str, options: set[str]) -> None:
    async with program("shopstream.cli", *command.split(), "--help") as child:
        out, err = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 0, err.decode()
    assert [option for option in options if option not in out.decode()] == []
