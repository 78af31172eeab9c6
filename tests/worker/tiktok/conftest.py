"""Both ways of a call: by the lean exchange, and by aiohttp's session, which takes over where that does not fit."""

from collections.abc import Callable
from functools import partial

import pytest

from worker.tiktok.http import Session, new_session


@pytest.fixture(params=[True, False], ids=["lean", "session"])
def open_session(request: pytest.FixtureRequest) -> Callable[[], Session]:
    """What opens a session that goes one of the two ways."""
    return partial(new_session, lean=request.param)
