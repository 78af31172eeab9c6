"""Memory and cores for a number of shops, from what was measured: `python -m benchmarks.sizing 300 2000 1`.

The arguments are shops, SKUs of each, and changes of a SKU a day. The tables of docs/size.md are made here, of
docs/performance/size.json and state.json, which `make bench` writes. Only the assumptions are chosen.
`benchmarks/scaling.py` has the same formulas beyond one Redis.
"""

import sys
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Final

from benchmarks.measured import FOLDER, SYNCS_A_DAY, Constants, read_constants, read_rows

PAGE: Final = Path("docs/size.md")
BEGIN: Final = "<!-- the table, by make bench ONLY=size -->"
END: Final = "<!-- end of the table -->"
GB: Final = 1e9
DAY: Final = 86_400
SKUS_A_PRODUCT: Final = 4.0
"""Assumed: more SKUs in one product take less memory each."""
ROOM: Final = 0.7
"""The part of `maxmemory` that is planned for. Workers stop claiming at 0.85."""
COPY: Final = 1.5
"""Memory of the machine, of `maxmemory`: while Redis rewrites its append-only file, it copies what changes."""
PEAK: Final = 5.0
"""Changes a second at peak, of the day's average."""
CORE: Final = 0.5
"""The part of a core that is planned for."""
CALLS_A_SYNC: Final = 2
"""Of an incremental or full sync, beside the pages."""
PAGE_OF_PRODUCTS: Final = 100
"""Products of a call, of a stock sync or a full one."""


@dataclass(frozen=True)
class Deployment:
    """A deployment: shops, SKUs of each, changes of a SKU a day, and hours for which events are kept.

    `load_days` are the days within which its shops come.
    """

    shops: int
    skus: int
    changes: float
    hours: float = 24
    load_days: float = 1

    @property
    def all_skus(self) -> int:
        """Give the SKUs of all shops."""
        return self.shops * self.skus

    @property
    def changes_a_day(self) -> float:
        """Give the changes of all SKUs a day."""
        return self.all_skus * self.changes


@dataclass(frozen=True)
class Size:
    """What a deployment takes: GB, entries of the stock stream, cores at peak, and calls to TikTok a second."""

    state: float
    events: float
    others: float
    first_load: float
    entries: float
    worker: float
    redis: float
    calls: float

    @property
    def maxmemory(self) -> float:
        """Give the GB of `maxmemory`: what is kept and a first load, with room."""
        return (self.state + self.events + self.others + self.first_load) / ROOM

    @property
    def machine(self) -> float:
        """Give the GB of Redis's machine."""
        return COPY * self.maxmemory


def estimate(constants: Constants, given: Deployment) -> Size:
    """Estimate what a deployment takes."""
    products = given.all_skus / SKUS_A_PRODUCT
    changes, days = given.changes_a_day, given.hours / 24
    first = given.all_skus * constants.first_event + products * constants.product_event
    worker, redis = (_estimate_cores(constants, given, side) for side in (0, 1))
    return Size(
        state=(products * constants.own_product + given.all_skus * constants.own_sku) / GB,
        events=days
        * (changes * constants.stock_event + given.shops * _count_synced(given) * constants.shop_event)
        / GB,
        others=given.shops * constants.shop / GB,
        first_load=first * min(1.0, days / given.load_days) / GB,
        entries=days * changes,
        worker=worker,
        redis=redis,
        calls=(changes + given.shops * CALLS_A_SYNC * 25 + products / PAGE_OF_PRODUCTS * 5) / DAY,
    )


def _estimate_cores(constants: Constants, given: Deployment, side: int) -> float:
    """Estimate the cores at peak of the workers, side 0, or of Redis, side 1."""
    products = given.all_skus / SKUS_A_PRODUCT / given.shops
    of_syncs = sum(often * constants.sync_ms[name][side].at(products) for name, often in SYNCS_A_DAY.items())
    of_changes = PEAK * given.changes_a_day * constants.changed_ms[side]
    return ((of_changes + given.shops * of_syncs) / DAY + constants.idle_ms[side]) / 1e3 / CORE


def _count_synced(given: Deployment) -> float:
    """Count the events `shop.synced` of a shop a day: an incremental sync that finds nothing has none."""
    often = SYNCS_A_DAY["incremental"]
    finds = often * (1 - exp(-given.skus * given.changes / often))
    return finds + SYNCS_A_DAY["stock"] + SYNCS_A_DAY["full"]


