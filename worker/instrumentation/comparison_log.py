"""Log each answer about each product, for whoever asks why nothing was published: a line a product, at level debug."""

import structlog

from worker.instrumentation.instrument import Instrument, Verdict


class ComparisonLog(Instrument):
    """The backend that logs each answer about each product: `SHOPSTREAM_LOG_LEVEL=debug` adds it."""

    def __init__(self) -> None:
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("worker")

    def report_comparison(self, shop: str, product: str, verdict: Verdict, events: int) -> None:
        """Log why nothing was published, or how much was."""
        self._log.debug("product_compared", shop=shop, product=product, verdict=verdict, events=events)
