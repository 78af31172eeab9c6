"""Read and write W3C trace contexts as spans know them."""

from collections.abc import Iterable
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

ROOT: Final = Context()
"""The parent of a span that begins a trace."""


def read_span_context(traceparent: str) -> SpanContext:
    """Read a valid traceparent: see `is_traceparent`."""
    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))


def read_sampled(traceparent: str | None) -> SpanContext | None:
    """Read a traceparent; None without one, or if its trace is not recorded."""
    if not traceparent or not int(traceparent[-2:], 16) & 1:
        return None
    return read_span_context(traceparent)


def write_traceparent(context: SpanContext) -> str:
    """Write a trace context, of version 00."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


def make_parent(context: SpanContext) -> Context:
    """Make the context in which a span is a child of this one, and of nothing else."""
    return set_span_in_context(NonRecordingSpan(context), ROOT)


def make_links(contexts: Iterable[SpanContext]) -> list[Link]:
    """Make a link to each of these, once."""
    return [Link(context) for context in drop_repeats(contexts)]


def drop_repeats(contexts: Iterable[SpanContext]) -> list[SpanContext]:
    """Leave each context once, in order. They can't be hashed."""
    return list({(one.trace_id, one.span_id): one for one in contexts}.values())
