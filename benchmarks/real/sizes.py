"""How much of each is done: the loads that a worker is put under, and the turns of all designs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.wire import body


@dataclass(frozen=True)
class Load:
    """Work for a worker.

    Attributes:
        rate: calls a second that TikTok allows each shop.
        shops: those that have work, all at once.
        products: of each of them.
        pushes: of stock, a second, in all.
    """

    rate: int
    shops: int
    products: int
    pushes: float

    @property
    def calls(self) -> int:
        """Give the calls that it makes."""
        return self.shops * self.products


@dataclass(frozen=True)
class Sizes:
    """What a run does.

    Attributes:
        rounds: turns of each; medians are reported.
        products: of each other design in a round.
        shops: all that are authorized.
        full: the load at which the worker's core is full.
        quotas: loads of about 400 calls a second in all, which a loaded core of two carries.
        median: seconds that half of TikTok's answers take at most.
        times: how many times as many calls other designs have under way as for answers after 20 ms.
    """

    rounds: int
    products: Mapping[str, int]
    shops: int
    full: Load
    quotas: Sequence[Load]
    median: float
    times: int

    @property
    def loads(self) -> list[Load]:
        """Give all loads."""
        return [self.full, *self.quotas]

    def known(self, shop: int) -> list[str]:
        """Give the products of a shop that any load asks for."""
        return body.product_ids(shop, max((load.products for load in self.loads if shop < load.shops), default=0))


FULL: Final = Sizes(
    rounds=5,
    products={
        "seed": 40, "threads": 2_500, "arq_one": 2_500, "saq_one": 2_500, "taskiq_one": 2_500, "bare": 8_000,
    },
    shops=300,
    full=Load(50, 300, 28, 20),
    quotas=(Load(5, 80, 50, 20), Load(20, 20, 200, 20), Load(50, 8, 500, 20)),
    median=0.15,
    times=4,
)  # fmt: skip
SHORT: Final = Sizes(
    rounds=1,
    products={"bare": 60},
    shops=4,
    full=Load(50, 4, 20, 10),
    quotas=(Load(20, 2, 20, 10),),
    median=0.02,
    times=1,
)
