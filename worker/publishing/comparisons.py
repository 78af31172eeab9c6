"""Tell of each answer what came of it: found out afterwards, and only for a backend that wants it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shopstream import events
from worker.instrumentation.instrument import Instrument, Verdict
from worker.publishing.counts import Counts
from worker.publishing.publish_entries import Stored, outcome
from worker.publishing.seen import Seen, Target

_LETTER = events.DEAD_LETTER.removeprefix(events.NAMESPACE)


def tell(
    instrument: Instrument, target: Target, answers: Iterable[tuple[Seen, Any]], counts: Counts, now_ms: int
) -> None:
    """Tell what came of answers that were settled as `counts` says.

    Args:
        instrument: is told.
        target: the shop.
        answers: each with what compare.lua said of it.
        counts: of all of them together.
        now_ms: on Redis's clock, when they were compared.
    """
    unordered = {id(seen) for seen in counts.unordered}
    broken = {asked for asked, _ in counts.broken}
    types = {change.product_id: change.types for change in counts.found}
    for seen, compared in answers:
        if seen.asked and seen.asked in broken:
            continue  # `publish_failed` tells of it
        found = types.get(seen.product_id, ())
        verdict: Verdict = "unchanged"
        if id(seen) in unordered:
            verdict = "out_of_order"
        elif compared == b"stale" or seen.product_id in counts.again:
            verdict = "stale"
        elif found:
            verdict = "given_up" if found == (_LETTER,) else "published"
        elif compared != b"" and _suppressed(instrument, target, seen, compared, now_ms):
            verdict = "suppressed_by_setting"
        instrument.report_comparison(target.shop, seen.product_id, verdict, len(found) if verdict == "published" else 0)


def _suppressed(
    instrument: Instrument, target: Target, seen: Seen, compared: tuple[bytes, Stored], now_ms: int
) -> bool:
    """Tell whether an answer would have brought events if all were wanted of the shop."""
    if target.settings.publish == "products":
        return False
    everything = replace(target, settings=replace(target.settings, publish="products"))
    try:
        return bool(outcome(everything, seen, *compared, now_ms).entry.drafts)
    except Exception as mistake:  # noqa: BLE001 - a log line must not stop what it tells of: reported instead
        instrument.report_mistake(target.shop, seen.product_id, mistake)
        return False
