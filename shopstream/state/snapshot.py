"""The present state of a shop and the place in the streams that belongs to it: where a newcomer begins.

    snapshot = await client.snapshot("7495222066017495634")
    for product in snapshot.products.values():
        ...
    async for event in snapshot.follow():
        ...

Snapshot and following events together are the truth: no gap, and no repeat across the seam. State and events are
written in one script, and each page of the state is read in one transaction with the streams' ends; so an event is
in the state of a product exactly if it stands at or before the ends read with that product's page. Those who read
the streams by other means begin at `position` and drop what has the snapshot's `epoch` and a `seq` that is not above
the one in the state: the same rule, from what is stored.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from shopstream.errors import SnapshotOutdated, UnknownShop
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.entry_ids import place
from shopstream.redis.keys import Partition
from shopstream.redis.passing import raise_lasting
from shopstream.state.product_state import TOMBSTONE, ProductState, StockState, product_state

FOLLOWED: Final = ("products", "stock")
"""The streams that a shop's state is in step with."""
PAGE: Final = 200
"""Fields of the state looked at in one call; each product has two."""
_COUNT: Final = 200
_BLOCK_MS: Final = 1_000
_log = logging.getLogger(__name__)


class Snapshot:
    """One shop's state, and its streams from there on.

    Attributes:
        shop_id: TikTok's id.
        epoch: that of the events which belong to it; None if there has never been one.
        position: by stream, the entry id up to which everything is known: in the state, or given out by `follow`.
            Where an `EventConsumer(start=…)` goes on; for one that reads several shops, the smallest of theirs.
        watermark: Unix seconds up to which all changes had been seen before it was taken; None if there was no complete
            walk yet, or this user may not read that.
        products: by product id, with deleted ones if they were wanted; empty if it was taken with `collect=False`.
    """

    def __init__(
        self,
        redis: Redis,
        partition: Partition,
        shop_id: str,
        epoch: str | None,
        position: dict[str, str],
        *,
        watermark: int | None = None,
        deleted: bool = True,
    ) -> None:
        self.shop_id = shop_id
        self.epoch = epoch
        self.position = position
        self.watermark = watermark
        self.products: dict[str, ProductState] = {}
        self._redis = redis
        self._partition = partition
        self._server: str | None = None
        self._ends: list[dict[str, str]] = []
        self._pages: dict[str, int] = {}
        self._read_whole = False
        self._deleted = deleted

    @property
    def complete(self) -> bool:
        """True if the shop had been loaded whole; else a product that isn't in it may be there all the same."""
        return self.watermark is not None

    @property
    def stock(self) -> dict[str, StockState]:
        """By SKU id; of a SKU that moved to another product, the place where it is now."""
        found: dict[str, StockState] = {}
        for product in self.products.values():
            for sku in product.stock:
                if not sku.removed or sku.sku_id not in found:
                    found[sku.sku_id] = sku
        return found

    async def __aiter__(self) -> AsyncIterator[ProductState]:
        """The products, page by page, in no order; about 200 bytes are kept of each.

        One may come twice, as when the state grows meanwhile: the later one is right.

        Raises:
            SnapshotOutdated: Redis was restarted or failed over meanwhile.
        """
        if self._read_whole and self.products:
            for product in self.products.values():
                yield product
            return
        self._ends, self._pages, self._read_whole = [], {}, False
        server = await _server(self._redis)
        cursor = 0
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hscan(self._partition.state(self.shop_id), cursor, match="p:[0-9]*", count=PAGE)
                _ask_ends(pipe, self._partition)
                page, *ends = await pipe.execute(raise_on_error=False)
            self._ends.append(_ends(ends))
            cursor, found = _checked(page)
            for name, stored in found.items():
                product_id = name[2:].decode()
                self._pages[product_id] = len(self._ends) - 1
                if self._deleted or not stored.startswith(TOMBSTONE):
                    yield product_state(product_id, orjson.loads(stored))
            if cursor == 0:
                break
        # A cursor means nothing to another server, and the state would have holes.
        if await _server(self._redis) != server:
            raise SnapshotOutdated(self.shop_id, "Redis was restarted or failed over while its state was read")
        self._read_whole = True

    def contains(self, event: Event) -> bool:
        """Tell whether this event is in the state already. It is meant for events of this epoch, from `position` on."""
        page = self._pages.get(str(event.data.get("product_id")))
        end = None if page is None else self._ends[page].get(_name(event.stream))
        return end is not None and place(event.entry_id) <= place(end)

    async def follow(self) -> AsyncIterator[Event]:
        """Every later event of this shop's products and stock, once each, for ever; in order per stream.

        `position` moves with each of them, so that a second call goes on where the first was left. Redis away, full,
        busy or failing over: tries again each second. Errors that no waiting mends, as a wrong password, are raised.

        Raises:
            SnapshotOutdated: a new epoch has begun, or what comes next has been trimmed. Take a new snapshot.
        """
        if not self._read_whole:
            raise RuntimeError("read the snapshot to its end before following it")
        while True:
            try:
                found, epoch = await self._read()
                if not any(found.values()):
                    await self._wait()
            except (RedisError, OSError) as error:
                raise_lasting(error)
                _log.warning("redis is away (%s): trying again", type(error).__name__)
                await asyncio.sleep(1)
                continue
            quiet = True
            for name, entries in found.items():
                for entry_id, fields in entries:
                    event = self._event(name, entry_id.decode(), fields)
                    if event is not None:
                        quiet = False
                    self.position[name] = entry_id.decode()
                    if event is not None and not self.contains(event):
                        yield event
            if quiet and epoch != self.epoch:
                self._begin(epoch)

    def _event(self, name: str, entry_id: str, fields: Mapping[bytes, bytes]) -> Event | None:
        """The entry's event if it is one of this shop's."""
        if fields.get(b"shopid") != self.shop_id.encode():
            return None
        try:
            event = parse(self._partition.stream(name), entry_id, fields)
        except InvalidEntry as invalid:
            _log.warning("%s", invalid)
            return None
        if event.epoch != self.epoch:
            self._begin(event.epoch)
        return event

    def _begin(self, epoch: str | None) -> None:
        """The first epoch is adopted; after another one `seq` may be used again, and writes may be lost."""
        if self.epoch is not None:
            raise SnapshotOutdated(self.shop_id, f"the epoch is {epoch} and no longer {self.epoch}")
        self.epoch = epoch

    async def _read(self) -> tuple[dict[str, list[Any]], str | None]:
        """Read what comes next by stream, and the epoch, as of one moment; nothing if there is nothing yet."""
        keys = {self._partition.stream(name): name for name in FOLLOWED}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xread({key: self.position[name] for key, name in keys.items()}, count=_COUNT)
            pipe.hget(self._partition.epoch, "epoch")
            pipe.hmget(self._partition.retention, [f"{name}:trimmed" for name in FOLLOWED])
            answer, epoch, trimmed = await pipe.execute()
        for name, last in zip(FOLLOWED, trimmed, strict=True):
            if last and place(self.position[name]) < place(last.decode()):
                raise SnapshotOutdated(self.shop_id, f"events of the stream {name} up to {last.decode()} were trimmed")
        return {keys[key.decode()]: entries for key, entries in answer}, epoch.decode() if epoch else None

    async def _wait(self) -> None:
        keys: dict[Any, Any] = {self._partition.stream(name): self.position[name] for name in FOLLOWED}
        await self._redis.xread(keys, count=1, block=_BLOCK_MS)


