import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.walks.windows import Unsplittable, Window

NOW = 1_800_000_000


def fits(window: Window, created: int) -> bool:
    return (window.begin is None or created >= window.begin) and (window.end is None or created <= window.end)


@given(st.lists(st.integers(0, NOW + 10**6), max_size=200), st.integers(1, 20))
def test_every_product_is_in_exactly_one_window_that_fits(created: list[int], most: int) -> None:
    waiting, leaves = [Window()], []
    while waiting:
        window = waiting.pop()
        if sum(fits(window, one) for one in created) <= most:
            leaves.append(window)
            continue
        try:
            waiting += window.halves(NOW)
        except Unsplittable:
            assert len({one for one in created if fits(window, one)}) == 1, "only one second can't be cut"
            leaves.append(window)
    for one in [*created, 0, NOW * 2]:
        assert sum(fits(window, one) for window in leaves) == 1


def test_a_second_that_holds_too_many_is_named() -> None:
    with pytest.raises(Unsplittable, match=r"create_time 1700000000\.\.1700000000"):
        Window(1_700_000_000, 1_700_000_000).halves(NOW)
