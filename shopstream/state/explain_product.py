"""Explain a product: its state and last look, its places in line, its dead letters, and the groups' standing.

The explanation writes nothing and makes no call to TikTok.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from shopstream.errors import UnknownProduct
from shopstream.events import Event
from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.registry.shop import Shop
from shopstream.registry.shop_entries import check_authorized
from shopstream.state.explain import find_events
from shopstream.state.product_facts import Pause, View, Waiting, read_facts, read_last_look
from shopstream.state.product_state import ProductState, product_state
from shopstream.state.readers import Reader, readers


@dataclass(frozen=True, slots=True)
class ProductExplanation:
    """All that is known of a product. Times are RFC 3339, on Redis's clock.

    Attributes:
        shop: its standing: of one that is not `active` nothing is fetched.
        product_id: which.
        at: when this was read.
        state: as last known; None if nothing is stored of it. Under `publish=stock` its product may be newer than its
            events, and the published one is kept beside it in the stored state.
        seen_at: when it was last looked at whole, changed or not; None if not known.
        view: by which of TikTok's answers.
        suppressed: settings of the shop that keep something of it from being an event → what they keep.
        changes: its events that were found, newest first; those of its SKUs are told by their own explanations.
        letters: its dead letters that were found, newest first.
        searched: entries of `products` and `dead` that were looked through; `bounded` if one of them had more and the
            search was ended.
        waiting: where it stands in line now.
        next_walks: when the shop is walked or polled by itself: `delta`, `full`, `poll` → time.
        readers: the groups of the stream `products`; empty if no event of the product was found.
        paused: `all` or `shop` if a person paused all shops or this one, so that nothing is fetched; None if not.
    """

    shop: Shop
    product_id: str
    at: str
    state: ProductState | None
    seen_at: str | None
    view: View | None
    suppressed: Mapping[str, str]
    changes: tuple[Event, ...]
    letters: tuple[Event, ...]
    searched: int
    bounded: bool
    waiting: tuple[Waiting, ...]
    next_walks: Mapping[str, str]
    readers: tuple[Reader, ...]
    paused: Pause | None = None


async def has_product(redis: Redis, partition: Partition, shop: str, product: str) -> bool:
    """Tell whether anything is stored of a product with this id."""
    return bool(await redis.hexists(partition.state(shop), f"p:{product}"))  # type: ignore[misc]


async def explain_product(
    redis: Redis, partition: Partition, shop: str, product: str, wanted: int
) -> ProductExplanation:
    """Collect what is known of a product, with at most `wanted` changes and letters: `SyncClient.explain_product`."""
    await check_authorized(redis, partition, shop)
    stream, subject = partition.stream("products"), f"product/{product}"
    changes, searched, bounded = await find_events(redis, stream, shop, subject, wanted)
    letters, more, cut = await find_events(redis, partition.stream("dead"), shop, subject, wanted, first_seq=-1)
    facts = await read_facts(redis, partition, shop, product)
    if not facts.stored and not changes and not letters and not facts.waiting:
        raise UnknownProduct(shop, product, f"{searched + more} events and dead letters were looked through")
    seen_at, view = read_last_look(facts.mark, None)
    return ProductExplanation(
        shop=facts.shop,
        product_id=product,
        at=facts.at,
        state=product_state(product, facts.stored) if facts.stored else None,
        seen_at=seen_at,
        view=view,
        suppressed=_suppressed(facts.settings),
        changes=tuple(changes),
        letters=tuple(letters),
        searched=searched + more,
        bounded=bounded or cut,
        waiting=facts.waiting,
        next_walks=facts.next_walks,
        readers=tuple(await readers(redis, stream, changes)) if changes else (),
        paused=facts.paused,
    )


def _suppressed(settings: ShopSettings) -> dict[str, str]:
    found = {}
    if settings.publish == "stock":
        found["publish=stock"] = "events of products are not published, only those of their stock"
    elif settings.publish == "prices":
        found["publish=prices"] = "changes that a product's detail alone shows are not published"
    if not settings.description:
        found["description=false"] = "a changed description is no event"
    return found
