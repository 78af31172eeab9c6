"""Keep the span of the drain that a task works on, with the trace contexts that its ids brought.

The calls of a drain are tasks of its own, which inherit the variable that holds it.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, SpanKind, Tracer

from shopstream.enqueue.reasons import Reason
from shopstream.spans.recorded_spans import SCOPE, Attributes, name_backlog
from shopstream.spans.trace_contexts import ROOT, drop_repeats, make_links, make_parent, read_sampled
from shopstream.version import VERSION
from worker.backlog.claims import Asked

T = TypeVar("T")
_broken: set[str] = set()


def safely(record: Callable[[], T], otherwise: T) -> T:
    """Record something. A mistake in it is logged once, and never the work's trouble."""
    try:
        return record()
    except Exception as mistake:  # noqa: BLE001 - the work goes on without its span
        name = type(mistake).__name__
        if name not in _broken:
            _broken.add(name)
            structlog.get_logger("worker.tracing").exception("span_failed", error=name)
        return otherwise


def find_tracer() -> Tracer:
    """Give the tracer of a worker."""
    return trace.get_tracer(SCOPE, VERSION)


@dataclass(slots=True)
class DrainSpan:
    """The span of one drain.

    Attributes:
        kind: of its ids, or `notices`.
        shop: the shop.
        partition: the number of the shop's partition.
        contexts: the sampled contexts of its ids, by the id as claimed.
        drawn: true if the sampler has chosen the drain itself. Events without an asker are then recorded too.
    """

    tracer: Tracer
    kind: str
    shop: str
    partition: int
    contexts: dict[bytes, SpanContext] = field(default_factory=dict)
    drawn: bool = False
    span: Span = INVALID_SPAN

    def begin(self, sampled: dict[bytes, SpanContext]) -> None:
        """Begin the span, with a link to each context."""
        self.contexts = sampled
        self.span = self._start(ROOT)
        self.drawn = self.span.is_recording()
        self._begin_for_ids()

    def take(self, sampled: dict[bytes, SpanContext]) -> None:
        """Take in the contexts of further ids."""
        known = {one.span_id for one in self.contexts.values()}
        self.contexts |= sampled
        if self.span.is_recording():
            for context in drop_repeats(sampled.values()):
                if context.span_id not in known:
                    self.span.add_link(context)
        else:
            self._begin_for_ids()

    @property
    def within(self) -> Context:
        """Give the context in which a span is a child of the drain."""
        return make_parent(self.span.get_span_context())

    def describe(self, **figures: int) -> None:
        """Set attributes of ours."""
        for name, value in figures.items():
            self.span.set_attribute(f"shopstream.{name}", value)

    def _begin_for_ids(self) -> None:
        """Record an unsampled drain too if an id of it is recorded: in the trace of the first one."""
        if self.contexts and not self.span.is_recording():
            self.span = self._start(make_parent(next(iter(self.contexts.values()))))

    def _start(self, parent: Context) -> Span:
        attributes: Attributes = {
            **name_backlog(self.kind, self.shop, self.partition),
            "messaging.operation.name": "drain",
            "messaging.operation.type": "receive",
        }
        name = f"drain {attributes['messaging.destination.name']}"
        links = make_links(self.contexts.values())
        return self.tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links)


CURRENT: Final[ContextVar[DrainSpan | None]] = ContextVar("shopstream_drain", default=None)
"""The drain that this task works on, or works for."""


def read_contexts(claimed: Iterable[Asked]) -> dict[bytes, SpanContext]:
    """Read the sampled contexts of claimed ids. Most ids have no reason at all."""
    found: dict[bytes, SpanContext] = {}
    for asked in claimed:
        if asked.why and (context := read_sampled(Reason.from_json(asked.why).traceparent)):
            found[asked.id] = context
    return found
