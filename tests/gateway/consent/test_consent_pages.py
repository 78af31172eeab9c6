"""The pages of a consent as text: hostile words stay words, and the next step is told."""

import re
from html.parser import HTMLParser

import pytest

from gateway.consent.html_pages import SellerPage, render
from gateway.consent.next_steps import write_next
from shopstream.enqueue.first_load import FirstLoad

HOSTILE = [
    "<script>alert(1)</script>", "</title><script>x</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}",
    "<svg/onload=alert(1)>", "&lt;b&gt;", "</li></ul><iframe src=//x>", "' onmouseover='x", "<!--", "]]>", "${x}",
    "\u202egpj.exe", "<style>*{}</style>", "javascript:alert(1)", "<a href=//x>", "\x00<b>", "<base href=//x>",
    "<meta http-equiv=refresh>", "%3Cscript%3E", "<ScRiPt>",
]  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag, *(name for name, _ in attrs)]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(words: str) -> None:
    plain, hostile = Tags(), Tags()
    plain.feed(str(render(SellerPage(200, "x", ["x", "x"], ["x"])).text))
    hostile.feed(str(render(SellerPage(200, words, [words, words], [words])).text))
    assert hostile.found == plain.found


def test_the_policy_names_the_pages_only_style() -> None:
    response = render(SellerPage(200, "Title", ["Text"]))
    assert str(response.text).count("<style>") == 1
    assert "script" not in str(response.text)
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", response.headers["Content-Security-Policy"])


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (FirstLoad("1", loaded=True, wanted=True), "loaded before"),
        (FirstLoad("1", loaded=False, wanted=False), "no first load is planned"),
        (FirstLoad("1", loaded=False, wanted=True), "begins soon"),
        (FirstLoad("1", False, True, 10_000, 1_020.0), "10,000 products, about 17 minutes"),  # noqa: FBT003
        (FirstLoad("1", False, True, 10, 0.2), "10 products, about 2 seconds"),  # noqa: FBT003
        (FirstLoad("1", False, True, 10, None), "10 products"),  # noqa: FBT003
    ],
)
def test_the_next_step_of_a_shop(load: FirstLoad, words: str) -> None:
    assert words in write_next(load)
