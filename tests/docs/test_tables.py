"""Each table of a page is one: rows behind an empty line are shown as text with bars."""

import re
from pathlib import Path

import pytest

from tests.sources import ROOT

PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_rows_stand_below_a_head(page: Path) -> None:
    lines = ["", *page.read_text().split("\n"), ""]
    first = [at for at, line in enumerate(lines) if line.startswith("|") and not lines[at - 1].startswith("|")]
    assert [lines[at] for at in first if not re.fullmatch(r"\|[-| :]+\|", lines[at + 1])] == []
