"""Each random answer has the outcome that it had before answers were merged field by field, byte for byte."""

import orjson
import pytest

from tests.outcomes.judge import DIGESTS, HISTORIES, judge

PART = 50


@pytest.mark.parametrize("first", range(0, HISTORIES, PART))
def test_the_outcomes_are_the_same_to_the_byte(first: int) -> None:
    frozen = orjson.loads(DIGESTS.read_bytes())
    assert len(frozen) == HISTORIES
    assert [*judge(range(first, first + PART))] == frozen[first : first + PART]
