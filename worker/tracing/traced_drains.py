"""Record `drain`: from the claim of some ids to the end of the work on them."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.spans.recorded_spans import fail_span
from shopstream.spans.trace_contexts import read_sampled
from worker.backlog.claims import CLAIM_LIMIT, Asked, Backlog, Claim
from worker.changes.push_changes import Push
from worker.instrumentation.instrument import SILENT, DrainEnd, Instrument, Settled
from worker.publishing.publisher import Publisher
from worker.publishing.push_publisher import PushCounts, PushPublisher
from worker.publishing.seen import Target
from worker.tracing.drain_span import CURRENT, DrainSpan, find_tracer, read_contexts, safely


class TracedBacklog(Backlog):
    """A backlog whose claims begin spans."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._tracer = find_tracer()

    async def claim(
        self,
        partition: Partition,
        kind: str,
        shop: str,
        *,
        endpoint: str,
        start_rate: float,
        limit: int = CLAIM_LIMIT,
        per_call: int = 1,
    ) -> Claim | None:
        """Claim ids, and begin the span of their drain in this task."""
        CURRENT.set(None)
        claim = await super().claim(
            partition, kind, shop, endpoint=endpoint, start_rate=start_rate, limit=limit, per_call=per_call
        )
        if claim is not None:
            CURRENT.set(safely(lambda: self._begin(claim), None))
        return claim

    def _begin(self, claim: Claim) -> DrainSpan:
        drain = DrainSpan(self._tracer, claim.kind, claim.shop, claim.partition.number)
        drain.begin(read_contexts(claim.ids))
        return drain

    async def more(self, claim: Claim, *, endpoint: str, start_rate: float) -> tuple[Asked, ...]:
        """Claim further ids, and add their contexts to the span."""
        more = await super().more(claim, endpoint=endpoint, start_rate=start_rate)
        drain = CURRENT.get()
        if drain is not None and (sampled := read_contexts(more)):
            safely(lambda: drain.take(sampled), None)
        return more


class DrainEnds(Instrument):
    """The backend that ends the spans of drains: both hooks are called in the drain's own task."""

    def report_settled(self, settled: Settled) -> None:
        """Note the figures."""
        if (drain := CURRENT.get()) is not None and drain.span.is_recording():
            drain.span.set_attribute("messaging.batch.message_count", settled.claimed)
            drain.describe(
                calls=settled.calls, throttled=settled.throttled, events=settled.events, unchanged=settled.unchanged,
                dead=settled.dead, back=settled.back,
            )  # fmt: skip

    def report_end(self, _kind: str, _name: str, end: DrainEnd, _seconds: float) -> None:
        """End the span."""
        if (drain := CURRENT.get()) is not None:
            CURRENT.set(None)
            if end != "done":
                fail_span(drain.span, end)
            drain.span.end()


class TracedPushPublisher(PushPublisher):
    """Publishes pushes inside of a span, since nobody claims them."""

    def __init__(self, redis: Redis, publisher: Publisher, backlog: Backlog, instrument: Instrument = SILENT) -> None:
        super().__init__(redis, publisher, backlog, instrument)
        self._tracer = find_tracer()

    async def publish(self, target: Target, pushes: Sequence[Push]) -> PushCounts:
        """Publish pushes, with links to the contexts of their webhooks."""
        drain = DrainSpan(self._tracer, "notices", target.shop, target.partition.number)
        traces = dict.fromkeys(push.traceparent for push in pushes)
        sampled = {one.encode(): context for one in traces if one and (context := read_sampled(one))}
        safely(lambda: drain.begin(sampled), None)
        before = CURRENT.set(drain)
        try:
            counts = await super().publish(target, pushes)
        except Exception as error:
            fail_span(drain.span, type(error).__name__)
            raise
        else:
            drain.span.set_attribute("messaging.batch.message_count", len(pushes))
            drain.describe(events=counts.published)
            return counts
        finally:
            CURRENT.reset(before)
            drain.span.end()
