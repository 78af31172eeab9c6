"""Record `ask` and `process`: the only module of clients and consumers that imports OpenTelemetry to write spans."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode

from shopstream.enqueue.reasons import Why, is_traceparent
from shopstream.events import Event
from shopstream.spans.switch import AskSpans, ProcessSpans
from shopstream.spans.trace_contexts import make_links, make_parent, read_span_context, write_traceparent
from shopstream.version import VERSION

SCOPE: Final = "shopstream"
Attributes = dict[str, str | int]


def name_backlog(kind: str, shop: str, partition: int | None) -> Attributes:
    """Name a shop's backlog as the destination of a message."""
    attributes: Attributes = {
        "messaging.system": "redis",
        "messaging.destination.name": f"{SCOPE}:backlog:{kind}",
        "messaging.destination.template": f"{SCOPE}:{{partition}}:backlog:{kind}:{{shop}}",
        "shopstream.shop_id": shop,
    }
    return attributes if partition is None else {**attributes, "messaging.destination.partition.id": str(partition)}


def name_stream(stream: str, partition: int | None) -> Attributes:
    """Name a stream as the destination of a message."""
    attributes: Attributes = {
        "messaging.system": "redis",
        "messaging.destination.name": f"{SCOPE}:{stream}",
        "messaging.destination.template": f"{SCOPE}:{{partition}}:{stream}",
    }
    return attributes if partition is None else {**attributes, "messaging.destination.partition.id": str(partition)}


def fail_span(span: Span, error: str) -> None:
    """Mark a span as failed by an error's class. Its text stays out of traces."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", error)


class RecordedAskSpans(AskSpans):
    """The spans of asking."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(SCOPE, VERSION)

    @contextmanager
    def ask(self, kind: str, shop: str, partition: int | None, number: int, why: Why) -> Iterator[Why]:
        """Record the asking for `number` ids, and give the reason with its context if the trace is recorded.

        The parent is the context of the reason, else the current one.
        """
        parent = make_parent(read_span_context(why.traceparent)) if why.traceparent else None
        attributes = {
            **name_backlog(kind, shop, partition),
            "messaging.operation.name": "ask",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": number,
        }
        with self._tracer.start_as_current_span(
            f"ask {attributes['messaging.destination.name']}", parent, SpanKind.PRODUCER, attributes,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            own = span.get_span_context()
            try:
                yield replace(why, traceparent=write_traceparent(own)) if own.trace_flags.sampled else why
            except Exception as error:  # the request may fail in any way: noted in its span and raised
                fail_span(span, type(error).__name__)
                raise


class _Handed(NamedTuple):
    """The span of events that a handler has in hand, with the context before it and in it."""

    span: Span
    entries: tuple[str, ...]
    before: Context
    inside: Context


class RecordedProcessSpans(ProcessSpans):
    """The spans of handling. A handler runs inside of its span, since a loop and its generator share their context."""

    def __init__(self, stream: str, group: str) -> None:
        self._tracer = trace.get_tracer(SCOPE, VERSION)
        self._stream, self._group = stream, group
        self._handed: _Handed | None = None

    def begin(self, events: Sequence[Event]) -> None:
        """Begin a span with a link to each event's context. A single event's span belongs to its trace."""
        self.end()
        traces = [one.traceparent for one in events if is_traceparent(one.traceparent)]
        linked = [read_span_context(one) for one in dict.fromkeys(traces)]
        parent = make_parent(linked[0]) if linked and len(events) == 1 else None
        attributes = self._describe(events)
        span = self._tracer.start_span(
            f"process {attributes['messaging.destination.name']}", parent, SpanKind.CONSUMER, attributes,
            make_links(linked),
        )  # fmt: skip
        before = contexts.get_current()
        inside = trace.set_span_in_context(span, before)
        contexts.attach(inside)
        self._handed = _Handed(span, tuple(one.entry_id for one in events), before, inside)

    def refuse(self, entry_id: str) -> None:
        """Mark the span as failed if the event is one of those in hand."""
        if self._handed and entry_id in self._handed.entries:
            fail_span(self._handed.span, "nack")

    def end(self, error: BaseException | None = None) -> None:
        """End the span, and go back to the context before it."""
        handed, self._handed = self._handed, None
        if handed is None:
            return
        # Not `detach`: after a `break` the loop may end in another task, which has its own context.
        if contexts.get_current() is handed.inside:
            contexts.attach(handed.before)
        if isinstance(error, Exception):
            fail_span(handed.span, type(error).__name__)
        handed.span.end()

    def _describe(self, events: Sequence[Event]) -> Attributes:
        partitions = {_read_partition(one.stream) for one in events}
        attributes: Attributes = {
            **name_stream(self._stream, partitions.pop() if len(partitions) == 1 else None),
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self._group,
        }
        if len(events) > 1:
            return {**attributes, "messaging.batch.message_count": len(events)}
        (event,) = events
        return attributes | {
            "messaging.message.id": event.entry_id,
            "cloudevents.event_id": event.id,
            "cloudevents.event_type": event.type,
            "cloudevents.event_source": event.source,
            "shopstream.shop_id": event.shop_id,
            "shopstream.deliveries": event.deliveries,
        }


def _read_partition(key: str) -> int | None:
    """Read the partition in a stream's key, as 3 in `shopstream:{3}:stock`."""
    number = key.partition("{")[2].partition("}")[0]
    return int(number) if number.isdecimal() else None
