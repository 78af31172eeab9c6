"""Choose the backends of a worker. Another one is a file of its own and a line here."""

from worker.instrumentation.comparison_log import ComparisonLog
from worker.instrumentation.dispatcher import dispatch
from worker.instrumentation.instrument import Instrument
from worker.instrumentation.log_instrument import LogInstrument
from worker.instrumentation.metrics import WorkerMetrics


def build_instrument(log_level: str, metrics: WorkerMetrics | None = None) -> Instrument:
    """Make the instrument of a worker whose logs begin at this level.

    Args:
        log_level: as in the settings.
        metrics: counts for Prometheus and for the heartbeat; None leaves them out, as a benchmark does.
    """
    backends: list[Instrument] = [LogInstrument(), *([metrics] if metrics else [])]
    if log_level == "debug":
        backends.append(ComparisonLog())  # only then is each comparison worked out again
    return dispatch(backends)
