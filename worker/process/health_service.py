"""Serve a worker's health and metrics over HTTP while it runs: `SHOPSTREAM_HEALTH_PORT`.

A thread of its own answers, so it can report a blocked loop. Liveness says that the event loop turns, and nothing of
Redis: a restart doesn't mend a Redis that is away. Readiness says that the worker can write to Redis.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Final, NamedTuple

from worker.health import Health
from worker.process.startup_checks import Refused

Render = Callable[[str], tuple[bytes, str]]
"""Writes all metrics as a client accepts them, and gives them with their content type."""
_PLAIN: Final = "text/plain; charset=utf-8"


class HealthAnswer(NamedTuple):
    """An answer to a GET."""

    status: int
    body: bytes
    content_type: str = _PLAIN


class Endpoint:
    """Answers on one address."""

    def __init__(self, answers: Mapping[str, Callable[[str], HealthAnswer]], host: str, port: int) -> None:
        """Listen at once; port 0 takes a free one.

        Args:
            answers: path → function that gives the answer for a client's `Accept`.
            host: name or address to listen on.
            port: number of the port.

        Raises:
            OSError: the address can't be listened on.
        """
        handler = type("Handler", (_Handler,), {"answers": answers})
        self._server = _Server((host, port), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def health_answers(health: Health, render: Render) -> dict[str, Callable[[str], HealthAnswer]]:
    """Make the answers by path: `/livez`, `/readyz`, `/health` and `/metrics`."""

    def answer_health(_: str) -> HealthAnswer:
        report = health.report(time.monotonic())
        return HealthAnswer(200 if report["ok"] else 503, json.dumps(report).encode(), "application/json")

    def answer_metrics(accept: str) -> HealthAnswer:
        return HealthAnswer(200, *render(accept))

    return {
        "/livez": lambda _: _say(health.blocked(time.monotonic())),
        "/readyz": lambda _: _say(health.unwritten(time.monotonic())),
        "/health": answer_health,
        "/metrics": answer_metrics,
    }


@contextmanager
def serve_health(health: Health, render: Render, host: str, port: int | None) -> Iterator[None]:
    """Serve health and metrics until the end of the block, if a port is set.

    Raises:
        Refused: the address can't be listened on.
    """
    if port is None:
        yield
        return
    try:
        endpoint = Endpoint(health_answers(health, render), host, port)
    except OSError as error:
        raise Refused(f"SHOPSTREAM_HEALTH_PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    try:
        yield
    finally:
        endpoint.close()


def _say(reason: str | None) -> HealthAnswer:
    return HealthAnswer(503 if reason else 200, f"{reason or 'ok'}\n".encode())


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    answers: Mapping[str, Callable[[str], HealthAnswer]]
    timeout = 5  # seconds that a silent client keeps a thread
    server_version, sys_version = "shopstream", ""

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(404)
            return
        status, body, content_type = answer(self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Log nothing: a check comes every few seconds."""
