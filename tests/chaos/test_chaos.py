"""The chaos cases that a stranger would want to see, each in its short form: see docs/reliability.md."""

import pytest

from tests.chaos.__main__ import cases
from tests.chaos.case import Case, Size
from tests.chaos.table import FIRST

SHORT = [case for case in cases() if case.key in FIRST]
PACE = {"T23", "T36", "T39"}
"""These judge when calls leave."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.key, marks=[pytest.mark.quiet] * (case.key in PACE)) for case in SHORT]
)
async def test_nothing_is_lost_by(case: Case) -> None:
    result = await case.run(Size.SHORT, 1)
    assert result.lost == 0
    assert result.published + result.dead == result.asked
