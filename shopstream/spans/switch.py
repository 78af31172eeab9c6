"""Decide if traces are on, and give the spans of a client or consumer. OpenTelemetry is imported only if they are."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from shopstream.errors import TracingNotInstalled

if TYPE_CHECKING:
    from shopstream.enqueue.reasons import Why
    from shopstream.events import Event

VARIABLE: Final = "SHOPSTREAM_TRACING"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_process: bool | None = None


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Tell if these variables turn traces on: ours before the standard ones of OpenTelemetry."""
    ours = environment.get(VARIABLE, "").lower()
    if ours in {"on", "off"}:
        return ours == "on"
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").lower()
    return exporter != "none" if exporter else any(environment.get(name) for name in _ENDPOINTS)


def decide(*, on: bool) -> None:
    """Turn traces on or off for all clients and consumers that this process makes from now on."""
    global _process  # noqa: PLW0603 - a process has one answer
    _process = on


class AskSpans:
    """The spans of asking, of a client without traces: none."""

    def ask(
        self, _kind: str, _shop: str, _partition: int | None, _number: int, why: "Why"
    ) -> AbstractContextManager["Why"]:
        """Give the reason as it is."""
        return _give(why)


class ProcessSpans:
    """The spans of handling, of a consumer without traces: none."""

    def begin(self, events: "Sequence[Event]") -> None:
        """Begin the span of events that are handed out now."""

    def refuse(self, entry_id: str) -> None:
        """Note that a handler has refused an event."""

    def end(self, error: BaseException | None = None) -> None:
        """End the span of the events that were handed out last, perhaps by an error of their handler."""


def find_ask_spans() -> AskSpans:
    """Give the spans of a client.

    Raises:
        TracingNotInstalled: SHOPSTREAM_TRACING=on, without OpenTelemetry.
    """
    if not _is_on():
        return _NO_ASK
    from shopstream.spans.recorded_spans import RecordedAskSpans  # noqa: PLC0415 - only if traces are on

    return RecordedAskSpans()


def find_process_spans(stream: str, group: str) -> ProcessSpans:
    """Give the spans of a consumer of a stream. Raise as `find_ask_spans` does."""
    if not _is_on():
        return _NO_PROCESS
    from shopstream.spans.recorded_spans import RecordedProcessSpans  # noqa: PLC0415 - only if traces are on

    return RecordedProcessSpans(stream, group)


def _is_on() -> bool:
    if not (is_wanted(os.environ) if _process is None else _process):
        return False
    try:
        import opentelemetry.trace  # noqa: F401, PLC0415 - only if traces are on
    except ImportError:
        # The standard variables may be meant for other libraries of the same process.
        if _process or os.environ.get(VARIABLE):
            raise TracingNotInstalled from None
        return False
    return True


@contextmanager
def _give(why: "Why") -> "Iterator[Why]":
    yield why


_NO_ASK: Final = AskSpans()
_NO_PROCESS: Final = ProcessSpans()
