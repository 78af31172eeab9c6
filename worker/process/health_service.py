"""Answer health checks while a worker runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from worker.health import Endpoint, Health
from worker.process.startup_checks import Refused


@contextmanager
def serve_health(health: Health, host: str, port: int | None) -> Iterator[None]:
    """Serve the health endpoint until the end of the block, if a port is set.

    Raises:
        Refused: the address can't be listened on.
    """
    if port is None:
        yield
        return
    try:
        endpoint = Endpoint(lambda: health.report(time.monotonic()), host, port)
    except OSError as error:
        raise Refused(f"SHOPSTREAM_HEALTH_PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    try:
        yield
    finally:
        endpoint.close()
