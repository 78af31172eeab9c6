"""Hand on what happens to several backends, each of which takes in what it wants."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from worker.instrumentation.instrument import SILENT, Instrument

HOOKS: Final = tuple(name for name, one in vars(Instrument).items() if callable(one) and not name.startswith("_"))
Hook = Callable[..., None]


def dispatch(backends: Sequence[Instrument]) -> Instrument:
    """Make one instrument of some backends. Without any it costs an empty call a hook."""
    return _Dispatcher(backends) if backends else SILENT


class _Dispatcher(Instrument):
    """A hook that no backend takes stays the empty one."""

    def __init__(self, backends: Sequence[Instrument]) -> None:
        for name in HOOKS:
            takers = [getattr(one, name) for one in backends if _takes(one, name)]
            if takers:
                setattr(self, name, _hand_on(name, takers))
        self.wants_comparisons = "report_comparison" in vars(self)
        self.wants_latencies = "report_latencies" in vars(self)


def _takes(backend: Instrument, name: str) -> bool:
    """Tell whether a backend has a hook of its own, in its class or set on the instance."""
    return getattr(getattr(backend, name), "__func__", None) is not getattr(Instrument, name)


def _hand_on(name: str, takers: Sequence[Hook]) -> Hook:
    """Make the hook that calls all its takers. A mistake of each is logged once, and never the work's trouble."""
    broken = set[Hook]()

    def hand_on(*details: Any, **more: Any) -> None:
        for take in takers:
            try:
                take(*details, **more)
            except Exception:  # noqa: BLE001 - a backend may raise anything: it must not stop the work
                if take not in broken:
                    broken.add(take)
                    structlog.get_logger("worker.instrumentation").exception("instrument_failed", hook=name)

    return hand_on
