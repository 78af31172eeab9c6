"""Why the pace is learnt as it is: rules of others beside ours, `python -m benchmarks controllers`.

Simulated time against the sandbox's own quota, so free of noise. Only the rule for the rate differs: even spacing,
cool-downs and the lone call after them are the same for all.
"""

from abc import ABC, abstractmethod
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.reporting.report import Report
from benchmarks.valkey import valkey
from shopstream_sandbox.quota.quota import Quota
from tests.worker.pacing.simulation import BEGAN, Pace, Permit, Run, Shop

START: Final = 10.0
LEASE: Final = 0.25


class Spaced(ABC):
    """Evenly spaced permits at `rate`, a cool-down after a throttle, one call after it."""

    def __init__(self) -> None:
        self.rate = START
        self._tat = self._cool = 0.0
        self._lone = False
        self._seq = self._seen = self._level = 0

    async def lease(self, now: float, want: int = 100) -> tuple[list[Permit], int]:
        first = max(now, self._tat, self._cool)
        if first - now > 2:
            return [], int(first * 1e6)
        n = 1 if self._lone else min(want, max(1, int(self.rate * LEASE)))
        spacing = 1 / self.rate
        permits = [
            Permit(int((first + i * spacing) * 1e6), int(spacing * 1e6), self._seq + i + 1, self._lone)
            for i in range(n)
        ]
        self._seq += n
        self._tat = first + (1 if self._lone else n * spacing)
        if not self._lone:
            self.used(first + n * spacing, n)
        return permits, int(first * 1e6)

    async def passed(self, now: float) -> None:
        self._lone, self._level, self._tat = False, 0, now + 1 / self.rate

    async def throttled(self, now: float, permit: Permit, wait: float | None = None, jitter: float = 0.5) -> int:
        if permit.fetch_seq > self._seen:
            self._level = self._level + 1 if self._lone else 0
            if not self._lone:
                self.slower(now)
            self._seen, self._lone = self._seq, True
        pause = min(60, 2**self._level) if wait is None else wait
        self._cool = max(self._cool, now + pause * (1 + 0.1 * jitter))
        return int(self._cool * 1000)

    @abstractmethod
    def used(self, now: float, calls: int) -> None:
        """So many calls were given, up to `now`."""

    @abstractmethod
    def slower(self, now: float) -> None:
        """One was throttled."""


class Aimd(Spaced):
    """The textbook's: one call a second more each second, half at a throttle."""

    def used(self, now: float, calls: int) -> None:  # noqa: ARG002
        self.rate += calls / self.rate

    def slower(self, now: float) -> None:  # noqa: ARG002
        self.rate = max(0.2, self.rate / 2)


class Cubic(Spaced):
    """The AWS SDKs' adaptive mode: CUBIC with beta 0.7 and C 0.4, bounded by twice the measured rate."""

    def __init__(self) -> None:
        super().__init__()
        self._most, self._since, self._times = 0.0, BEGAN, list[tuple[float, int]]()

    def used(self, now: float, calls: int) -> None:
        self._times = [(at, n) for at, n in self._times if at > now - 1] + [(now, calls)]
        knee = (self._most * 0.3 / 0.4) ** (1 / 3)
        self.rate = max(0.5, min(0.4 * (now - self._since - knee) ** 3 + self._most, 2 * self._measured(now)))

    def slower(self, now: float) -> None:
        self._most, self._since = min(self.rate, self._measured(now)), now
        self.rate = max(0.5, 0.7 * self._most)

    def _measured(self, now: float) -> float:
        return float(sum(n for at, n in self._times if at > now - 1)) or 1.0


async def run(report: Report) -> None:
    """Each rule against each quota."""
    with valkey() as server:
        async with Redis.from_url(server.connection_url) as redis:
            for name in ("ours", "AIMD", "CUBIC"):
                for quota in (10, 20, 50):
                    course = await Shop(await _rule(name, redis), Quota(quota)).busy(270)
                    used = {
                        "used_while_learning": course.used(0, 30) / quota,
                        "used_after": course.used(30, 270) / quota,
                    }
                    report.row(f"constant {quota}/s", {"rule": name, **used, "throttled": course.throttled(30, 270)})
                course = await Shop(await _rule(name, redis), Quota(30, schedule=[(60, 8), (120, 30)])).busy(195)
                report.row("30 → 8 → 30/s", {"rule": name, **_moved(course)})
                course = await Shop(await _rule(name, redis), Quota(30), protected=lambda at: 60 <= at < 70).busy(110)
                back = {"back_at_90_percent_after_s": _back(course, 0.9 * course.used(30, 60), 70, 110)}
                report.row("all throttled for 10 s, quota 30/s", {"rule": name, **back})


async def _rule(name: str, redis: Redis) -> Any:
    await redis.flushall()
    return {"AIMD": Aimd, "CUBIC": Cubic}[name]() if name != "ours" else Pace(redis)


def _moved(course: Run) -> dict[str, Any]:
    return {
        "throttled_within_5_s": course.throttled(60, 65),
        "throttled_at_8": course.throttled(60, 120),
        "used_at_8": course.used(65, 120) / 8,
        "back_at_90_percent_after_s": _back(course, 27, 120, 195),
    }


def _back(course: Run, rate: float, begin: float, end: float) -> float | None:
    at = begin
    while at + 3 <= end:
        if course.used(at, at + 3) >= rate:
            return round(at - begin, 1)
        at += 0.1
    return None
