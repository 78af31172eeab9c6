"""Redis nodes, workers and network beyond one Redis: `python -m benchmarks.scaling 100000 1000 1 24`.

The arguments are shops, SKUs of each, changes of a SKU a day, and perhaps the hours for which events are kept. The
tables of docs/scale.md are made here, by the constants and formulas of docs/size.md. docs/performance/growth.json has
whole systems, with which the formulas are compared.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from statistics import mean
from textwrap import fill
from typing import Any, Final

from benchmarks.measured import FOLDER, Constants, read_constants, read_rows
from benchmarks.sizing import DAY, PEAK, ROOM, Deployment, Size, estimate

PAGE: Final = Path("docs/scale.md")
PARTITIONS: Final = 256
"""Of a cluster."""
NODE_GB: Final = 64.0
"""Memory of the machine of a Redis node."""
PRIMARIES_LEAST: Final = 3
"""Of a cluster: fewer can't choose a new primary."""
LOAD_DAYS: Final = 30.0
"""Days within which the shops of a large deployment come."""
CALL_BYTES: Final = 12_000
"""Of an answer of TikTok's, as a detail has."""
COPIES: Final = 3
"""Of each event on the network of Redis: from a worker, to a replica, and to one group."""
_LIMIT: Final = "first limit"
_TABLES: Final = "the tables"
_SHOPS: Final = (100, 10_000, 100_000, 1_000_000)
_SKUS: Final = 1_000


@dataclass(frozen=True)
class Purchase:
    """What to buy for a deployment: primaries and the GB of each, workers, and Mbit a second of the network at peak."""

    size: Size
    primaries: int
    node_gb: float
    entries: float
    workers: int
    from_tiktok: float
    of_redis: float


def plan(constants: Constants, given: Deployment) -> Purchase:
    """Plan what to buy. One primary is one Redis without a cluster."""
    size = estimate(constants, given)
    changes_a_second = given.changes_a_day / DAY
    primaries, node_gb = _plan_nodes(size)
    calls = size.calls + (PEAK - 1) * changes_a_second
    return Purchase(
        size=size,
        primaries=primaries,
        node_gb=node_gb,
        entries=size.entries / (1 if primaries == 1 else PARTITIONS),
        workers=max(2, ceil(size.worker)),
        from_tiktok=calls * CALL_BYTES * 8 / 1e6,
        of_redis=PEAK * changes_a_second * constants.stock_event * COPIES * 8 / 1e6,
    )


def _plan_nodes(size: Size) -> tuple[int, float]:
    """Plan the primaries and the GB of each. A partition lies whole on one of them, and the fullest one has to hold."""
    if size.machine <= NODE_GB and size.redis <= 1:
        return 1, NODE_GB
    node_gb = NODE_GB
    while node_gb < size.machine / PARTITIONS:
        node_gb *= 2
    held = min(PARTITIONS * node_gb / size.machine, PARTITIONS / size.redis, ceil(PARTITIONS / PRIMARIES_LEAST))
    return ceil(PARTITIONS / max(1, int(held))), node_gb


def find_limit(constants: Constants, changes: float, hours: float) -> float:
    """Find the SKUs with which one node is full: all that grows is linear in them."""
    given = Deployment(1_000, _SKUS, changes, hours, LOAD_DAYS)
    return given.all_skus * NODE_GB / estimate(constants, given).machine


def filled(page: str, folder: Path = FOLDER) -> str:
    """Put the first sentence and the tables between their marks."""
    constants = read_constants(folder)
    page = _put(page, _LIMIT, _write_limit(constants))
    return _put(page, _TABLES, "\n".join([*_tables(constants), *_check(constants, folder)]))


def write_page(folder: Path) -> None:
    """Write what docs/scale.md has of the figures, if these are those that are kept."""
    if folder == FOLDER:
        PAGE.write_text(filled(PAGE.read_text(), folder))


def find_errors(constants: Constants, folder: Path = FOLDER) -> list[tuple[dict[str, Any], float]]:
    """Find by how much the formulas miss each whole system that was measured: its row and the formulas' MiB."""
    rows = read_rows(folder / "growth.json")["a whole system in Redis"]
    return [(row, _foretell(constants, row)) for row in rows]


def _foretell(constants: Constants, row: dict[str, Any]) -> float:
    """Give the MiB that the formulas give for a system of the sandbox's products."""
    states = row["products"] * constants.product + row["skus"] * constants.sku
    stock = row["skus"] * constants.first_event + (row["stock_events"] - row["skus"]) * constants.stock_event
    events = row["products_events"] * constants.product_event + row["shops_events"] * constants.shop_event
    return float(row["mib_empty"] + (states + stock + events + row["shops"] * constants.shop) / 2**20)


def _put(page: str, mark: str, text: str) -> str:
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"docs/scale.md has no mark {begin}")
    return f"{before}{begin}{text}\n{end}{after}"


def _write_limit(constants: Constants) -> str:
    one, tenth = (find_limit(constants, changes, 24) for changes in (1, 0.1))
    size = estimate(constants, Deployment(_SHOPS[2], _SKUS, 1, 24, LOAD_DAYS))
    share = size.events / (size.maxmemory * ROOM)
    text = (
        f"**The first limit is Redis's memory, and {100 * share:.0f} % of it is events.** "
        f"A machine with {NODE_GB:.0f} GB is full at {_about(one)} SKUs of which each changes once a day, "
        f"or at {_about(tenth)} that change every tenth day, if events are kept for a day."
    )
    return f"{fill(text, 118)}\n"


