"""The benchmark of pushed stock, in short: it runs, and nothing older follows something newer."""

import json
import math
from pathlib import Path

from benchmarks.gateway import flash_sale
from benchmarks.gateway.flash_record import Event, FlashRecord, Pushed, quantile
from benchmarks.reporting.report import Report


async def test_a_small_sale_ends_with_the_right_numbers(tmp_path: Path) -> None:
    await flash_sale.run(Report("flash", tmp_path), flash_sale.SHORT)
    rows = json.loads((tmp_path / "flash.json").read_text())["rows"]
    assert [row["pushes"] for row in rows] == [10, 80, 200]
    for row in rows:
        assert (row["older_after_newer"], row["chain_broken"], row["wrong_at_the_end"]) == (0, 0, 0)
        assert row["unanswered"] == 0
        assert row["repaired_after_s_at_most"] < math.inf


def push(units: int, *, lost: bool = False, made: float = 0) -> Pushed:
    sent = None if lost else made
    return Pushed(f"n{units}", "1", units, made, lost, sent, None if lost else 3.0, not lost)


def event(seq: int, units: int, previous: int | None, at: float, origin: str = "webhook") -> Event:
    return Event(at, "1", seq, units, previous, origin, f"n{units}")


def test_a_record_counts_what_is_broken() -> None:
    pushes = [push(9), push(8, lost=True, made=1), push(7, made=2), push(6, lost=True, made=3)]
    good = FlashRecord(pushes, [event(1, 9, 10, 0.5), event(2, 7, 9, 2.25), event(3, 6, 7, 9, "repair")])
    assert (good.count_older(), good.count_broken(), good.count_wrong()) == (0, 0, 0)
    assert (good.count_twice(), good.count_unknown()) == (0, 0)
    assert FlashRecord(pushes, good.events[:1]).count_unknown() == 1
    assert good.repairs() == [1.25, 6]
    assert good.delays_ms() == [250, 500]
    assert good.share() == 1
    assert good.count_origins() == {"webhook": 2, "repair": 1}
    assert quantile(good.delays_ms(), 0.99) == 500
    bad = FlashRecord(pushes, [event(1, 7, 10, 0.5), event(3, 9, 7, 2)])
    assert (bad.count_older(), bad.count_broken(), bad.count_wrong()) == (1, 1, 1)
    assert bad.repairs()[1] == math.inf
    twice = FlashRecord(pushes, [event(1, 9, 10, 0.5), event(2, 9, 9, 0.75)])
    assert twice.count_twice() == 1
    assert good.list_faults() == []
    assert [fault[:1] for fault in bad.list_faults()] == ["1", "1", "1", "("]
