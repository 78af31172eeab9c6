"""Hidden quotas: count, spacing, schedule, penalty, the hour, the platform's own."""

import email.utils
import time
from typing import Any

import pytest

from shopstream_sandbox.quota.quota import Quota
from shopstream_sandbox.refusal.refusals import Refusal
from tests.sandbox.caller import PRODUCT, SEARCH, SEED_ID, SHOPS, Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")


def passed(quota: Quota, *times: float) -> list[bool]:
    """Which of the calls at these seconds pass."""
    allowed = []
    for at in times:
        try:
            quota.admit(at, 1_700_000_000 + at)
            allowed.append(True)
        except Refusal as refusal:
            allowed.append(refusal.status != 429)
    return allowed


async def test_even_calls_at_the_quota_all_pass_and_faster_ones_do_not() -> None:
    assert all(passed(Quota(50), *(n / 50 for n in range(200))))
    faster = passed(Quota(50, penalty=False), *(n / 60 for n in range(180)))
    assert faster[:50] == [True] * 50
    assert 145 <= sum(faster) <= 151


async def test_calls_in_one_instant_are_throttled_although_the_average_is_low() -> None:
    assert passed(Quota(50, penalty=False), 0, 0, 0, 1, 1.001) == [True, True, False, True, True]
    assert passed(Quota(50, min_gap=0.02, burst=0, penalty=False), 0, 0.019, 0.021) == [True, False, True]


async def test_a_quota_below_one_a_second_spaces_by_its_inverse_and_zero_passes_nothing() -> None:
    assert passed(Quota(0.5, penalty=False), 0, 1.5, 2.1, 4.0, 4.2) == [True, False, True, False, True]
    assert passed(Quota(0, penalty=False), 0, 5) == [False, False]


async def test_each_call_in_a_cool_down_doubles_it_up_to_a_minute() -> None:
    quota = Quota(1, burst=0)
    assert passed(quota, 0, 0.5) == [True, False]  # a cool-down to 1.5
    assert passed(quota, 1.0) == [False]  # 2 s, to 3.0
    assert passed(quota, 2.9) == [False]  # 4 s, to 6.9
    assert passed(quota, 6.8) == [False]  # 8 s, to 14.8
    assert passed(quota, 14.9) == [True]
    assert passed(quota, 15.0, *([15.1] * 20)) == [False] * 21
    assert quota.cooling(75.0)
    assert not quota.cooling(75.2)


async def test_the_schedule_changes_the_quota() -> None:
    quota = Quota(10, schedule=[(2, 100), (4, 5)], penalty=False)
    assert sum(passed(quota, *(n / 100 for n in range(100)))) == 10
    assert sum(passed(quota, *(2 + n / 100 for n in range(100)))) == 100
    assert sum(passed(quota, *(5 + n / 100 for n in range(100)))) == 5


async def test_the_sandbox_hour_has_its_own_code(me: Caller) -> None:
    # The hour turns by the sandbox's clock, so the test stands at its middle.
    turn = 1800 - time.time() % 3600
    await me.box.control("clock", offset_seconds=turn)
    await me.box.control("quota", shop_id=me.shop, hourly=3)
    stamp = str(int(time.time() + turn))
    answers = [await me.call(PRODUCT + SEED_ID, timestamp=stamp) for _ in range(4)]
    assert [answer.short for answer in answers] == [(200, 0)] * 3 + [(429, 36009037)]
    assert 1700 < int(answers[3].headers["Retry-After"]) <= 1800
    await me.box.control("clock", offset_seconds=turn + 3600)
    assert (await me.call(PRODUCT + SEED_ID, timestamp=str(int(stamp) + 3600))).short == (200, 0)


@pytest.mark.parametrize("kind", ["seconds", "decimal", "date", "absent", "garbage"])
async def test_retry_after_comes_in_every_form(me: Caller, kind: str) -> None:
    await me.box.control("quota", per_second=0, retry_after=kind)
    answer = await me.call(PRODUCT + SEED_ID)
    assert answer.short == (429, 36009002)
    waited = answer.headers.get("Retry-After")
    if kind == "date":
        assert waited is not None
        assert email.utils.parsedate_to_datetime(waited).timestamp() == pytest.approx(time.time() + 1, abs=3)
    else:
        assert waited == {"seconds": "1", "decimal": "1.5", "absent": None, "garbage": "soon"}[kind]


async def test_a_quota_is_one_shops_and_one_endpoints(me: Caller) -> None:
    async def codes() -> list[int]:
        calls: list[tuple[Caller, str, Any]] = [
            (me, PRODUCT + "123", None), (me, SEARCH, {}), (me.at(1), PRODUCT + "123", None), (me, SHOPS, None),
        ]  # fmt: skip
        return [(await caller.call(path, body)).status for caller, path, body in calls]

    await me.box.control("quota", shop_id=me.shop, endpoint=PRODUCT + "{product_id}", per_second=0)
    assert await codes() == [429, 200, 200, 200]
    await me.box.control("quota", endpoint="product", per_second=0)
    assert await codes() == [429, 200, 429, 200]
    await me.box.control("quota", per_second=None)
    assert await codes() == [200] * 4
    assert not any("limit" in name.lower() for name in (await me.call(PRODUCT + SEED_ID)).headers)


async def test_the_platform_throttles_whatever_is_sent(me: Caller) -> None:
    await me.box.control("platform_throttle", seconds=60)
    for sent in ({}, {"sign": "0"}):
        assert (await me.call(PRODUCT + SEED_ID, **sent)).short == (429, 36009002)
    await me.box.control("platform_throttle", seconds=0)
    assert (await me.call(PRODUCT + SEED_ID)).short == (200, 0)