async def take(redis: Redis, partition: Partition, shop_id: str, *, collect: bool, deleted: bool = True) -> Snapshot:
    """The position, and with `collect` all of the state; with `deleted` also what is left of deleted products.

    Raises:
        UnknownShop: nobody has authorized the shop, and nothing was ever published of it.
        SnapshotOutdated: Redis was restarted or failed over meanwhile.
    """
    # Before the state: what had been seen by then is in it.
    watermark = await _watermark(redis, partition, shop_id)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hget(partition.epoch, "epoch")
        pipe.hexists(partition.registry, shop_id)
        pipe.exists(partition.state(shop_id))
        _ask_ends(pipe, partition)
        epoch, known, stored, *ends = await pipe.execute(raise_on_error=False)
    if not _checked(known) and not _checked(stored):
        raise UnknownShop(shop_id)
    name = _checked(epoch).decode() if epoch else None
    snapshot = Snapshot(redis, partition, shop_id, name, _ends(ends), watermark=watermark, deleted=deleted)
    if collect:
        snapshot.products = {product.product_id: product async for product in snapshot}
    return snapshot


def _ask_ends(pipe: Any, partition: Partition) -> None:
    for name in FOLLOWED:
        pipe.xinfo_stream(partition.stream(name))


def _ends(answers: list[Any]) -> dict[str, str]:
    """The last id ever given in each stream: that of the last entry may have been trimmed."""
    ends: dict[str, str] = {}
    for name, answer in zip(FOLLOWED, answers, strict=True):
        if isinstance(answer, ResponseError) and "no such key" in str(answer):
            ends[name] = "0-0"
        else:
            ends[name] = _checked(answer)["last-generated-id"].decode()
    return ends


def _checked(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


async def _server(redis: Redis) -> str | None:
    """Give the replication id: it tells which server this is, since when. None where this user may not ask."""
    try:
        info = await redis.info("replication")
    except NoPermissionError:
        return None
    return str(info.get("master_replid"))


async def _watermark(redis: Redis, partition: Partition, shop_id: str) -> int | None:
    try:
        stored = await redis.hget(partition.walk(shop_id), "watermark")  # type: ignore[misc]
    except NoPermissionError:
        return None
    return int(stored) if stored else None


def _name(stream: str) -> str:
    return stream.rpartition(":")[2]
