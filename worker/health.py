"""Serve a worker's health over HTTP, measured by its last achievements: `SHOPSTREAM_HEALTH_PORT`.

Three ages decide: that of the last completed write to Redis, that of the last turn of the event loop, and the time for
which all permits came too late. A thread of its own answers, so it can report a blocked loop. A frozen process gives no
answer, which is unhealthy too.
`python -m worker.health` checks a worker and exits with 0 or 1, for a container's health check. This module imports the
standard library alone, since that check starts a process every few seconds.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import ClassVar, Final, TypedDict

LIMIT_SECONDS: Final = 10.0
"""Seconds. An older achievement is unhealthy. With 2 s between two writes and a check's own interval: within 15 s."""
HOST_VARIABLE: Final = "SHOPSTREAM_HEALTH_HOST"
PORT_VARIABLE: Final = "SHOPSTREAM_HEALTH_PORT"
_CHECK_SECONDS: Final = 3.0


class HealthReport(TypedDict):
    """The answer of `GET /health`; `reason` is None if all is well."""

    ok: bool
    reason: str | None
    last_write_seconds: float
    loop_lag_seconds: float
    stalled_seconds: float


@dataclass(slots=True)
class Health:
    """The latest achievements of one worker; times are those of `time.monotonic`.

    The loop sets them, and a thread reads them.

    Attributes:
        written: the answer to the last write to Redis.
        turned: the last turn of the event loop, due every `TURN_SECONDS`.
        failure: the class of the last write's error; "" if it succeeded.
        stalled: gives the seconds for which no call has left, since all permits came too late.
    """

    TURN_SECONDS: ClassVar[float] = 0.5

    written: float
    turned: float
    failure: str = ""
    stalled: Callable[[float], float] = field(default=lambda _: 0.0)

    @classmethod
    def new(cls) -> "Health":
        """Make the health of a worker's start, after the start-up check has written to Redis."""
        now = time.monotonic()
        return cls(now, now)

    def report(self, now: float, limit: float = LIMIT_SECONDS) -> HealthReport:
        """Report the ages at `now`, of `time.monotonic`. An age over `limit` seconds is unhealthy."""
        stalled = self.stalled(now)
        write, lag = max(0.0, now - self.written), max(0.0, now - self.turned - self.TURN_SECONDS)
        reasons = []
        if lag > limit:
            reasons.append(f"the event loop has been blocked for {lag:.0f} s")
        if write > limit:
            error = f" ({self.failure})" if self.failure else ""
            reasons.append(f"no write to Redis has succeeded for {write:.0f} s{error}")
        if stalled > limit:
            reasons.append(f"no call has left for {stalled:.0f} s: permits come too late to be used")
        return {
            "ok": not reasons,
            "reason": "; ".join(reasons) or None,
            "last_write_seconds": round(write, 3),
            "loop_lag_seconds": round(lag, 3),
            "stalled_seconds": round(stalled, 3),
        }


class Endpoint:
    """`GET /health` on one address: 200 or 503, with the report as JSON."""

    def __init__(self, report: Callable[[], HealthReport], host: str, port: int) -> None:
        """Listen at once; port 0 takes a free one.

        Raises:
            OSError: the address can't be listened on.
        """
        handler = type("Handler", (_Handler,), {"report": staticmethod(report)})
        self._server = _Server((host, port), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    report: Callable[[], HealthReport]
    timeout = 5  # seconds that a silent client keeps a thread
    server_version, sys_version = "shopstream", ""

    def do_GET(self) -> None:
        if self.path != "/health":
            self.send_error(404)
            return
        report = self.report()
        body = json.dumps(report).encode()
        self.send_response(200 if report["ok"] else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Log nothing: a check comes every few seconds."""


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
