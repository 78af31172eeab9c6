"""The constants of docs/size.md and docs/scale.md, read from what `make bench` measured: size.json and state.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any, Final

import orjson

FOLDER: Final = Path("docs/performance")
SYNCS_A_DAY: Final = {"incremental": 24, "stock": 4, "full": 1}
"""By the default intervals."""


@dataclass(frozen=True)
class Constants:
    """What was measured. Bytes in Redis; CPU in ms, as worker and Redis, with a part a shop and a part a product.

    Attributes:
        product: the state of a product of the sandbox's, without its SKUs; a `sku` is a SKU of it.
        own_product: the same of a product whose texts are its own; an `own_sku` is a SKU of it. Measured after a first
            load, and made larger as those of the sandbox's are by stock syncs.
        shop: all other keys of a shop.
        first_event: the event of a SKU in a first load; a `stock_event` is one of a changed SKU.
    """

    product: float
    sku: float
    own_product: float
    own_sku: float
    shop: float
    first_event: float
    stock_event: float
    product_event: float
    shop_event: float
    changed_ms: tuple[float, float]
    idle_ms: tuple[float, float]
    sync_ms: dict[str, tuple["Line", "Line"]]


@dataclass(frozen=True)
class Line:
    """A cost that grows with the products of a shop."""

    of_shop: float
    of_product: float

    def at(self, products: float) -> float:
        """Give the cost for a shop of so many products."""
        return max(0.0, self.of_shop) + max(0.0, self.of_product) * products


def read_constants(folder: Path = FOLDER) -> Constants:
    """Read what was measured: of several sizes the mean, or the line through them."""
    rows = read_rows(folder / "size.json")
    load, late = rows["bytes in Redis after a first load"], rows["bytes in Redis after syncs of each kind"]
    (changed,) = (rows[name][0] for name in rows if name.startswith("a changed product, at"))
    own_product, own_sku = _read_own(folder)
    (product, more_product), (sku, more_sku) = (
        (_average(late, name), _average(late, name) / _average(load, name))
        for name in ("state_of_a_product", "state_of_a_sku")
    )
    return Constants(
        product=product, sku=sku, own_product=own_product * more_product, own_sku=own_sku * more_sku,
        shop=max(row["other_keys_of_a_shop"] for row in late), first_event=_average(load, "stock_event"),
        stock_event=changed["stock_event"], product_event=_average(load, "products_event"),
        shop_event=_average(load, "shops_event"), changed_ms=(changed["worker_cpu_ms"], changed["redis_cpu_ms"]),
        idle_ms=_read_idle(rows),
        sync_ms={
            name: (_line(rows, name, "worker_cpu_ms"), _line(rows, name, "redis_cpu_ms")) for name in SYNCS_A_DAY
        },
    )  # fmt: skip


def read_rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the rows of a record, by their scenario."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in orjson.loads(path.read_bytes())["rows"]:
        found.setdefault(row["scenario"], []).append(row)
    return found


def _read_own(folder: Path) -> tuple[float, float]:
    """Read the bytes of a product's compressed state without its SKUs and of a SKU, where all texts are its own."""
    rows = read_rows(folder / "state.json")["bytes in Redis"]
    own = [row for row in rows if row["products_are"].startswith("like TikTok") and row["form"] == "compressed"]
    of_sku, of_product = linear_regression([row["skus_a_product"] for row in own], [row["a_product"] for row in own])
    return of_product, of_sku


def _read_idle(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[float, float]:
    """Read the CPU ms a second of a worker without work, and of its Redis."""
    idle = rows["a worker without work, a second"]
    return _average(idle, "worker_cpu_ms"), _average(idle, "redis_cpu_ms")


def _average(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(mean(row[name] for row in rows))


def _line(rows: dict[str, list[dict[str, Any]]], name: str, column: str) -> Line:
    (found,) = (rows[one] for one in rows if one.startswith((f"a {name} sync", f"an {name} sync")))
    points = [(row["products_a_shop"], row[column]) for row in found]
    if len(points) < 2:
        return Line(points[0][1], 0.0)
    slope, start = linear_regression([at for at, _ in points], [cost for _, cost in points])
    return Line(max(0.0, start), max(0.0, slope))
