"""A deployment that moves: what it has, by product, SKU, token and setting, read by its clients."""

import asyncio
import math
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from shopstream import EventConsumer, SyncClient
from shopstream.errors import Moved
from shopstream.move.move_places import Arrival
from shopstream.redis.connection import connect
from shopstream.redis.deployment_keys import ARRIVAL, MOVER
from shopstream.redis.keys import partition_for
from shopstream.redis.partition_count import PartitionLookup, read_stored_count
from tests.commands.running import Done
from tests.processes import ANSWER_SECONDS, Child, start, until, within

TOKEN_FIELDS = ("pair", "version", "pair_fence", "state", "issuer")


@dataclass
class Contents:
    """What a deployment has."""

    products: dict[tuple[str, str], tuple[int, bool]] = field(default_factory=dict)
    skus: dict[tuple[str, str], tuple[int, int | None]] = field(default_factory=dict)
    tokens: dict[str, list[bytes | None]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    letters: list[tuple[str, str]] = field(default_factory=list)
    waiting: dict[str, set[str]] = field(default_factory=dict)


async def read_contents(url: str) -> Contents:
    """Read all that must be the same after a move, also of a source that has moved."""
    found = Contents()
    async with connect(url, seconds=ANSWER_SECONDS) as redis, SyncClient(redis) as client:
        partitions = await read_stored_count(redis)
        client._partitions = PartitionLookup(redis, partitions, math.inf)  # never looks whether it has moved
        for shop in await client.list_shops():
            snapshot = await client.take_snapshot(shop.shop_id)
            for product in snapshot.products.values():
                found.products[shop.shop_id, product.product_id] = (product.seq, product.deleted)
                for sku in product.stock:
                    found.skus[shop.shop_id, sku.sku_id] = (sku.seq, sku.available)
            name = shop.authorization
            key = partition_for(name, partitions).token(name)
            found.tokens[name] = await redis.hmget(key, list(TOKEN_FIELDS))  # type: ignore[misc]
            found.settings[shop.shop_id] = repr(await client.load_settings(shop.shop_id))
            waiting = partition_for(shop.shop_id, partitions).backlog("products", shop.shop_id)
            found.waiting[shop.shop_id] = {one.decode() for one in await redis.zrange(waiting, 0, -1)}
        async for letter in client.list_dead_letters():
            found.letters.append((letter.shop_id or "", letter.data["id"]))
    found.letters.sort()
    return found


@dataclass
class Reading:
    """A consumer of one stream, and all that it has read: subject, epoch, seq and id."""

    seen: list[tuple[str, str, int, str]] = field(default_factory=list)
    moved: str = ""


async def read_stream(url: str, stream: str, reading: Reading, group: str = "erp") -> None:
    """Read as a group until the deployment has moved, or until cancelled."""
    try:
        async with EventConsumer(url, stream=stream, group=group) as consumer:
            async for event in consumer:
                reading.seen.append((event.subject, event.epoch, event.seq, event.id))
                await event.ack()
    except Moved as moved:
        reading.moved = str(moved)


@asynccontextmanager
async def readers(url: str, readings: dict[str, Reading]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Read several streams at the same time."""
    tasks = [asyncio.create_task(read_stream(url, stream, reading)) for stream, reading in readings.items()]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def start_move(url: str, to: str, *arguments: str) -> Child:
    """Start `shopstream move` as a process of its own."""
    env = {"SHOPSTREAM_REDIS_URL": url, "SHOPSTREAM_MOVE_TO": to}
    return await start("shopstream.cli", "move", *arguments, env=env)


async def free_source(source: Redis) -> None:
    """Act as if the seconds were over for which an attempt holds the source, though it was killed."""
    await source.delete(MOVER)


async def end(moving: Child) -> Done:
    """Wait for the end of a move."""
    out, err = await within(300, moving.communicate())
    return Done(moving.returncode, out, err)


async def kill_at(step: str, source: Redis, target: Redis, url: str, to: str, *arguments: str) -> bool:
    """Start a move and kill it once it has reached a step, seen at the target. False if it was past it."""
    former = await target.get(ARRIVAL)
    if former:
        await target.set(ARRIVAL, former + b" ")  # another text for the same: what a killed attempt has said
    await free_source(source)
    moving = await start_move(url, to, *arguments)

    async def reached() -> bool:
        said = await target.get(ARRIVAL)
        arrival = Arrival.from_json(said)
        return moving.returncode is not None or bool(arrival and arrival.step == step and not said.endswith(b" "))

    await until(reached, 60, every=0)
    if moving.returncode is None:
        moving.kill()
    said = await moving.communicate()
    assert moving.returncode in {0, -signal.SIGKILL}, said
    return moving.returncode == -signal.SIGKILL
