"""Pushes of stock (type 68) as TikTok sends them, signed, to the gateway's process while something is measured."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson

from benchmarks.real.upstream import rising_stock
from benchmarks.wire import body
from tests.gateway.process import Gateway, gateway, push, sign

PUSHED: Final = 5_000
"""The number, within its shop, of the product whose stock is pushed. Nothing else asks for it."""
_UNITS: Final = ("total_quantity", "total_available_quantity", "in_shop_quantity")
_NONE: Final = ("total_committed_quantity", "campaign_locked_quantity", "creator_locked_quantity")


def pushed_product(shop: int) -> str:
    """Give the id of the product of a shop whose stock is pushed."""
    return body.product_ids(shop, PUSHED + 1)[PUSHED]


@dataclass
class Pusher:
    """Pushes to a gateway, each of another shop, of stock that rises. A push in doubt is followed by a search."""

    door: Gateway
    key: str
    secret: str
    shops: Sequence[str]
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def pushing(self, a_second: float) -> AsyncIterator[None]:
        """Push so many a second while inside."""
        task = asyncio.create_task(self._push_steadily(1 / a_second)) if a_second else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _push_steadily(self, pause: float) -> None:
        clock = asyncio.get_running_loop().time
        for due in itertools.count(clock(), pause):
            await asyncio.sleep(max(0.0, due - clock()))
            await self.push_one()

    async def push_one(self) -> None:
        """Push the stock of the next shop's product."""
        number = next(self._numbers)
        shop = number % len(self.shops)
        product, moment = pushed_product(shop), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        units = dict.fromkeys(_UNITS, rising_stock()) | dict.fromkeys(_NONE, 0)
        step = {"idempotency_key": str(number), "trigger_source": "manual_adjustment", "occurred_at": moment}
        data = {
            "event_id": str(number), "occurred_at": moment, "product_id": product, "sku_id": f"1730{product[4:]}",
            "quantity_snapshot_after_change": units, "change_detail": [step],
        }  # fmt: skip
        raw = orjson.dumps(push(68, data, shop_id=self.shops[shop]))
        assert await self.door.post(raw, sign(raw, self.secret, self.key)) == 200


@asynccontextmanager
async def pusher(redis_url: str, key: str, secret: str, shops: Sequence[str]) -> AsyncIterator[Pusher]:
    """Start a gateway, and give what pushes to it."""
    app = {"SHOPSTREAM_APP_KEY": key, "SHOPSTREAM_APP_SECRET": secret}
    async with gateway(redis_url, **app) as door:
        yield Pusher(door, key, secret, shops)
