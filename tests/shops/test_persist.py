"""TikTok is asked again for what a consent needs, within the minute for which the client waits."""

import pytest

from jobs.shops.persist import persist
from worker.marketplace.call_errors import CallError, HourlyCap, RefreshRefused, Throttled, Transient, UnknownCode


class Asked:
    """Answers, one after another, of which errors are raised."""

    def __init__(self, *answers: CallError | str) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, CallError):
            raise answer
        return answer


@pytest.mark.parametrize("failure", [Transient("HTTP 503"), Throttled("busy", retry_after=0.1)])
async def test_what_may_pass_is_asked_again(failure: CallError) -> None:
    asked = Asked(failure, "a pair")
    assert await persist(asked, tries=5) == "a pair"
    assert asked.calls == 2


async def test_there_are_so_many_tries_and_no_more() -> None:
    asked = Asked(*[Transient("HTTP 503")] * 5)
    with pytest.raises(Transient):
        await persist(asked, tries=2)
    assert asked.calls == 2


@pytest.mark.parametrize(
    "failure",
    [
        Throttled("come back when nobody waits any more", retry_after=30), HourlyCap("the hour is used up"),
        UnknownCode("a code that nobody knows"), RefreshRefused("the code is invalid"),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
async def test_what_would_not_pass_in_time_is_raised_at_once(failure: CallError) -> None:
    asked = Asked(failure, "a pair")
    with pytest.raises(type(failure)):
        await persist(asked, tries=5)
    assert asked.calls == 1