def filled(page: str, folder: Path = FOLDER) -> str:
    """Put the tables into the page between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    constants = read_constants(folder)
    return f"{before}{BEGIN}\n{tables(constants)}\n{check(folder, constants)}\n{END}{after}"


def write_page(folder: Path) -> None:
    """Write the tables of docs/size.md, if these are the figures that are kept."""
    if folder == FOLDER:
        PAGE.write_text(filled(PAGE.read_text(), folder))


def tables(constants: Constants) -> str:
    """Write what was measured, and the examples, in Markdown."""
    small, middling, large = (
        Deployment(30, 2_000, 2), Deployment(1_000, 1_000, 1), Deployment(10_000, 1_000, 1),
    )  # fmt: skip
    return "\n".join([*_measured(constants), *_examples(constants, (small, middling, large)), ""])


def check(folder: Path, constants: Constants) -> str:
    """Compare the formulas with the whole memory of the largest system that was measured, in a sentence."""
    row = read_rows(folder / "size.json")["bytes in Redis after a first load"][-1]
    products, skus = row["products"], row["skus"]
    guess = (
        products * (row["state_of_a_product"] + constants.product_event)
        + skus * (row["state_of_a_sku"] + constants.first_event)
        + row["shops"] * row["other_keys_of_a_shop"]
    )
    return (
        f"The largest system that was measured, {products:,} products with {skus:,} SKUs just after their first load, "
        f"took\n{row['mib_in_all']:.0f} MiB in all. The formulas give {guess / 2**20:.0f} MiB.\n"
    )


def _measured(constants: Constants) -> list[str]:
    rows = [
        ("the state of a product of the sandbox's, compressed, without its SKUs", f"{constants.product:,.0f} bytes"),
        ("the state of a SKU of it", f"{constants.sku:,.0f} bytes"),
        ("the state of a product whose texts are its own, without its SKUs", f"{constants.own_product:,.0f} bytes"),
        ("the state of a SKU of it", f"{constants.own_sku:,.0f} bytes"),
        (
            "an event of the stream `stock`: in a first load, of a change",
            f"{constants.first_event:,.0f}, {constants.stock_event:,.0f} bytes",
        ),
        ("an event of the stream `products`", f"{constants.product_event:,.0f} bytes"),
        ("an event of the stream `shops`", f"{constants.shop_event:,.0f} bytes"),
        ("all other keys of a shop", f"{constants.shop:,.0f} bytes"),
        ("a changed product, fetched at 10 calls a second and shop: worker, Redis", _pair(constants.changed_ms)),
        ("a worker without work, a second: worker, Redis", _pair(constants.idle_ms)),
    ]
    for name, sides in constants.sync_ms.items():
        part = " and ".join(
            f"{side.of_shop:.1f} ms + {1e3 * max(0.0, side.of_product):.0f} µs a product" for side in sides
        )
        rows.append((f"a sync that finds nothing, {name}: worker and Redis", part))
    return ["", "| measured | CPU or memory |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _pair(both: tuple[float, float]) -> str:
    return ", ".join(f"{one:.2f} ms" for one in both)


def _examples(constants: Constants, given: tuple[Deployment, ...]) -> list[str]:
    sizes = [estimate(constants, one) for one in given]
    rows = {
        "SKUs": [f"{one.all_skus:,}" for one in given],
        "changes a SKU and day": [f"{one.changes:g}" for one in given],
        "events kept, hours": [f"{one.hours:g}" for one in given],
        "state, GB": [_gb(one.state) for one in sizes],
        "events, GB": [_gb(one.events) for one in sizes],
        "events of the first load, GB": [_gb(one.first_load) for one in sizes],
        "other keys, GB": [_gb(one.others) for one in sizes],
        "**`maxmemory`, GB**": [f"**{_gb(one.maxmemory)}**" for one in sizes],
        "memory of Redis's machine, GB": [_gb(one.machine) for one in sizes],
        "entries of `stock`, for the cap": [f"{one.entries:,.0f}" for one in sizes],
        "cores of workers, at peak": [f"{one.worker:.2f}" for one in sizes],
        "cores of Redis, at peak": [f"{one.redis:.2f}" for one in sizes],
        "calls to TikTok a second": [f"{one.calls:,.1f}" for one in sizes],
    }
    head = " | ".join(f"{one.shops:,} shops" for one in given)
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return ["", f"| | {head} |", f"|---|{'---|' * len(given)}", *lines]


def _gb(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def main(arguments: list[str]) -> None:
    """Print the example of one's own: shops, SKUs of each, changes of a SKU a day, and perhaps hours."""
    shops, skus, *more = arguments
    numbers = [float(one) for one in more] or [1.0]
    given = Deployment(int(shops), int(skus), *numbers)
    print("\n".join(_examples(read_constants(), (given,))[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
