"""No form of a secret is left in a refusal, and nothing else is taken out of it."""

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.tiktok.hiding import hide

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)
sentences = st.text(st.sampled_from(" abcXYZ09.,:"), max_size=11)


def _as_go_has_it(secret: str) -> str:
    """Go's JSON, which TikTok writes, escapes for pages of HTML."""
    found = json.dumps(secret)[1:-1]
    return found.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@pytest.mark.parametrize("write", [str, quote, quote_plus, lambda one: json.dumps(one)[1:-1], _as_go_has_it])
@given(secret=secrets, before=sentences, after=sentences)
def test_a_secret_is_hidden_in_whatever_form(
    *, write: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    found = hide(f"{before}|{write(secret)}|{after}".encode(), "another-secret-1", secret)
    assert found == f"{before}|[redacted]|{after}".encode()


def test_a_word_that_is_no_longer_than_words_are_stays() -> None:
    assert (
        hide(b'{"message":"refresh_token is invalid"}', "", "is", "refresh")
        == b'{"message":"refresh_token is invalid"}'
    )
