"""CPU of a changed product's pure part: read its state, compare, encode events and state. `make bench ONLY=outcome`.

`python -m benchmarks.costs.outcome TREE` measures another checkout of this project by turns with this one, and gives
the ratio of each pair of rounds.
"""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from redis.asyncio import Redis

from benchmarks.states.made_states import make_detail, read_detail
from shopstream.redis.keys import Partition
from shopstream.state.state_codec import StateCodec
from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.view import bodies
from worker.changes.drafts import Cause
from worker.publishing.publish_entries import Stored, outcome
from worker.publishing.seen import Seen, Target

if TYPE_CHECKING:
    from benchmarks.reporting.report import Report  # an older checkout may have it elsewhere

TARGET: Final = Target(Partition(0), "7495", "VN", "https://bench/shops/7495", seller_type="LOCAL")
_AT_MS: Final = 1_764_372_118_424
_BATCH: Final = 50
_MEASURE: Final = "--measure"
_STEPS: Final = ("read_state", "compare", "encode", "whole")
Detail = dict[str, Any]
Figures = dict[str, float]
"""µs a product by step, and events a product."""


@dataclass(frozen=True)
class Sizes:
    """Rounds of a batch of 50 products each, of which the least CPU counts, and pairs of runs in a comparison."""

    rounds: int = 60
    pairs: int = 5


SHORT: Final = Sizes(rounds=2, pairs=1)


def list_kinds() -> dict[str, list[Detail]]:
    """Make the products: those that `wire` has, and the sandbox's."""
    shop = Shop(100, _BATCH, seed=1)
    products = [product for one in shop.ids() if (product := shop.get(one))]
    return {
        "2 SKUs": [make_detail(Random(f"outcome/{number}"), 1, 2) for number in range(_BATCH)],
        "the sandbox's, 1 to 12 SKUs": [bodies.detail(shop, product) for product in products],
    }


async def run(report: "Report", sizes: Sizes = Sizes()) -> None:
    """Each kind of products, with states in both forms."""
    from config.project.optimized_python import is_optimized  # noqa: PLC0415 - as above

    for found in _list_figures(sizes):
        row = {**found, "python_optimized": is_optimized()}
        report.row("CPU of a changed product's pure part, µs", row)


def _list_figures(sizes: Sizes) -> Iterator[dict[str, Any]]:
    for name, details in list_kinds().items():
        for form in ("JSON", "compressed"):
            figures = _spend(details, sizes.rounds, compressed=form == "compressed")
            yield {"products_are": name, "state": form, **figures}


def _spend(details: Sequence[Detail], rounds: int, *, compressed: bool) -> Figures:
    """Give the least of rounds in which price and stock of each SKU change, behind a first one that makes the states.

    Other work on the machine only adds to a round.
    """
    codec = StateCodec(Redis())
    codec._in_use = codec._known[1] if compressed else None  # noqa: SLF001 - there is no Redis to ask
    kept: dict[str, tuple[bytes, Any]] = {}
    spent: list[tuple[float, ...]] = []
    events = 0
    for turn in range(rounds + 1):
        seen = [_see(_change(one, turn), turn) for one in details]
        before = [kept.get(one.product_id, (b"", b"")) for one in seen]
        gc.collect()
        gc.disable()
        moments = [time.process_time()]
        # It has nothing to wait for: the coroutine ends at once.
        states = _end(codec.decode_each([state for _, state in before]))
        moments.append(time.process_time())
        after = [
            outcome(TARGET, one, mark, cast("Stored", state), _AT_MS + turn + 1)
            for one, (mark, _), state in zip(seen, before, states, strict=True)
        ]
        moments.append(time.process_time())
        arguments = [one.entry.arguments("5f1b7c02", codec) for one in after]
        moments.append(time.process_time())
        gc.enable()
        for one, made, args in zip(seen, after, arguments, strict=True):
            kept[one.product_id] = made.entry.mark, args[4]
        steps = [1e6 * (end - begin) / len(seen) for begin, end in pairwise(moments)]
        spent.append((*steps, sum(steps)))
        events = sum(len(one.entry.drafts) for one in after)
    least = (round(min(values), 1) for values in zip(*spent[1:], strict=True))
    return {**dict(zip(_STEPS, least, strict=True)), "events": events / len(details)}


def _end(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


def _change(detail: Detail, turn: int) -> Detail:
    """Give the detail with another price and stock of each SKU."""
    price = dict.fromkeys(("sale_price", "tax_exclusive_price"), f"{turn % 9 + 1}.5")
    skus = [
        {**sku, "price": sku["price"] | price,
         "inventory": [{**row, "quantity": turn % 90 + 9} for row in sku["inventory"]]}
        for sku in detail["skus"]
    ]  # fmt: skip
    return {**detail, "skus": skus}


def _see(detail: Detail, turn: int) -> Seen:
    cause = Cause("7495", TARGET.source, "request", "bench", None, f"req-{turn}", _AT_MS + turn)
    content = read_detail(detail)
    seen = Seen(b"", detail["id"], turn + 1, cause, content)
    seen.digest(TARGET.settings)  # made before, for the comparison that finds most products unchanged
    return seen


def compare(tree: str, sizes: Sizes = Sizes(rounds=20)) -> None:
    """Print this checkout's CPU as a share of that of the checkout in the folder `tree`."""
    here = str(Path(__file__).parents[2])
    ratios: dict[str, list[float]] = {}
    for number in range(sizes.pairs):
        whole: dict[str, dict[str, float]] = {}
        for one in (here, tree) if number % 2 else (tree, here):
            whole[one] = _measure(one, sizes.rounds)
        for name, spent in whole[here].items():
            ratios.setdefault(name, []).append(spent / whole[tree][name])
    for name, found in ratios.items():
        print(f"{name}: {median(found):.2f} ({min(found):.2f} to {max(found):.2f})")


def _measure(tree: str, rounds: int) -> dict[str, float]:
    command = (sys.executable, "-P", __file__, _MEASURE, str(rounds))
    env = {**os.environ, "PYTHONPATH": tree}
    answer = subprocess.run(command, check=True, capture_output=True, cwd=tree, env=env)  # noqa: S603 - this file
    return dict(orjson.loads(answer.stdout))


def main() -> None:
    """Compare with another checkout, or measure for such a comparison."""
    if sys.argv[1] == _MEASURE:
        found = _list_figures(Sizes(rounds=int(sys.argv[2])))
        rows = [(f"{one['products_are']}, {one['state']}, {step}", one[step]) for one in found for step in _STEPS]
        sys.stdout.buffer.write(orjson.dumps(rows))
    else:
        compare(sys.argv[1])


if __name__ == "__main__":
    main()
