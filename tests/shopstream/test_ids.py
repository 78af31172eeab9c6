"""Ids looked at together are judged as each by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopstream import ids

DIGITS = st.from_regex(r"[1-9][0-9]{0,20}", fullmatch=True)
STRANGE = st.one_of(
    st.text(max_size=3),
    st.sampled_from(["", "1\n", "\n", "\u0661", "²", "1 ", "+1", "1_0", "0", "01", "0" * 22, "\ud800"]),
    st.integers(-1, 10**21), st.booleans(), st.none(), st.binary(max_size=2), st.floats(), st.lists(DIGITS, max_size=1),
)  # fmt: skip


@given(st.lists(st.one_of(DIGITS, STRANGE), max_size=6) | st.lists(DIGITS, max_size=50))
def test_many_ids_are_what_each_is_by_itself(values: list[object]) -> None:
    expected: list[str] | str
    try:
        expected = [ids.check("product", value) for value in values]
    except ids.InvalidId as error:
        expected = str(error)
    if isinstance(expected, list):
        assert ids.check_all("product", iter(values)) == expected
    else:
        with pytest.raises(ids.InvalidId) as refused:
            ids.check_all("product", iter(values))
        assert str(refused.value) == expected, "the first one that is none is named"


def test_nothing_is_nothing() -> None:
    assert ids.check_all("product", []) == []


def test_ids_as_redis_gives_them_are_taken() -> None:
    assert ids.check_all("product", [b"1731029337055922770", 12]) == ["1731029337055922770", "12"]
    for none in (b"", b"\xb2", b"1 ", b"007"):
        with pytest.raises(ids.InvalidId, match="1 to 21 digits, the first is no 0"):
            ids.check("product", none)
    with pytest.raises(ids.InvalidId):
        ids.check("product", 10**5000)


@pytest.mark.parametrize("single", ["1731029337055922770", b"17", bytearray(b"17"), 17, None, 1.5])
def test_a_single_id_is_no_list_of_its_digits(single: object) -> None:
    with pytest.raises(ids.InvalidArgument) as refused:
        ids.check_all("product", single)  # type: ignore[arg-type]
    assert f"write [{single!r}]" in str(refused.value)
    assert "\n" not in str(refused.value)
