"""Choose the backends of a worker. Another one is a file of its own and a line here."""

from worker.instrumentation.comparison_log import ComparisonLog
from worker.instrumentation.dispatcher import dispatch
from worker.instrumentation.instrument import Instrument
from worker.instrumentation.log_instrument import LogInstrument


def build_instrument(log_level: str, *more: Instrument) -> Instrument:
    """Make the instrument of a worker whose logs begin at this level, with `more` backends beside those of all."""
    backends: list[Instrument] = [LogInstrument(), *more]
    if log_level == "debug":
        backends.append(ComparisonLog())  # only then is each comparison worked out again
    return dispatch(backends)
