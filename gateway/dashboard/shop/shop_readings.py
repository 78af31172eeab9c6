"""Read all that the page of a shop shows beside its glance, in one round trip."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.dashboard.facts import walk_rows
from gateway.dashboard.shop.app_rows import list_rate_fields
from gateway.door import Door
from shopstream.glance import rings
from shopstream.glance.rings import Slot
from shopstream.glance.shop_glance import ENDPOINTS, ShopGlance
from shopstream.redis import clock
from shopstream.registry.settings import ShopSettings


class ShopReadings(NamedTuple):
    """The facts of a shop that its glance doesn't have.

    Attributes:
        now_ms: the moment of the reading, in ms of Redis's clock.
        history: the last 24 h of each endpoint, by its name.
        walks: the fields of the hash of its syncs, by name.
        token_end: Unix seconds of the end of its access token; None if that is not known.
        settings: its settings.
        rates: the learnt calls a second of its apps by their fields, where it has several.
    """

    now_ms: int
    history: Mapping[str, list[Slot]]
    walks: Mapping[str, bytes | None]
    token_end: int | None
    settings: ShopSettings
    rates: Mapping[str, float]


async def read_shop_keys(door: Door, glance: ShopGlance) -> ShopReadings:
    """Read the facts of the shop of a glance."""
    home = await door.partitions.find(glance.shop_id)
    authorization = glance.entry["authorization"]
    tokens = await door.partitions.find(authorization)
    fields, rated = walk_rows.fields(), list_rate_fields(glance)
    async with door.redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hmget(home.ring(glance.shop_id), list(ENDPOINTS))
        pipe.hmget(home.walk(glance.shop_id), fields)
        pipe.hget(tokens.token_ends, authorization)
        pipe.hget(home.settings, glance.shop_id)
        if rated:
            pipe.hmget(home.pace(glance.shop_id), rated)
        time, stored, walks, token_end, settings, *rates = await pipe.execute()
    now_ms = clock.convert(time)
    return ShopReadings(
        now_ms=now_ms,
        history={
            name: rings.read_ring(one, rings.endpoint_ring(name), now_ms)
            for name, one in zip(ENDPOINTS, stored, strict=True)
        },
        walks=dict(zip(fields, walks, strict=True)),
        token_end=int(token_end) if token_end and token_end.isdigit() else None,
        settings=ShopSettings.from_json(settings),
        rates={name: float(rate) for name, rate in zip(rated, *rates, strict=True) if rate} if rates else {},
    )
