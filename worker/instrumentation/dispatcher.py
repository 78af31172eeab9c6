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
        self.wants_comparisons = any(backend.wants_comparisons for backend in backends)
        self.wants_latencies = any(backend.wants_latencies for backend in backends)
        for name in HOOKS:
            empty = getattr(Instrument, name)
            takers = [getattr(one, name) for one in backends if getattr(type(one), name) is not empty]
            if takers:
                setattr(self, name, _hand_on(name, takers))


def _hand_on(name: str, takers: Sequence[Hook]) -> Hook:
    """Make the hook that calls all its takers. A mistake of theirs is logged once, and never the work's trouble."""
    broken = set[Hook]()

    def hand_on(*details: Any, **more: Any) -> None:
        for take in takers:
            try:
                take(*details, **more)
            except Exception:  # noqa: BLE001 - whatever a backend does wrong
                if take not in broken:
                    broken.add(take)
                    structlog.get_logger("worker.instrumentation").exception("instrument_failed", hook=name)

    return hand_on
