"""Say in one line which authorizations a worker can't use, how many shops that concerns, and the act that ends it.

Workers log the line. `shopstream status`, `shopstream doctor` and the dashboard show it, from the workers' heartbeats.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

FindingKind = Literal["other_app", "other_host", "no_key", "moved"]
"""`other_app`: its tokens belong to another app. `other_host`: to another host of TikTok's, or to a sandbox.
`no_key`: no token key opens its record. `moved`: its record was sealed for another authorization."""
_REMEDIES: Final[Mapping[FindingKind, str]] = {
    "other_app": "set SHOPSTREAM_APP_KEY and SHOPSTREAM_APP_SECRET of that app again, or add it to SHOPSTREAM_APPS,"
    " or have the sellers consent to this app",
    "other_host": "set SHOPSTREAM_API_URL and SHOPSTREAM_AUTH_URL of that host, or is SHOPSTREAM_REDIS_URL another"
    " environment's? If TikTok has renamed a host: shopstream shops adopt",
    "no_key": "put the key that sealed them into SHOPSTREAM_TOKEN_KEYS again, behind the first; was a key dropped too"
    " early?",
    "moved": "somebody has moved token records in Redis: import a backup, or have the sellers consent again",
}


class Finding(NamedTuple):
    """Authorizations that a worker can't use, for one reason. No call is made for them, and nothing is deleted.

    Attributes:
        kind: the reason.
        theirs: the app key or the URL that the authorizations belong to; "" where that is not the reason.
        ours: the same of the worker.
        authorizations: their number.
        shops: the number of their shops.
        stopped: the number of those that no other consent works for; -1 from a worker of an older version.
    """

    kind: FindingKind
    theirs: str
    ours: str
    authorizations: int
    shops: int
    stopped: int = -1

    @property
    def is_left_out(self) -> bool:
        """Tell whether it is an app that was taken out, and all its shops go on by others: nobody is needed."""
        return self.kind == "other_app" and self.shops > 0 and not self.stopped

    @property
    def title(self) -> str:
        """Say what it is, and how many shops it concerns."""
        shops = f"{self.shops} shop" if self.shops == 1 else f"{self.shops} shops"
        have, belong = ("has", "belongs") if self.shops == 1 else ("have", "belong")
        match self.kind:
            case "other_app":
                return f"{shops} {belong} to app {self.theirs}, and the worker has app {self.ours}"
            case "other_host":
                return f"{shops} {have} the consent from {self.theirs}, and the worker calls {self.ours}"
            case "no_key":
                return f"no key of SHOPSTREAM_TOKEN_KEYS opens the tokens of {shops}"
            case "moved":
                return f"the tokens of {shops} are sealed for another authorization"

    @property
    def remedy(self) -> str:
        """Say what ends it."""
        return _REMEDIES[self.kind]


_LENGTHS: Final = (len(Finding._fields) - 1, len(Finding._fields))
"""Older workers don't tell the stopped shops."""


def read_findings(stored: object) -> tuple[Finding, ...]:
    """Read the findings of a heartbeat. Those of a newer version in another form are left out."""
    rows: Sequence[Any] = stored if isinstance(stored, list) else ()
    return tuple(
        Finding(*row)
        for row in rows
        if isinstance(row, list) and len(row) in _LENGTHS and row[0] in get_args(FindingKind)
    )


def merge_findings(of_workers: Iterable[Sequence[Finding]]) -> list[tuple[Finding, int]]:
    """Merge the findings of all workers. Give each once, as the worker with the most shops has it, with its workers."""
    merged: dict[tuple[str, str, str], tuple[Finding, int]] = {}
    for findings in of_workers:
        for one in findings:
            before, number = merged.get(one[:3], (one, 0))
            merged[one[:3]] = (max(before, one, key=lambda each: (each.shops, each.stopped)), number + 1)
    return list(merged.values())
