"""A busy shop for minutes of simulated time: the real script on a real Valkey, against the sandbox's own quota."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from shopstream_sandbox.quota.quota import Quota
from shopstream_sandbox.refusal.refusals import Refusal
from worker.redis.lua_script import WorkerScript

KEY, SEQUENCE, ENDPOINT = "shopstream:{0}:pace:1", "shopstream:{0}:sequence:1", "product"
START, LOWEST, HIGHEST = 10.0, 0.2, 1_000.0
FAR_US = 2_000_000
BEGAN = 1_000.0


@dataclass(frozen=True)
class Permit:
    """µs of the simulated clock."""

    at: int
    interval: int
    fetch_seq: int
    lone: bool


class Pace:
    """pacing.lua with a clock of the caller's, in seconds."""

    def __init__(self, redis: Redis, *, start: float = START, lowest: float = LOWEST, highest: float = HIGHEST) -> None:
        self._script = WorkerScript(redis, "pacing/pacing.lua")
        self._redis = redis
        self._rates = (start, lowest, highest)

    async def lease(
        self,
        now: float,
        want: int = 100,
        *,
        holder: str = "a",
        ahead: float = 0,
        behind: int = 0,
        grace: float = 0.025,
        owed: float = 0,
        far: float = FAR_US / 1e6,
    ) -> tuple[list[Permit], int]:
        """Permits, or none and the µs before which there is none. Arguments as those of pacing.lua, in seconds."""
        more = (int(far * 1e6), holder, int(ahead * 1e6), behind, int(grace * 1e6), 0, int(owed * 1e6))
        _, first, interval, n, seq, lone = await self._call(now, "lease", want, *more)
        return [Permit(first + i * interval, interval, seq + i, bool(lone)) for i in range(n)], first

    async def passed(self, now: float) -> None:
        await self._call(now, "passed")

    async def throttled(self, now: float, permit: Permit, wait: float | None = None, jitter: float = 0.5) -> int:
        wait_ms = "" if wait is None else int(wait * 1000)
        return int(await self._call(now, "throttled", permit.at, permit.fetch_seq, wait_ms, jitter))

    async def capped(self, now: float, seconds: float) -> int:
        return int(await self._call(now, "capped", int(seconds * 1000)))

    async def learnt(self, name: str) -> float | None:
        value = await self._redis.hget(KEY, f"{ENDPOINT}:{name}")  # type: ignore[misc]
        return None if value is None else float(value)

    async def _call(self, now: float, verb: str, *more: Any) -> Any:
        return await self._script([KEY, SEQUENCE], [verb, ENDPOINT, int(now * 1e6), *self._rates, *more])


@dataclass
class Run:
    """What arrived: (seconds since the beginning, whether it was let through); and how many leases it took."""

    calls: list[tuple[float, bool]] = field(default_factory=list)
    leases: int = 0

    def used(self, begin: float, end: float) -> float:
        """Calls a second that were let through."""
        return sum(ok for at, ok in self.calls if begin <= at < end) / (end - begin)

    def throttled(self, begin: float, end: float) -> int:
        return sum(not ok for at, ok in self.calls if begin <= at < end)


@dataclass
class Shop:
    """A shop that always has products to fetch, and the one worker that has it; sends are some ms late, as in life.

    Attributes:
        pace: the script, or another rule with the same methods.
        quota: the hidden one.
        seed: of the lateness and of the jitter.
        latency: of a call, there and back, in seconds.
        protected: at which seconds the platform throttles everything.
        gives_wait: if a 429 has a Retry-After.
    """

    pace: Any
    quota: Quota
    seed: int = 1
    latency: float = 0.004
    protected: Callable[[float], bool] = lambda _: False
    gives_wait: bool = True
    run: Run = field(default_factory=Run)
    _answers: list[tuple[float, int, Permit, Refusal | None]] = field(default_factory=list)

    async def busy(self, seconds: float) -> Run:
        """So many seconds of it."""
        chance = random.Random(self.seed)  # noqa: S311 - repeatable
        self.quota.began = now = BEGAN
        last = 0.0
        while now < BEGAN + seconds:
            await self._settle(now, chance)
            permits, first = await self.pace.lease(now)
            self.run.leases += 1
            if not permits:
                now = first / 1e6
            for permit in permits:
                now = max(permit.at / 1e6, now, last + 0.75 * permit.interval / 1e6) + chance.expovariate(500)
                if await self._settle(now, chance):
                    break
                self._send(permit, now)
                last = now
                if permit.lone:
                    now += self.latency + 0.001
        return self.run

    def _send(self, permit: Permit, at: float) -> None:
        arrival = at + self.latency / 2
        refusal = self._refusal(arrival)
        self.run.calls.append((arrival - BEGAN, refusal is None))
        heapq.heappush(self._answers, (at + self.latency, len(self.run.calls), permit, refusal))

    def _refusal(self, at: float) -> Refusal | None:
        if self.protected(at - BEGAN):
            return Refusal(36009002, "protection", 429)
        try:
            self.quota.admit(at, 1_700_000_000 + at)
        except Refusal as refusal:
            return refusal
        return None

    async def _settle(self, until: float, chance: random.Random) -> bool:
        """Hear the answers that have come; whether one of them was a throttle."""
        hit = False
        while self._answers and self._answers[0][0] <= until:
            at, _, permit, refusal = heapq.heappop(self._answers)
            if refusal:
                wait = float(refusal.retry_after) if self.gives_wait and refusal.retry_after else None
                await self.pace.throttled(at, permit, wait, chance.random())
                hit = True
            elif permit.lone:
                await self.pace.passed(at)
        return hit
