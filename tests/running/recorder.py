"""A backend that keeps all that it is told."""

from functools import partial
from typing import Any

from worker.instrumentation.dispatcher import HOOKS
from worker.instrumentation.instrument import Instrument


class Recorder(Instrument):
    """Takes in everything. `heard` is each hook's name with its arguments, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.wants_comparisons = self.wants_latencies = True
        for name in HOOKS:
            setattr(self, name, partial(self._hear, name))

    def of(self, hook: str, *first: object) -> list[tuple[Any, ...]]:
        """The arguments of each call of a hook whose first ones are these."""
        return [given for name, given in self.heard if name == hook and given[: len(first)] == first]

    def _hear(self, name: str, *given: Any, **named: Any) -> None:
        self.heard.append((name, (*given, *named.values())))