def _about(number: float) -> str:
    """Write millions with two digits that count."""
    millions = number / 1e6
    return f"{millions:.0f} million" if millions >= 10 else f"{millions:.1f} million"


def _tables(constants: Constants) -> Iterator[str]:
    given = [Deployment(shops, _SKUS, 1, 24, 1 if shops == _SHOPS[0] else LOAD_DAYS) for shops in _SHOPS]
    yield from write_table(constants, given)
    yield "\nThe memory and the primaries, by the changes of a SKU and the time for which events are kept:\n"
    yield f"| changes a SKU and day, events kept | {' | '.join(_skus(one) for one in given)} |"
    yield f"|---|{'---|' * len(given)}"
    for changes, hours in ((1, 24), (1, 168), (0.1, 24), (0.1, 168)):
        plans = [plan(constants, replace(one, changes=changes, hours=hours)) for one in given]
        cells = [f"{_gb(one.size.maxmemory)} GB: {_write_nodes(one)}" for one in plans]
        yield f"| {changes:g}, {'a day' if hours == 24 else 'a week'} | {' | '.join(cells)} |"


def write_table(constants: Constants, given: Sequence[Deployment]) -> Iterator[str]:
    """Write what each deployment takes, and what to buy for it, in Markdown."""
    plans = [plan(constants, one) for one in given]
    sizes = [one.size for one in plans]
    rows = {
        "SKUs": [_skus(one) for one in given],
        "changes a second, on average": [_count(one.changes_a_day / DAY) for one in given],
        "calls to TikTok a second, on average": [_count(one.calls) for one in sizes],
        "states, GB": [_gb(one.state) for one in sizes],
        f"events of {given[0].hours:g} hours, GB": [_gb(one.events) for one in sizes],
        "events of shops that come, GB": [_gb(one.first_load) for one in sizes],
        "other keys, GB": [_gb(one.others) for one in sizes],
        "**`maxmemory` of all primaries, GB**": [f"**{_gb(one.maxmemory)}**" for one in sizes],
        f"**primaries with {NODE_GB:.0f} GB**, and replicas of each": [f"**{_write_nodes(one)}**" for one in plans],
        "cores of Redis in all, at peak": [f"{one.redis:.2f}" for one in sizes],
        "cores of workers, at peak": [f"{one.worker:.2f}" for one in sizes],
        "**workers**": [f"**{one.workers}**" for one in plans],
        "entries of `stock` in a partition, for the cap": [f"{one.entries:,.0f}" for one in plans],
        "Mbit/s from TikTok, at peak": [_count(one.from_tiktok) for one in plans],
        "Mbit/s of all Redis nodes, at peak": [_count(one.of_redis) for one in plans],
    }
    yield f"| | {' | '.join(f'{one.shops:,} shops' for one in given)} |"
    yield f"|---|{'---|' * len(given)}"
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def _check(constants: Constants, folder: Path) -> Iterator[str]:
    yield "\nWhole systems that were measured (`make bench ONLY=growth`), and the same by the formulas:\n"
    yield "| products | SKUs | events of `stock` | Redis's `used_memory` | by the formulas | off by |"
    yield "|---|---|---|---|---|---|"
    for row, guess in find_errors(constants, folder):
        measured = row["mib_in_all"]
        cells = [f"{row['products']:,}", f"{row['skus']:,}", f"{row['stock_events']:,}"]
        cells += [f"{measured:,.0f} MiB", f"{guess:,.0f} MiB", f"{100 * (guess / measured - 1):+.1f} %"]
        yield f"| {' | '.join(cells)} |"
    yield _check_states(folder)


def _check_states(folder: Path) -> str:
    """Compare the states of most products, after a first load, with the formulas, which know smaller systems."""
    row = max(read_rows(folder / "state.json")["bytes in Redis"], key=lambda one: int(one["products"]))
    load = read_rows(folder / "size.json")["bytes in Redis after a first load"]
    product, sku = (mean(one[name] for one in load) for name in ("state_of_a_product", "state_of_a_sku"))
    guess = product + row["skus_a_product"] * sku
    return (
        f"\nOf {row['products']:,} products that all differ (`make bench ONLY=state`) a state takes "
        f"{row['a_product']:,.0f} bytes after a first load,\nand {guess:,.0f} by the formulas.\n"
    )


def _write_nodes(planned: Purchase) -> str:
    return f"{planned.primaries}" + (f" with {planned.node_gb:.0f} GB" if planned.node_gb != NODE_GB else "")


def _skus(given: Deployment) -> str:
    return f"{given.all_skus:,}"


def _count(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _gb(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def main(arguments: Sequence[str]) -> None:
    """Print the table of one's own: shops, SKUs of each, changes of a SKU a day, and perhaps hours."""
    shops, skus, *more = arguments
    changes, hours = [*(float(one) for one in more), 24.0][:2] if more else (1.0, 24.0)
    given = Deployment(int(shops), int(skus), changes, hours, LOAD_DAYS)
    print("\n".join(write_table(read_constants(), [given])))


if __name__ == "__main__":
    main(sys.argv[1:])
