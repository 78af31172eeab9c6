from pathlib import Path

from benchmarks.reporting.page import PAGE, page

ROOT = Path(__file__).parents[2]


def test_the_page_of_figures_says_what_was_measured() -> None:
    assert (ROOT / PAGE).read_text() == page(ROOT / "docs" / "performance")
