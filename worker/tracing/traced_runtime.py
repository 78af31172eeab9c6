"""Put the parts that record spans in the place of those that don't."""

from dataclasses import replace

from worker.runtime import Runtime
from worker.tracing.traced_drains import DrainEnds, TracedBacklog, TracedPushPublisher
from worker.tracing.traced_marketplace import TracedMarketplace
from worker.tracing.traced_publisher import TracedPublisher

__all__ = ["DrainEnds", "trace_runtime"]


def trace_runtime(runtime: Runtime) -> Runtime:
    """Make a runtime that records spans. Its instrument has a `DrainEnds` already."""
    redis, instrument = runtime.redis, runtime.instrument
    backlog, publisher = TracedBacklog(redis), TracedPublisher(redis, instrument)
    return replace(
        runtime,
        backlog=backlog,
        publisher=publisher,
        pushes=TracedPushPublisher(redis, publisher, backlog, instrument),
        marketplace=TracedMarketplace(runtime.marketplace),
    )
