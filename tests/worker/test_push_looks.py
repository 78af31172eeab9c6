"""The moments of looks at pushed stock: within their bounds, shared by a shop's SKUs, and not by all shops."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from worker.oversell import push_looks

SHOPS = [f"7495{number:015}" for number in range(3_000)]


@given(st.sampled_from(SHOPS), st.integers(10**12, 2**42))
def test_a_look_comes_neither_too_soon_nor_too_late(shop: str, now_ms: int) -> None:
    soon, verification = push_looks.soon(shop, now_ms), push_looks.verification(shop, now_ms)
    assert push_looks.SOON_MS <= soon - now_ms < push_looks.SOON_MS + push_looks.SOON_GRID_MS
    assert push_looks.VERIFY_LEAST_MS <= verification - now_ms < push_looks.VERIFY_LEAST_MS + push_looks.VERIFY_GRID_MS


@given(st.sampled_from(SHOPS), st.integers(10**12, 2**42), st.integers(0, 4_000))
def test_a_sale_at_the_moment_of_a_verification_is_looked_at_again_within_the_minute(
    shop: str, now_ms: int, call_ms: int
) -> None:
    """The answer of the first look is unsure then. `call_ms`: from its moment to its answer."""
    again = push_looks.soon(shop, push_looks.verification(shop, now_ms) + call_ms)
    assert again + 1_000 <= now_ms + 60_000


@given(st.sampled_from(SHOPS), st.integers(10**12, 2**42), st.integers(1, push_looks.VERIFY_GRID_MS))
def test_pushes_of_a_shop_share_few_moments(shop: str, now_ms: int, within_ms: int) -> None:
    """All pushes within the grid's width have two moments at most."""
    first, last = push_looks.verification(shop, now_ms), push_looks.verification(shop, now_ms + within_ms)
    assert last - first in {0, push_looks.VERIFY_GRID_MS}


def test_shops_are_not_looked_at_all_at_once() -> None:
    """Of pushes of 3,000 shops at the same moment, each second gets its part: 75 on average."""
    now_ms = 1_795_948_259_103
    seconds = Counter(push_looks.verification(shop, now_ms) // 1_000 for shop in SHOPS)
    assert max(seconds.values()) <= 2 * len(SHOPS) * 1_000 / push_looks.VERIFY_GRID_MS
