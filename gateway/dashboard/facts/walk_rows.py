"""Show a shop's syncs: the running one and the last of each kind, with completeness and drift."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from shopstream.glance.phrases import write_age, write_length, write_when
from shopstream.glance.shop_glance import ShopGlance
from shopstream.glance.wording import NONE, write_number
from shopstream.redis.keys import WALKS

NAMES: Final = {"delta": "changes", "full": "everything", "poll": "stock"}
"""The part of the shop that each kind of sync reads."""
_PHASES: Final = {"sweep": "looks for deletions"}


class WalkRecord(msgspec.Struct):
    """The part of a sync's checkpoint or summary that is shown. `worker/walks/checkpoint.py` stores it."""

    kind: str
    started_ms: int
    phase: str = "list"
    initial: bool = False
    expected: int | None = None
    products: int = 0
    changed: int = 0
    calls: int = 0
    drift: int = 0
    failed: int = 0
    complete: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WalkRow:
    """One sync as a row of the table.

    Attributes:
        kind: the part of the shop that it reads.
        tone: `run`, `done`, or `late` for an incomplete one.
        when: its begin in words.
        products: products that it has listed, of those that it expects.
        changed: products that had changed.
        calls: its calls of TikTok.
        drift: changes that nothing had announced; None while it runs.
        end: the forecast of its end, or its outcome.
    """

    kind: str
    tone: str
    when: str
    products: str
    changed: str
    calls: str
    drift: int | None
    end: str


def fields() -> list[str]:
    """Name the fields of the hash of walks that rows are made of, in the order of `read_rows`."""
    return [f"{part}:{walk}" for part in ("at", "done") for walk in WALKS]


def read_rows(stored: Mapping[str, bytes | None], now_ms: int) -> list[WalkRow]:
    """Read the rows from the fields of the hash: running syncs first, then the last of each kind. Skip damaged ones."""
    running = [_read(stored.get(f"at:{walk}")) for walk in WALKS]
    ended = [_read(stored.get(f"done:{walk}")) for walk in WALKS]
    rows = [_show(record, now_ms, runs=True) for record in running if record is not None]
    newest = sorted((record for record in ended if record is not None), key=lambda record: -record.started_ms)
    return rows + [_show(record, now_ms, runs=False) for record in newest]


def describe_next(glance: ShopGlance, now_ms: int) -> str:
    """Describe the next syncs by themselves, the first one first."""
    moments = {"changes": glance.next_delta_ms, "everything": glance.next_full_ms, "stock": glance.next_poll_ms}
    planned = sorted((moment, kind) for kind, moment in moments.items() if moment)
    words = (f"{kind} {_write_next(moment, now_ms)}" for moment, kind in planned)
    return ", ".join(words) or "none is planned"


def _write_next(moment_ms: int, now_ms: int) -> str:
    left = (moment_ms - now_ms) / 1000
    return f"in {write_length(left)}" if left > 0 else "now"


def _read(stored: bytes | None) -> WalkRecord | None:
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=WalkRecord)
    except msgspec.MsgspecError:
        return None  # another version's, or damaged


def _show(record: WalkRecord, now_ms: int, *, runs: bool) -> WalkRow:
    expected = f" of {write_number(record.expected)}" if runs and record.expected else ""
    return WalkRow(
        kind=NAMES.get(record.kind, record.kind),
        tone="run" if runs else "done" if record.complete else "late",
        when=f"{'runs since' if runs else 'began'} {write_when(record.started_ms, now_ms)}",
        products=f"{write_number(record.products)}{expected}",
        changed=write_number(record.changed),
        calls=write_number(record.calls),
        drift=None if runs else record.drift,
        end=_forecast_end(record, now_ms) if runs else _describe_outcome(record),
    )


def _forecast_end(record: WalkRecord, now_ms: int) -> str:
    if record.phase in _PHASES:
        return _PHASES[record.phase]
    seconds = (now_ms - record.started_ms) / 1000
    if not record.expected or not record.products or seconds <= 0:
        return f"for {write_age(record.started_ms, now_ms)}" if seconds > 0 else NONE
    left = max(0, record.expected - record.products) * seconds / record.products
    return f"{write_length(left)} left"


def _describe_outcome(record: WalkRecord) -> str:
    failed = f"; {write_number(record.failed)} failed" if record.failed else ""
    first = ", the first load" if record.initial else ""
    if record.complete:
        return f"complete{first}{failed}"
    return f"incomplete: {record.reason or 'the reason is not known'}{failed}"
