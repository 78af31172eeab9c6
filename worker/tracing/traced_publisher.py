"""Record `create` for each event, and give events without an asker the context of their own `create`."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind
from redis.asyncio import Redis

from shopstream.spans.recorded_spans import Attributes, name_stream
from shopstream.spans.trace_contexts import ROOT, make_parent, read_sampled, write_traceparent
from shopstream.state.state_codec import StateCodec
from worker.backlog.claims import Claim
from worker.changes.drafts import Draft
from worker.instrumentation.instrument import SILENT, Instrument
from worker.publishing.publish_entries import EVENT_AT, FIELDS_EACH, TRACE_AT, PublishEntry
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target
from worker.tracing.drain_span import CURRENT, find_tracer, safely


class _TracedEntry(PublishEntry, frozen=True):
    """An entry with a span for each of its events; `own` if the events carry the contexts of these spans."""

    spans: tuple[Span, ...]
    own: bool

    def arguments(self, epoch: str, codec: StateCodec) -> list[bytes | str | int]:
        """List the arguments, and note the id of each event in its span. Another epoch makes other ids."""
        args = super().arguments(epoch, codec)
        for number, span in enumerate(self.spans):
            span.set_attribute("cloudevents.event_id", str(args[EVENT_AT + FIELDS_EACH * number + 2]))
        if self.own:
            args[TRACE_AT] = " ".join(write_traceparent(span.get_span_context()) for span in self.spans)
        return args


class TracedPublisher(Publisher):
    """Publishes events with their spans. An event that was not added has none: its span never ends."""

    def __init__(self, redis: Redis, instrument: Instrument = SILENT) -> None:
        super().__init__(redis, instrument)
        self._tracer = find_tracer()

    async def send(self, target: Target, claim: Claim | None, entries: Sequence[PublishEntry]) -> list[Any]:
        """Publish entries, and end the spans of those that were."""
        traced = safely(lambda: self._trace(target, entries), entries)
        results = await super().send(target, claim, traced)
        for entry, result in zip(traced, results, strict=True):
            if result == 1 and isinstance(entry, _TracedEntry):
                for span in entry.spans:
                    span.end()
        return results

    def _trace(self, target: Target, entries: Sequence[PublishEntry]) -> Sequence[PublishEntry]:
        drain = CURRENT.get()
        unasked: Context | None = ROOT
        if drain is not None:
            unasked = drain.within if drain.drawn else None
        links = [Link(drain.span.get_span_context())] if drain and drain.span.is_recording() else []
        traced: list[PublishEntry] = []
        for entry in entries:
            asker, parent = entry.cause.traceparent, unasked
            if asker is not None:
                sampled = read_sampled(asker)
                parent = make_parent(sampled) if sampled else None
            if not entry.drafts or parent is None:
                traced.append(entry)
                continue
            spans: list[Span] = []
            for draft in entry.drafts:
                span = self._create(target, draft, parent, [] if parent is unasked else links)
                if not span.is_recording():
                    break
                spans.append(span)
                if parent is ROOT:  # of a walk or of the shop itself: the first event decides for those beside it
                    parent = make_parent(span.get_span_context())
            if parent is ROOT:
                unasked = None
            elif asker is None:
                unasked = parent
            traced.append(_extend(entry, tuple(spans), own=asker is None) if spans else entry)
        return traced

    def _create(self, target: Target, draft: Draft, parent: Context, links: Sequence[Link]) -> Span:
        attributes: Attributes = {
            **name_stream(draft.stream, target.partition.number),
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "cloudevents.event_type": draft.type,
            "cloudevents.event_source": target.source,
            "shopstream.shop_id": target.shop,
        }
        name = f"create {attributes['messaging.destination.name']}"
        return self._tracer.start_span(name, parent, SpanKind.PRODUCER, attributes, links)


def _extend(entry: PublishEntry, spans: tuple[Span, ...], *, own: bool) -> _TracedEntry:
    return _TracedEntry(
        asked=entry.asked, field=entry.field, expected=entry.expected, mark=entry.mark, state=entry.state,
        drafts=entry.drafts, cause=entry.cause, spans=spans, own=own,
    )  # fmt: skip
