"""Measure a worker's health by its last achievements.

Three ages decide: that of the last completed write to Redis, that of the last turn of the event loop, and the time for
which all permits came too late. A frozen process gives no answer, which is unhealthy too.
`python -m worker.health` checks a worker and exits with 0 or 1, for a container's health check. This module imports the
standard library alone, since that check starts a process every few seconds.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypedDict

LIMIT_SECONDS: Final = 10.0
"""Seconds. An older achievement is unhealthy. With 2 s between two writes and a check's own interval: within 15 s."""
HOST_VARIABLE: Final = "SHOPSTREAM_HEALTH_HOST"
PORT_VARIABLE: Final = "SHOPSTREAM_HEALTH_PORT"
_CHECK_SECONDS: Final = 3.0


class HealthReport(TypedDict):
    """The answer of `GET /health`; `reason` is None if all is well.

    `queue` is the class of the error with which arq's queue failed, None while it works. Without it all work goes on.
    """

    ok: bool
    reason: str | None
    last_write_seconds: float
    loop_lag_seconds: float
    stalled_seconds: float
    queue: str | None


@dataclass(slots=True)
class Health:
    """The latest achievements of one worker; times are those of `time.monotonic`.

    The loop sets them, and a thread reads them.

    Attributes:
        written: the answer to the last write to Redis.
        turned: the last turn of the event loop, due every `TURN_SECONDS`.
        failure: the class of the last write's error; "" if it succeeded.
        stalled: gives the seconds for which no call has left, since all permits came too late.
        queue: gives the class of the error with which arq's queue failed; "" while it works.
    """

    TURN_SECONDS: ClassVar[float] = 0.5

    written: float
    turned: float
    failure: str = ""
    stalled: Callable[[float], float] = field(default=lambda _: 0.0)
    queue: Callable[[], str] = field(default=lambda: "")

    @classmethod
    def new(cls) -> "Health":
        """Make the health of a worker's start, after the start-up check has written to Redis."""
        now = time.monotonic()
        return cls(now, now)

    def report(self, now: float, limit: float = LIMIT_SECONDS) -> HealthReport:
        """Report the ages at `now`, of `time.monotonic`. An age over `limit` seconds is unhealthy."""
        stalled = self.stalled(now)
        reasons = [reason for reason in (self.blocked(now, limit), self.unwritten(now, limit)) if reason]
        if stalled > limit:
            reasons.append(f"no call has left for {stalled:.0f} s: permits come too late to be used")
        return {
            "ok": not reasons,
            "reason": "; ".join(reasons) or None,
            "last_write_seconds": round(self._age(now), 3),
            "loop_lag_seconds": round(self._lag(now), 3),
            "stalled_seconds": round(stalled, 3),
            "queue": self.queue() or None,
        }

    def blocked(self, now: float, limit: float = LIMIT_SECONDS) -> str | None:
        """Give the reason why the worker is not alive: its event loop has not turned for `limit` seconds; else None."""
        lag = self._lag(now)
        return f"the event loop has been blocked for {lag:.0f} s" if lag > limit else None

    def unwritten(self, now: float, limit: float = LIMIT_SECONDS) -> str | None:
        """Give the reason why the worker is not ready: no write to Redis for `limit` seconds; else None."""
        age = self._age(now)
        if age <= limit:
            return None
        error = f" ({self.failure})" if self.failure else ""
        return f"no write to Redis has succeeded for {age:.0f} s{error}"

    def _age(self, now: float) -> float:
        return max(0.0, now - self.written)

    def _lag(self, now: float) -> float:
        return max(0.0, now - self.turned - self.TURN_SECONDS)


def check(host: str, port: int) -> tuple[bool, str]:
    """Check a worker on this machine. Gives true if it is healthy, and its answer in one line."""
    try:
        # The scheme is fixed, so no file can be opened.
        with urllib.request.urlopen(f"http://{host}:{port}/health", timeout=_CHECK_SECONDS) as answer:  # nosec B310
            return True, answer.read(4096).decode()
    except urllib.error.HTTPError as refused:
        return False, refused.read(4096).decode()
    except OSError as error:
        return False, f"no answer on {host}:{port} ({type(error).__name__}): not started yet, frozen or gone"


def main() -> int:
    """Check the worker of this container. Returns the exit code: 0 healthy, 1 not, 2 without a health port."""
    port = os.environ.get(PORT_VARIABLE, "")
    if not port.isdecimal():
        sys.stderr.write(f"{PORT_VARIABLE} is not set: no worker answers here\n")
        return 2
    host = os.environ.get(HOST_VARIABLE) or "127.0.0.1"
    ok, answer = check("127.0.0.1" if host == "0.0.0.0" else host, int(port))  # noqa: S104 - compared, not listened on
    sys.stdout.write(answer + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
