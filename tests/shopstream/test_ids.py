"""Ids looked at together are judged as each by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream import ids

DIGITS = st.text("0123456789", min_size=1, max_size=21)
STRANGE = st.one_of(
    st.text(max_size=3), st.sampled_from(["", "1\n", "\n", "\u0661", "²", "1 ", "+1", "1_0", "0" * 22, "\ud800"]),
    st.integers(-1, 10**21), st.booleans(), st.none(), st.binary(max_size=2), st.floats(), st.lists(DIGITS, max_size=1),
)  # fmt: skip


@given(st.lists(st.one_of(DIGITS, STRANGE), max_size=6) | st.lists(DIGITS, max_size=50))
def test_many_ids_are_what_each_is_by_itself(values: list[object]) -> None:
    expected: list[str] | str
    try:
        expected = [ids.checked("product", value) for value in values]
    except ids.InvalidId as error:
        expected = str(error)
    if isinstance(expected, list):
        assert ids.all_checked("product", iter(values)) == expected
    else:
        with pytest.raises(ids.InvalidId) as refused:
            ids.all_checked("product", iter(values))
        assert str(refused.value) == expected, "the first one that is none is named"


def test_nothing_is_nothing() -> None:
    assert ids.all_checked("product", []) == []
