"""Log what is worth a line of what happens: the ends of drains, and what went wrong."""

import structlog

from shopstream.redis.keys import WALKS
from worker.instrumentation.instrument import Instrument, RedisUser, Settled

_DRAINED = {"products": "drained", "stock": "stock_drained"}


class LogInstrument(Instrument):
    """The backend of the logs. A failure that stays the same is one line."""

    def __init__(self) -> None:
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("worker")

    def report_fenced(self, kind: str, shop: str, fence: int) -> None:
        """Log by whose number the drain or walk ran."""
        if kind in WALKS:
            self._log.warning("walk_fenced", shop=shop, walk=kind)
        else:
            self._log.warning("drain_fenced", shop=shop, fence=fence)

    def report_settled(self, settled: Settled) -> None:
        """Log the end of a drain with its figures."""
        self._log.info(
            _DRAINED[settled.kind], shop=settled.shop, claimed=settled.claimed, calls=settled.calls,
            throttled=settled.throttled, events=settled.events, changed=settled.changed, unchanged=settled.unchanged,
            dead=settled.dead, back=settled.back, ms=int(settled.seconds * 1000),
        )  # fmt: skip

    def report_mistake(self, shop: str, product: str, mistake: Exception) -> None:
        """Log the mistake with its traceback."""
        self._log.error("publish_failed", shop=shop, product=product, exc_info=mistake)

    def report_redis_failure(self, where: RedisUser, error: str, *, again: bool, reason: str = "") -> None:
        """Log a failure that is another one than before."""
        if not again:
            self._log.warning(f"{where}_failed", error=error, **({"reason": reason} if reason else {}))

    def report_doorbell_restart(self, error: str) -> None:
        """Log that arq begins anew."""
        self._log.warning("doorbell_restarted", error=error)
