"""Read all that Redis has of one product: its state and mark, its places in line, its shop and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from redis.asyncio import Redis

from shopstream.enqueue.reasons import Reason
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import AGAIN, KINDS, SKU, WALKS, Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from shopstream.state import mark_line
from shopstream.state.product_state import StoredState, StoredStock
from shopstream.state.state_codec import find_codec

View = Literal["detail", "products_search", "inventory_search"]
Pause = Literal["all", "shop"]
_VIEWS: Final[Mapping[str, View]] = {"d": "detail", "s": "products_search", "i": "inventory_search"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The SKU or its product, in a backlog or claimed by a drain.

    Attributes:
        kind: the kind of the backlog: `products` or `stock`.
        id: the id in it: a product's, `sku:ID`, or `again:ID` for a product under the oversell guard.
        in_hand: true if a drain has claimed it.
        due: the time from which it may be fetched, RFC 3339; None for at once.
        origin: the origin of the request; None for a plain request.
        cause: the cause that the request named; None if it named none.
        tries: failed attempts so far.
    """

    kind: str
    id: str
    in_hand: bool
    due: str | None
    origin: str | None
    cause: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """All that Redis has of one product, as of one moment.

    Attributes:
        at: that moment, RFC 3339, on Redis's clock.
        shop: the registry's entry of its shop.
        settings: the settings of its shop.
        mark: the product's mark; None if it was never seen.
        stored: its state; None if nothing is stored.
        waiting: its places in the backlogs.
        next_walks: the times of the shop's next walks: `delta`, `full`, `poll` → RFC 3339.
        paused: `all` or `shop` if a person paused all shops or this one, so that nothing is fetched; None if not.
    """

    at: str
    shop: Shop
    settings: ShopSettings
    mark: bytes | None
    stored: StoredState | None
    waiting: tuple[Waiting, ...]
    next_walks: Mapping[str, str]
    paused: Pause | None


async def read_facts(redis: Redis, partition: Partition, shop: str, product: str, sku: str = "") -> ProductFacts:
    """Read the facts of a product of an authorized shop, and where its SKU waits, in two round trips."""
    all_paused = await redis.exists(PAUSED)
    ids = {"products": [product], "stock": [product, AGAIN + product, *([SKU + sku] if sku else [])]}
    async with redis.pipeline(transaction=True) as pipe:
        pipe.time()
        pipe.hget(partition.registry, shop)
        pipe.hget(partition.settings, shop)
        pipe.hmget(partition.state(shop), [f"d:{product}", f"p:{product}"])
        pipe.zmscore(partition.due, [f"{walk}:{shop}" for walk in WALKS])
        for kind in KINDS:
            pipe.zmscore(partition.backlog(kind, shop), ids[kind])
            pipe.zmscore(partition.claimed(kind, shop), ids[kind])
            pipe.hmget(partition.asked(kind, shop), ids[kind])
            pipe.hmget(partition.tries(kind, shop), ids[kind])
        time, entry, settings, (mark, stored), scores, *lines = await pipe.execute()
    waiting: list[Waiting] = []
    for number, kind in enumerate(KINDS):
        waiting += _list_waiting(kind, ids[kind], *lines[4 * number : 4 * number + 4])
    own = ShopSettings.from_json(settings)
    return ProductFacts(
        at=clock.write_rfc3339(clock.convert(time)),
        shop=Shop.from_json(entry),
        settings=own,
        mark=mark,
        stored=await find_codec(redis).decode(stored),
        waiting=tuple(waiting),
        next_walks={walk: clock.write_rfc3339(int(at)) for walk, at in zip(WALKS, scores, strict=True) if at},
        paused="all" if all_paused else "shop" if own.paused else None,
    )


def read_last_look(mark: bytes | None, row: StoredStock | None) -> tuple[str | None, View | None]:
    """Return the time and the view of the last look at a SKU; None if unknown.

    The mark has the last look at the whole product. The SKU's own row has a later look at it alone.
    """
    line = mark_line.parse(mark) if mark else mark_line.MarkLine(0, 0, (), None, None)
    alone = int(row.get("seen_ms", 0)) if row else 0
    seen_ms = max(line.seen_ms, alone)
    if not seen_ms:
        return None, None
    view = "i" if alone > line.seen_ms else line.view
    return clock.write_rfc3339(seen_ms), _VIEWS.get(view)


def _list_waiting(
    kind: str, ids: Sequence[str], scores: Sequence[Any], claimed: Sequence[Any], asked: Sequence[Any],
    tries: Sequence[Any],
) -> list[Waiting]:  # fmt: skip
    """List those of `ids` that are in a backlog of a kind or claimed, by what Redis has of each."""
    found = []
    for one, score, hand, why, failed in zip(ids, scores, claimed, asked, tries, strict=True):
        if score is None and hand is None:
            continue
        reason = Reason.from_json(why)
        due = clock.write_rfc3339(int(score)) if score is not None and score > 1 else None
        found.append(
            Waiting(
                kind=kind,
                id=one,
                in_hand=hand is not None,
                due=due,
                origin=reason.origin,
                cause=reason.cause,
                tries=int(failed or 0),
            )
        )
    return found
