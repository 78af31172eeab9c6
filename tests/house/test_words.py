"""The pages keep the house's rule for words: a sentence names its actor, so it begins with no question word."""

import re

import pytest

from tests.sources import ROOT

PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / ".github").rglob("*.md"),
    *(
        ROOT / folder / "README.md"
        for folder in ("examples", "shopstream_sandbox", "benchmarks")
        if (ROOT / folder).exists()
    ),
]
MADE = re.compile(r"<!-- (generated: \w+|chaos: begin|the table, by make [\w =]+) -->.*?<!-- .*?end.*? -->", re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
HEAD = re.compile(r"(?:^|[.!?:;|] +|[-*] +|\*\*)((?:What|Who|Whoever|Whatever|Whether|How)\b[^.|]{0,60})", re.MULTILINE)
PLAIN = "`code`"


def sentences_with_a_question_word(page: str) -> list[str]:
    text = CODE.sub(PLAIN, MADE.sub("", page))
    return [" ".join(found.split()) for found in HEAD.findall(text)]


@pytest.mark.parametrize("page", [str(path.relative_to(ROOT)) for path in PAGES if path.exists()])
def test_no_sentence_begins_with_a_question_word(page: str) -> None:
    assert sentences_with_a_question_word((ROOT / page).read_text()) == []


def test_what_is_found_and_what_is_not() -> None:
    page = "Workers say what they do. What they do is seen.\n- Who reads\n```\nHow not\n```\n| How |\n`How` is code."
    assert sentences_with_a_question_word(page) == ["What they do is seen", "Who reads `code`", "How"]
