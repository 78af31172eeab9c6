"""The oversell guard: products that sell fast are put into the shop's stock backlog, to be looked at again in time."""

from collections.abc import Iterable
from dataclasses import dataclass

from redis.asyncio import Redis

from shopstream.enqueue.backlog import enqueue
from shopstream.enqueue.reasons import Reason
from shopstream.redis.keys import AGAIN, Partition
from shopstream.registry.settings import DEFAULT, ShopSettings
from worker.changes import velocity
from worker.changes.drafts import Draft, read_stock_change

KIND = "stock"


@dataclass(frozen=True, slots=True)
class Look:
    """A product to be looked at again.

    Attributes:
        product_id: which.
        wait_ms: how long after it was seen to sell.
        seen_ms: when that was, on Redis's clock.
        cause: `guard-SKU-SEQ`, naming the change that asks for it: the `causationid` of what it finds.
    """

    product_id: str
    wait_ms: int
    seen_ms: int
    cause: str

    @property
    def at_ms(self) -> int:
        """The time of the look, in ms on Redis's clock."""
        return velocity.moment(self.seen_ms, self.wait_ms)

    def to_json(self) -> bytes:
        """The reason that is kept beside the id."""
        return Reason(origin="stock_poll", cause=self.cause, wait_ms=self.wait_ms).to_json()


def longest_ms(settings: ShopSettings) -> int:
    """A look that is further away than this would only be one more poll."""
    return 1000 * (settings.stock_interval or DEFAULT.stock_interval)


def after(product_id: str, drafts: Iterable[Draft], seen_ms: int, settings: ShopSettings) -> Look | None:
    """The look that a product's events ask for: that of its SKU which is sold out first."""
    if not settings.guard:
        return None
    looks = [
        Look(product_id, wait, seen_ms, f"guard-{change['sku_id']}-{draft.seq}")
        for draft in drafts
        if (change := read_stock_change(draft)) is not None
        and (wait := velocity.wait_ms(change, longest_ms(settings))) is not None
    ]
    return min(looks, key=lambda look: look.wait_ms, default=None)


def later(product_id: str, why: bytes, now_ms: int, settings: ShopSettings) -> Look | None:
    """The look after one that found nothing sold: twice as far away, until the next poll is nearer."""
    reason = Reason.from_json(why)
    wait_ms = 2 * reason.wait_ms
    if not settings.guard or not wait_ms or reason.cause is None or wait_ms >= longest_ms(settings):
        return None
    return Look(product_id, wait_ms, now_ms, reason.cause)


async def put(redis: Redis, partition: Partition, shop: str, looks: Iterable[Look]) -> None:
    """Have the products looked at. A look that comes sooner stays. Without any, send nothing."""
    wanted = {AGAIN + look.product_id: look for look in looks}
    moments = {name: look.at_ms for name, look in wanted.items()}
    reasons = {name: look.to_json() for name, look in wanted.items()}
    await enqueue(redis, partition, KIND, shop, moments, reasons, wake=False)
