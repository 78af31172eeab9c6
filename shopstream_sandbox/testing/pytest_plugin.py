"""Give tests of any project a TikTok Shop: the fixture `tiktok_shop`, and the marker with its options.

pytest imports this module at each start, so it imports nothing else before a test takes the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shopstream_sandbox.testing.running import TikTokShop

_MARKER = "tiktok_shop"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(shops=1, products=20, quota=None, …): options of the fixture, those of `run_sandbox`"
    )


@pytest.fixture
def tiktok_shop(request: pytest.FixtureRequest) -> Iterator[TikTokShop]:
    """Run a new sandbox for one test, with the options of the test's marker `tiktok_shop`."""
    from shopstream_sandbox.testing.running import run_sandbox  # noqa: PLC0415 - see above

    marker = request.node.get_closest_marker(_MARKER)
    with run_sandbox(**(marker.kwargs if marker else {})) as shop:
        yield shop
