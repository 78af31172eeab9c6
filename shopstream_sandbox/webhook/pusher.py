"""Send notifications over HTTP: at once or delayed, again after failures, and each written down."""

import asyncio
import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from shopstream_sandbox.webhook.client import Client
from shopstream_sandbox.webhook.options import Options
from shopstream_sandbox.webhook.push import Attempt, Push

_GOOD: Final = frozenset({"200", "401"})  # TikTok counts a receiver's 401 as an answer
_COUNTS: Final = (
    "made", "pushed", "retried", "repeated", "reordered", "lost", "given_up", "unsubscribed", "unauthorized",
)  # fmt: skip
_FEW: Final = 32
_PATIENCE_SECONDS: Final = 0.25
_LOG_MOST: Final = 500_000


class _Room:
    """So many sendings at once: few, and one more for each that has waited too long, up to `most`.

    A receiver that answers needs few connections, and opening one costs more than a push. One that hangs must not keep
    the pushes to others, or later ones, from being sent at their time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = min(_FEW, most)
        self._free = asyncio.Semaphore(self._size)

    async def __aenter__(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            if self._size < self._most:
                self._size += 1
            else:
                await self._free.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


class Pusher:
    """All pushes. `clock` gives Unix seconds and may be turned: delays and retries are by it."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self.options = options
        self.counts: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.log: list[Push] = []
        self.dropped = 0
        """Lines that left the log's beginning, of which there were too many."""
        self._clock = clock
        self._draw = random.Random(options.seed)  # noqa: S311 - repeatable
        self._waiting: list[tuple[float, int, Push, bool]] = []
        self._numbers = itertools.count()
        self._turned = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._latest: dict[str, asyncio.Task[None]] = {}
        self._client = Client()
        self._room = _Room(options.connections)

    def begin(self) -> None:
        """Take the options as they are now, and draw anew from their seed."""
        self._draw = random.Random(self.options.seed)  # noqa: S311 - repeatable
        self._room = _Room(self.options.connections)

    def give(self, push: Push) -> None:
        """Send a push when its delay is over, unless it is drawn to be lost."""
        options = self.options
        # As many draws for each push as for any other, so that a seed loses the same ones whatever else is set.
        lost, repeated, reordered, jitter = (self._draw.random() for _ in range(4))
        self._write(push)
        self.counts["made"] += 1
        if lost * 1000 < options.loss_per_mille:
            push.state, push.body = "lost", b""
            self.counts["lost"] += 1
            return
        wait_ms = options.delay_ms + jitter * options.jitter_ms
        if reordered * 1000 < options.reorder_per_mille:
            wait_ms += options.reorder_ms
            self.counts["reordered"] += 1
        self._schedule(wait_ms / 1000, push)
        if repeated * 1000 < options.repeat_per_mille:
            self.counts["repeated"] += 1
            self._schedule((wait_ms + options.repeat_ms) / 1000, push, again=True)

    def turned(self) -> None:
        """Look at what is due by the clock as it is now."""
        self._turned.set()

    def document(self) -> dict[str, Any]:
        """Give the counts for `GET /_sandbox/stats`."""
        return {name: self.counts[name] for name in _COUNTS} | {
            "answers": dict(self.answers),
            "waiting": len(self._waiting),
            "in_flight": len(self._sending),
        }

    def page(self, begin: int, limit: int) -> dict[str, Any]:
        """Give lines of the log from a place on; `next` is the place of the following one."""
        first = max(0, begin - self.dropped)
        lines = self.log[first : first + limit]
        return {
            "total": self.dropped + len(self.log),
            "next": self.dropped + first + len(lines),
            "pushes": [push.document() for push in lines],
        }

    def forget(self) -> None:
        """Forget the log, the counts, and all that is waiting."""
        self.log.clear()
        self._waiting.clear()
        self.dropped = 0
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        self.counts.clear()
        self.answers.clear()

    async def close(self) -> None:
        """Stop sending, and close the connections."""
        tasks = [*self._sending, *([self._timer] if self._timer else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._client.close()

    def _write(self, push: Push) -> None:
        self.log.append(push)
        if len(self.log) > _LOG_MOST:
            half = _LOG_MOST // 2
            del self.log[:half]
            self.dropped += half

    def _schedule(self, seconds: float, push: Push, *, again: bool = False) -> None:
        """Send a push in so many seconds of the turnable clock; `again` marks a repetition."""
        push.pending += 1
        if seconds <= 0:
            self._start(push, again=again)
            return
        heapq.heappush(self._waiting, (self._clock() + seconds, next(self._numbers), push, again))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().create_task(self._release())
        self._turned.set()

    async def _release(self) -> None:
        """Start what is due, for ever."""
        while True:
            self._turned.clear()
            while self._waiting and self._waiting[0][0] <= self._clock():
                _, _, push, again = heapq.heappop(self._waiting)
                self._start(push, again=again)
            seconds = self._waiting[0][0] - self._clock() if self._waiting else None
            try:
                async with asyncio.timeout(seconds):
                    await self._turned.wait()
            except TimeoutError:
                continue

    def _start(self, push: Push, *, again: bool) -> None:
        subject = push.subject
        task = asyncio.get_running_loop().create_task(self._send(push, self._latest.get(subject), again=again))
        self._sending.add(task)
        self._latest[subject] = task

        def ended(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            if self._latest.get(subject) is task:
                del self._latest[subject]

        task.add_done_callback(ended)

    async def _send(self, push: Push, before: asyncio.Task[None] | None, *, again: bool) -> None:
        # None overtakes the one before about the same subject, unless that takes too long.
        if before is not None and not before.done():
            await asyncio.wait({before}, timeout=self.options.in_order_ms / 1000)
        # Who waits for a connection has not been sent yet, so the receiver's time must not run.
        async with self._room:
            at, began = self._clock(), time.monotonic()
            self.counts["pushed"] += 1
            answer = await self._post(push)
        push.attempts.append(Attempt(at, round((time.monotonic() - began) * 1000, 3), answer))
        self.answers[answer] += 1
        if answer in _GOOD:
            push.state = "answered"
        elif push.state == "waiting" and not again:
            self._retry(push)
        push.pending -= 1
        if not push.pending:
            push.body = b""  # the log is long

    async def _post(self, push: Push) -> str:
        """Send a push once, and give the status or the kind of failure."""
        headers = {"Content-Type": "application/json"}
        if push.authorization is not None:
            headers["Authorization"] = push.authorization
        try:
            return str(await self._client.post(push.url, headers, push.body, self.options.timeout_ms / 1000))
        except TimeoutError:
            return "timeout"
        except (OSError, ValueError):
            return "connection"

    def _retry(self, push: Push) -> None:
        """Send a push again by the schedule, or give it up after the last time."""
        schedule = self.options.retry_seconds
        if push.retries >= len(schedule):
            push.state = "given_up"
            self.counts["given_up"] += 1
            return
        self.counts["retried"] += 1
        push.retries += 1
        self._schedule(schedule[push.retries - 1], push)
