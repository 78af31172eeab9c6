"""Know which authorizations this worker can't use, so that nothing is called for them and nothing is logged of each."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from shopstream.authorizations.findings import Finding

LEAST_SECONDS: Final = 15.0
"""Seconds at least until a piece of work of such an authorization is due again: another worker may do it."""
_A_SECOND: Final = 20
"""Such pieces that a worker puts off in a second, at most, if there are many."""


class Unusable:
    """The authorizations that this worker can't use, as last surveyed, with their shops.

    Attributes:
        findings: the reasons, with their numbers.
        met: set when a load has met one that the survey doesn't know.
        records: the token records that the last survey has read and encrypted by the first key; -1 before it.
        unreadable: those that no key opens. They are not encrypted again.
    """

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()
        self.met = asyncio.Event()
        self.records = -1
        self.unreadable = 0
        self._names: frozenset[str] = frozenset()

    @property
    def some(self) -> bool:
        """Tell whether there are such authorizations."""
        return bool(self._names)

    def replace(self, names: Collection[str], findings: Sequence[Finding]) -> None:
        """Take over what a survey has found: the ids of authorizations and of their shops."""
        self._names = frozenset(names)
        self.findings = tuple(findings)

    def note_keys(self, *, records: int, unreadable: int) -> None:
        """Note that a survey has encrypted all records that it could open by the first key."""
        self.records, self.unreadable = records, unreadable

    def meet(self, name: str) -> None:
        """Note that a load has met an authorization that can't be used."""
        if name not in self._names:
            self.met.set()

    def release(self, name: str) -> None:
        """Have an authorization used again after a new consent. The next survey, within seconds, finds its shops."""
        if self._names:
            self._names -= {name}
            self.met.set()

    def find_wait(self, name: str) -> float:
        """Find the seconds until work of a shop or authorization is due again; 0 if it can be done now."""
        return max(LEAST_SECONDS, len(self._names) / _A_SECOND) if name in self._names else 0.0
