"""Find whatever a word names: shops, groups, products, SKUs, TikTok's request ids, causation ids and trace ids.

Shops and groups are known. Ids are searched in the newest entries of the streams, and product ids in the states too.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

from gateway.dashboard.shell.visits import Visit
from shopstream.glance.overview import ShopOverview
from shopstream.ids import is_id
from shopstream.payloads.dead import DEAD_LETTER
from shopstream.redis.keys import STREAMS, Partition, partition_of

SEARCHED: Final = 8_000
"""Newest entries of all streams together that are searched: about 12 MB, read by portions."""
_LEAST: Final = 50
"""Entries of a stream's partition that are searched at least."""
SHOPS_ASKED: Final = 2_000
"""Shops whose states are asked for a product id."""
HITS_MOST: Final = 50
_READ: Final = 500
HitKind = Literal["shop", "group", "product", "SKU", "event", "dead letter"]


class Hit(NamedTuple):
    """One thing that was found.

    Attributes:
        kind: the kind of thing.
        title: its name.
        detail: more about it.
        page: the page that shows it, relative to the overview.
    """

    kind: HitKind
    title: str
    detail: str
    page: str


async def search_all(visit: Visit, word: str) -> list[Hit]:
    """Find the things that a word names, shops first."""
    overview = await visit.shell.reader.overview()
    # In a thread: webhooks don't wait while the glances of 10,000 shops are read.
    shops = await asyncio.to_thread(list, overview.shops)
    found = [*await asyncio.to_thread(_find_shops, shops, word), *await _find_groups(visit, word)]
    if any(hit.kind == "shop" and hit.detail == word for hit in found):
        return found[:1]  # many entries have the id of a shop
    if len(word) >= 4 and " " not in word:
        found += await _find_products(visit, shops, word)
        found += await _find_entries(visit, {one.glance.shop_id: one.glance.title for one in shops}, word)
    return list({(hit.kind, hit.page, hit.title): hit for hit in found}.values())[:HITS_MOST]


def _find_shops(shops: list[ShopOverview], word: str) -> list[Hit]:
    folded = word.casefold()
    return [
        Hit("shop", glance.title, glance.shop_id, f"shops/{glance.shop_id}")
        for glance in (shop.glance for shop in shops)
        if glance.shop_id == word or folded in glance.name.casefold() or (len(word) > 5 and word in glance.shop_id)
    ]


async def _find_groups(visit: Visit, word: str) -> list[Hit]:
    groups = (await visit.shell.reader.system()).groups
    folded = word.casefold()
    return [
        Hit("group", one.group, f"reads {one.stream}", "streams") for one in groups if folded in one.group.casefold()
    ]


async def _find_products(visit: Visit, shops: list[ShopOverview], word: str) -> list[Hit]:
    """Find the shops that have a product of this id."""
    if not is_id(word):
        return []
    asked, partitions = shops[:SHOPS_ASKED], await visit.door.partitions.count()
    async with visit.door.redis.pipeline(transaction=False) as pipe:
        for shop in asked:
            name = shop.glance.shop_id
            pipe.hexists(Partition(partition_of(name, partitions)).state(name), f"p:{word}")
        known = await pipe.execute() if asked else []
    return [
        _link_id("product", word, one.glance.shop_id, one.glance.title)
        for one, has in zip(asked, known, strict=True)
        if has
    ]


def _link_id(kind: Literal["product", "SKU"], name: str, shop: str, shop_name: str) -> Hit:
    return Hit(kind, name, f"of {shop_name or shop}", f"shops/{shop}?{urlencode({'sku': name})}")


async def _find_entries(visit: Visit, names: Mapping[str, str], word: str) -> list[Hit]:
    """Find the newest entries of all streams that name the word."""
    found: list[Hit] = []
    wanted = word.encode()
    for number in range(await visit.door.partitions.count()):
        for stream in STREAMS:
            found += await _find_in(visit, Partition(number), stream, wanted, names)
    return found


async def _find_in(
    visit: Visit, partition: Partition, stream: str, wanted: bytes, names: Mapping[str, str]
) -> list[Hit]:
    found: list[Hit] = []
    partitions = await visit.door.partitions.count()
    most, several = max(_LEAST, SEARCHED // len(STREAMS) // partitions), partitions > 1
    end, searched = "+", 0
    while searched < most and len(found) < HITS_MOST:
        page = await visit.door.redis.xrevrange(partition.stream(stream), max=end, count=min(_READ, most - searched))
        if not page:
            break
        for raw_id, fields in page:
            entry_id = raw_id.decode()
            place = f"{partition.number}/{entry_id}" if several else entry_id
            if (fits := _match(fields, wanted)) and (hit := _show(fields, fits, names, place, wanted.decode())):
                found.append(hit)
        searched += len(page)
        end = f"({page[-1][0].decode()}"
    return found


def _match(fields: Mapping[bytes, bytes], wanted: bytes) -> str:
    """Tell by which of an entry's names it fits; "" if it doesn't."""
    subject = fields.get(b"subject", b"")
    if subject.partition(b"/")[2] == wanted:
        return "subject"
    if fields.get(b"causationid") == wanted:
        return "causation id"
    if wanted in fields.get(b"traceparent", b"").split(b"-")[1:2]:
        return "trace id"
    data = fields.get(b"data", b"")
    if b'"request_id":"%s"' % wanted in data:
        return "request id"
    return "SKU" if b'"sku_id":"%s"' % wanted in data else ""


def _show(fields: Mapping[bytes, bytes], fits: str, names: Mapping[str, str], place: str, word: str) -> Hit | None:
    """Show an entry that fits; None if its shop is not known. `place` names it, if it is a dead letter."""
    shop = fields.get(b"shopid", b"").decode(errors="replace")
    subject = fields.get(b"subject", b"").decode(errors="replace")
    kind, _, name = subject.partition("/")
    if fields.get(b"type") == DEAD_LETTER.encode():
        return Hit("dead letter", name, _describe(fields, fits), f"dead/letter?{urlencode({'name': place})}")
    if not is_id(shop) or shop not in names:
        return None
    if kind not in {"sku", "product"}:
        return Hit("event", subject, f"{_describe(fields, fits)}, {names[shop]}", f"shops/{shop}")
    if fits == "SKU":
        return _link_id("SKU", word, shop, names[shop])
    hit = _link_id("SKU" if kind == "sku" else "product", name, shop, names[shop])
    return hit if fits == "subject" else hit._replace(detail=f"{hit.detail}, {_describe(fields, fits)}")


def _describe(fields: Mapping[bytes, bytes], fits: str) -> str:
    """Describe an entry in a few words, with the name by which it fits."""
    event = fields.get(b"type", b"").decode(errors="replace").rpartition("io.shopstream.")[2]
    return event if fits == "subject" else f"{event} by {fits}"
