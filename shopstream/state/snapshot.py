"""Take a snapshot: the present state of a shop, with the position in the streams that belongs to it.

    snapshot = await client.take_snapshot("7495222066017495634")
    for product in snapshot.products.values():
        ...
    async for event in snapshot.follow():
        ...

A new consumer begins here. Snapshot and following events have no gap and no repeat between them. Workers write state
and events in one script, and each page of the state is read in one transaction with the ends of the streams. So the
state of a product contains exactly the events at or before the ends that were read with its page.

A consumer that reads the streams by other means begins at `position`. It drops each event with the snapshot's `epoch`
and a `seq` not above that in the state.
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
from shopstream.redis.cluster.node_choice import ask_node, is_cluster
from shopstream.redis.keys import Partition
from shopstream.redis.passing import raise_lasting
from shopstream.redis.streams.entry_ids import place
from shopstream.state.product_state import TOMBSTONE, ProductState, StockState, product_state

FOLLOWED: Final = ("products", "stock")
"""The streams whose events a shop's state contains."""
PAGE: Final = 200
"""Fields of the state read in one call, about; each product has two."""
_COUNT: Final = 200
_BLOCK_MS: Final = 1_000
_log = logging.getLogger(__name__)


class Snapshot:
    """One shop's state, and its events from there on.

    Attributes:
        shop_id: TikTok's id.
        epoch: the epoch of the events that follow; None before the first event.
        position: stream → entry id up to which the events are in the state or were yielded by `follow`. Begin an
            `EventConsumer(start=…)` there; if it reads several shops, at the smallest of their positions.
        watermark: Unix seconds up to which all changes had been seen when it was taken; None before the first complete
            walk, or if this user may not read it.
        products: the products by id; empty if the snapshot was taken with `collect=False`.
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
        """Tell whether the shop had been loaded whole. Otherwise the shop may have further products."""
        return self.watermark is not None

    @property
    def stock(self) -> dict[str, StockState]:
        """Return the stock by SKU id. A SKU that moved between products appears with its present one."""
        found: dict[str, StockState] = {}
        for product in self.products.values():
            for sku in product.stock:
                if not sku.removed or sku.sku_id not in found:
                    found[sku.sku_id] = sku
        return found

    async def __aiter__(self) -> AsyncIterator[ProductState]:
        """Yield the products, page by page, in no order; about 200 bytes of each are kept.

        A product may come twice, as when the state grows meanwhile. The later one is right.

        Raises:
            SnapshotOutdated: Redis was restarted or failed over meanwhile.
        """
        if self._read_whole and self.products:
            for product in self.products.values():
                yield product
            return
        self._ends, self._pages, self._read_whole = [], {}, False
        server, cursor = await _server(self._redis, self._partition), 0
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hscan(self._partition.state(self.shop_id), cursor, match="p:[0-9]*", count=PAGE)
                _ask_ends(pipe, self._partition)
                page, *ends = await pipe.execute(raise_on_error=False)
            self._ends.append(_ends(ends))
            cursor, found = _check(page)
            for name, stored in found.items():
                product_id = name[2:].decode()
                self._pages[product_id] = len(self._ends) - 1
                if self._deleted or not stored.startswith(TOMBSTONE):
                    yield product_state(product_id, orjson.loads(stored))
            if cursor:
                continue
            # The cursor is invalid on another server, and products would be missing.
            before, server = server, await _server(self._redis, self._partition)
            if server == before:
                break
            # A slot of a cluster may have moved, and nothing was lost: then all pages are read again.
            if not is_cluster(self._redis) or await self._has_other_epoch():
                raise SnapshotOutdated(self.shop_id, "Redis was restarted or failed over while its state was read")
        self._read_whole = True

    async def _has_other_epoch(self) -> bool:
        epoch = await self._redis.hget(self._partition.epoch, "epoch")  # type: ignore[misc]
        return (epoch.decode() if epoch else None) != self.epoch

    def contains(self, event: Event) -> bool:
        """Tell whether the state contains an event. Pass events of this epoch only, from `position` on."""
        page = self._pages.get(str(event.data.get("product_id")))
        end = None if page is None else self._ends[page].get(_name(event.stream))
        return end is not None and place(event.entry_id) <= place(end)

    async def follow(self) -> AsyncIterator[Event]:
        """Yield every later event of this shop's products and stock once, for ever, in order per stream.

        `position` moves with each event, so that a second call goes on where the first ended. While Redis is away,
        full, busy or failing over, it retries each second.

        Raises:
            SnapshotOutdated: a new epoch has begun, or the next events have been trimmed. Take a new snapshot.
            RedisError: a lasting one of redis's, as for a wrong password.
            RuntimeError: the snapshot was not read to its end.
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
        """Parse an entry; return None unless it is an event of this shop."""
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
        """Adopt the first epoch; refuse a second one, since `seq` may repeat in it and writes may be lost."""
        if self.epoch is not None:
            raise SnapshotOutdated(self.shop_id, f"the epoch is {epoch} and no longer {self.epoch}")
        self.epoch = epoch

    async def _read(self) -> tuple[dict[str, list[Any]], str | None]:
        """Read the next entries by stream, and the epoch, as of one moment."""
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
    """Read the position, with `collect` also the whole state, and with `deleted` also tombstones.

    Raises:
        UnknownShop: nobody has authorized the shop, and nothing was ever published of it.
        SnapshotOutdated: Redis was restarted or failed over meanwhile.
    """
    # The watermark is read first: the state then contains all changes up to it.
    watermark = await _watermark(redis, partition, shop_id)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hget(partition.epoch, "epoch")
        pipe.hexists(partition.registry, shop_id)
        pipe.exists(partition.state(shop_id))
        _ask_ends(pipe, partition)
        epoch, known, stored, *ends = await pipe.execute(raise_on_error=False)
    if not _check(known) and not _check(stored):
        raise UnknownShop(shop_id)
    name = _check(epoch).decode() if epoch else None
    snapshot = Snapshot(
        redis=redis,
        partition=partition,
        shop_id=shop_id,
        epoch=name,
        position=_ends(ends),
        watermark=watermark,
        deleted=deleted,
    )
    if collect:
        snapshot.products = {product.product_id: product async for product in snapshot}
    return snapshot


def _ask_ends(pipe: Any, partition: Partition) -> None:
    for name in FOLLOWED:
        pipe.xinfo_stream(partition.stream(name))


def _ends(answers: list[Any]) -> dict[str, str]:
    """Return the last id ever given in each stream, since the last entry may have been trimmed."""
    ends: dict[str, str] = {}
    for name, answer in zip(FOLLOWED, answers, strict=True):
        if isinstance(answer, ResponseError) and "no such key" in str(answer):
            ends[name] = "0-0"
        else:
            ends[name] = _check(answer)["last-generated-id"].decode()
    return ends


def _check(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


async def _server(redis: Redis, partition: Partition) -> str | None:
    """Read the replication id of the partition's server. Another id means a restart, a failover or a move of its slot.

    None without the right to INFO.
    """
    try:
        info = await ask_node(redis, partition.prefix, "INFO", "replication")
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
