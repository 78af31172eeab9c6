"""Export spans by OTLP over HTTP, from a thread with a bounded queue: work never waits for the collector.

All limits have OpenTelemetry's standard variables: OTEL_BSP_MAX_QUEUE_SIZE, OTEL_EXPORTER_OTLP_TIMEOUT and so on.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

STOP_SECONDS: Final = 2.0
"""Seconds for the last spans when the process ends."""


def start(service: str) -> Callable[[], None]:
    """Begin to export the spans of this process, and give the function that ends it."""
    # Its own words may hold headers and URLs, and come with each failure. `_LoggedExporter` has one line for all.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    # A thread of the exit would wait for the collector's whole timeout.
    provider = TracerProvider(resource=_describe(service), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_LoggedExporter(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)

    def stop() -> None:
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)
        if ending.is_alive():
            structlog.get_logger("tracing").warning("spans_lost", reason="the collector did not take the last in time")

    return stop


def _describe(service: str) -> Resource:
    """Describe the process. A name from the standard variables stays."""
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if named else {SERVICE_NAME: service})


class _LoggedExporter(SpanExporter):
    """An exporter that logs the first of several failures, and the success after them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False
        self._log = structlog.get_logger("tracing")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch. One that fails is dropped."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            self._log.warning("spans_not_sent", advice="is the collector at OTEL_EXPORTER_OTLP_ENDPOINT?")
        elif self._failing and not failed:
            self._log.info("spans_sent_again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """End the exporter, and the retries of a batch under way."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Pass on."""
        return self._exporter.force_flush(timeout_millis)
