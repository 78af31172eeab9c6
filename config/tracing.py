"""Send the spans of a process to a collector, if traces are on. OpenTelemetry is imported only then."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class TracingRefused(Exception):
    """Traces are on, and can't be sent. The text names the remedy."""


@contextmanager
def trace_process(service: str, *, on: bool) -> Iterator[None]:
    """Send spans while the block runs, and those that are left at its end, for STOP_SECONDS at most.

    Args:
        service: the process's name in traces, unless a standard variable has another.
        on: False does nothing at all.

    Raises:
        TracingRefused: OpenTelemetry is missing, or a variable asks for an exporter that shopstream doesn't have.
    """
    if not on:
        yield
        return
    _check(os.environ)
    from config import trace_export  # noqa: PLC0415 - it imports OpenTelemetry

    stop = trace_export.start(service)
    try:
        yield
    finally:
        stop()


def _check(environment: Mapping[str, str]) -> None:
    parts = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    if not all(_is_installed(part) for part in parts):
        raise TracingRefused(
            "traces are on, and OpenTelemetry is missing: pip install 'shopstream[otel]', or set SHOPSTREAM_TRACING=off"
        )
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter.lower() != "otlp":
        raise TracingRefused("OTEL_TRACES_EXPORTER: shopstream sends traces by otlp alone; set otlp, or none")
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    name = next((name for name in names if environment.get(name)), names[1])
    if (environment.get(name) or "http/protobuf") != "http/protobuf":
        raise TracingRefused(f"{name}: shopstream sends traces by http/protobuf alone, mostly to port 4318")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
