"""One system for many cases: a Valkey, a worker, a programmable TikTok; each case has shops of its own in it."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis.asyncio import Redis

from shopstream import SyncClient
from shopstream.enqueue.requests import Request
from shopstream.enqueue.walk_requests import WalkProgress, WalkRequest
from shopstream.redis.connection import connect
from shopstream.redis.keys import STREAMS, Partition
from shopstream.registry.shop import Shop
from tests import every_event
from tests.cases.stand.bodies import Body
from tests.cases.stand.command import Command, command
from tests.cases.stand.upstream import Call, Scripted, Seller, Upstream
from tests.cases.stand.upstream import Shop as Catalogue
from tests.processes import ANSWER_SECONDS, KEY, Worker, load_tomorrow, patient, until, worker

P = Partition(0)
CREATED, UPDATED, DELETED = "product.created", "product.updated", "product.deleted"
CHANGED, REMOVED, SYNCED = "stock.changed", "stock.removed", "shop.synced"
AUTHORIZED = "shop.authorized"
PARKED, DEAUTHORIZED = "shop.reauthorization_required", "shop.deauthorized"
DEGRADED, RECOVERED = "shop.degraded", "shop.recovered"
LETTER = "dead.letter"
PATIENCE = 45
"""Seconds for what takes a moment: machines that run tests do a lot besides."""
MINUTE = 100
"""Seconds within which what is tried once a minute must have been tried again."""

V = TypeVar("V")


def _pause(seconds: float) -> float:
    """Give the seconds between two looks, of which each costs some ms of a core."""
    return 0.1 if seconds <= PATIENCE else 0.5


@dataclass
class Events:
    """All events there are, read once for all shops: each looks often, while hundreds of others publish theirs."""

    redis: Redis
    by_shop: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _read: dict[str, str] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> None:
        """Read what is there at this moment, of all shops."""
        async with self._reading, self.redis.pipeline(transaction=False) as pipe:
            for stream in STREAMS:
                pipe.xrange(P.stream(stream), min=f"({self._read.get(stream, '0')}")
            for stream, rows in zip(STREAMS, await pipe.execute(), strict=True):
                for entry_id, row in rows:
                    self._read[stream] = entry_id.decode()
                    if b"shopid" in row:
                        self.by_shop[row[b"shopid"].decode()].append(row[b"data"])

    async def take(self, shop: str) -> list[Body]:
        """Give the events of a shop since the last look for it."""
        await self.look()
        found = [json.loads(data) for data in self.by_shop.pop(shop, ())]
        return [event | {"type": event["event_type"].removeprefix("io.shopstream.")} for event in found]


@dataclass
class Store:
    """A shop in a case: what TikTok has of it in `tiktok` and `seller`, and what is published of it."""

    client: SyncClient
    redis: Redis
    command: Command = field(repr=False)
    seller: Seller
    tiktok: Catalogue
    all_events: Events = field(repr=False)
    seen: list[Body] = field(default_factory=list)
    _walks: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return self.tiktok.id

    async def ask(self, ids: Iterable[str], **more: Any) -> Request:
        return await self.client.sync_products(self.id, list(ids), **more)

    async def fetch(self, *ids: str, seconds: float = PATIENCE) -> None:
        """Have products fetched, all in the catalogue if none is named, and wait until it is done."""
        await self.finish(await self.ask(ids or self.tiktok.lines), seconds)

    async def stock(self, *ids: str, seconds: float = PATIENCE) -> None:
        """Have the stock of products read by batch, and wait until it is done."""
        await self.finish(await self.client.sync_stock(self.id, list(ids or self.tiktok.lines)), seconds)

    async def finish(self, request: Request, seconds: float = PATIENCE) -> None:
        try:
            async with asyncio.timeout(seconds):
                async for _ in self.client.watch(request, every=_pause(seconds)):
                    pass
        except TimeoutError:
            raise AssertionError(await self._unfinished(request.kind, seconds)) from None

    async def full(self, seconds: float = PATIENCE) -> WalkProgress:
        return await self.walked(await self.client.sync_shop(self.id, full=True), seconds)

    async def delta(self, seconds: float = PATIENCE) -> WalkProgress:
        return await self.walked(await self.client.sync_shop(self.id), seconds)

    async def poll(self, seconds: float = PATIENCE) -> WalkProgress:
        return await self.walked(await self.client.sync_stock(self.id), seconds)

    async def walked(self, request: WalkRequest, seconds: float = PATIENCE) -> WalkProgress:
        try:
            async with asyncio.timeout(seconds):
                async for progress in self.client.watch(request, every=_pause(seconds)):
                    latest = progress
        except TimeoutError:
            raise AssertionError(await self._unfinished(request.kind, seconds)) from None
        return latest

    async def _unfinished(self, kind: str, seconds: float) -> str:
        await self.events()
        calls = Counter(call.name for call in self.seller.calls + self.tiktok.calls)
        return f"{kind} not done in {seconds:g} s; calls {dict(calls)}, events {dict(self.kinds())}"

    async def events(self) -> list[Body]:
        """Give this shop's events since the last look; `type` is short. All there ever were are in `seen`."""
        found = await self.all_events.take(self.id)
        self.seen += found
        return found

    async def count(self, *kinds: str) -> int:
        """Count the events of these types that there have ever been."""
        await self.events()
        return sum(event["type"] in kinds for event in self.seen)

    async def happens(self, kind: str, seconds: float = PATIENCE) -> Body:
        """Wait for the first event of a type."""
        await within(seconds, lambda: self.count(kind), f"{kind} of shop {self.id}; there is {self.kinds()}")
        return next(event for event in self.seen if event["type"] == kind)

    def kinds(self) -> Counter[str]:
        """Count what has been read so far by type, without `shop.authorized`."""
        return Counter(event["type"] for event in self.seen if event["type"] != AUTHORIZED)

    async def letters(self) -> list[Body]:
        await self.events()
        return [event for event in self.seen if event["type"] == LETTER]

    async def waiting(self, kind: str = "products") -> set[str]:
        """Give the ids that are asked for or in hand."""
        async with self.redis.pipeline(transaction=True) as pipe:
            for key in (P.backlog(kind, self.id), P.claimed(kind, self.id)):
                pipe.zrange(key, 0, -1)
            return {one.decode() for row in await pipe.execute() for one in row}

    async def entry(self) -> Shop:
        return next(shop for shop in await self.client.list_shops() if shop.shop_id == self.id)

    async def active(self) -> None:
        """Fail if the shop has ever been parked."""
        await self.events()
        assert (await self.entry()).status == "active", f"parked: {(await self.entry()).reason}"
        assert not {PARKED, DEAUTHORIZED} & set(self.kinds()), self.kinds()

    async def retry(self) -> int:
        """Have the shop looked at again, as an operator does; the command's exit code."""
        return await self.command.run("shops", "retry", self.id)

    def touch(self, product_id: str, **changes: object) -> None:
        """Change a product's line at TikTok, which moves its `update_time` to now."""
        line = self.tiktok.lines[product_id]
        self.tiktok.lines[product_id] = line | {"update_time": max(int(time.time()), line["update_time"] + 1)} | changes

    async def available(self) -> dict[str, int | None]:
        """Give the units by SKU as published: of what is neither deleted nor removed."""
        snapshot = await self.client.take_snapshot(self.id)
        products = [product for product in snapshot.products.values() if not product.deleted]
        return {row.sku_id: row.available for product in products for row in product.stock if not row.removed}


@dataclass
class Stage:
    """What runs."""

    upstream: Upstream
    client: SyncClient
    redis: Redis
    command: Command = field(repr=False)
    running: Worker = field(repr=False)
    events: Events = field(repr=False)

    async def open(
        self, *lines: Body, seller_type: str | None = "LOCAL", life: Callable[[], object] | None = None, **settings: Any
    ) -> Store:
        """Authorize a seller with one shop, which has these products."""
        (store,) = await self.open_all(1, seller_type=seller_type, life=life, **settings)
        store.tiktok.add(*lines)
        return store

    async def open_all(
        self, shops: int, *, seller_type: str | None = None, life: Callable[[], object] | None = None, **settings: Any
    ) -> list[Store]:
        """Authorize a seller with so many shops."""
        seller = self.upstream.seller(shops=shops, seller_type=seller_type)
        seller.life = life or seller.life
        await load_tomorrow(self.redis, [shop.id for shop in seller.shops])
        await self.client.authorize(seller.code, timeout=60)
        stores = [Store(self.client, self.redis, self.command, seller, shop, self.events) for shop in seller.shops]
        for store in stores:
            if settings:
                await self.client.settings(store.id, **settings)
        return stores

    def said(self, *words: str) -> bool:
        """Tell if the worker's log has an error that names one of these."""
        lines = [json.dumps(line) for line in self.running.logs if line.get("level") in {"error", "critical"}]
        return any(word in line for line in lines for word in words)


async def within(seconds: float, condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait for a condition; the error says `what` has not come."""
    try:
        return await until(condition, seconds, every=max(0.2, _pause(seconds)))
    except AssertionError as failed:
        if not str(failed).startswith("not within"):
            raise
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


async def throughout(seconds: float, check: Callable[[], Awaitable[None]]) -> None:
    """Look for so long whether something stays true: `check` raises once it isn't."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await check()
        await asyncio.sleep(0.5)


async def each(variants: Collection[V], run: Callable[[V], Awaitable[None]]) -> None:
    """Run all variants side by side; the error names those that failed, and why."""
    outcomes = await asyncio.gather(*(run(variant) for variant in variants), return_exceptions=True)
    failed = [
        f"{variant}: {type(outcome).__name__}: {(str(outcome).splitlines() or [''])[0]}"
        for variant, outcome in zip(variants, outcomes, strict=True)
        if isinstance(outcome, Exception)
    ]
    assert not failed, f"{len(failed)} of {len(variants)} failed\n" + "\n".join(failed)


def most_in(calls: Iterable[Call], seconds: float) -> int:
    """Count the calls of the fullest stretch of so many seconds."""
    moments = [call.at for call in calls]
    return max((sum(begin <= at < begin + seconds for at in moments) for begin in moments), default=0)


def few(who: Scripted, most: int, *names: str) -> None:
    """Fail if more calls of these names were made; of any but that for the warehouses, a minute after the consent."""
    made = Counter(call.name for call in who.made(*names) if call.name != "warehouses")
    assert made.total() <= most, f"{made.total()} calls instead of at most {most}: {dict(made)}"


@asynccontextmanager
async def staged(redis_url: str, upstream: Upstream, **env: str) -> AsyncIterator[Stage]:
    """Run a worker on these; at the end every event is held against the contract."""
    settings = {
        "SHOPSTREAM_REDIS_URL": redis_url,
        "SHOPSTREAM_APP_KEY": "app-key",
        "SHOPSTREAM_APP_SECRET": "app-secret",
        "SHOPSTREAM_TOKEN_KEYS": KEY,
        "SHOPSTREAM_API_URL": upstream.url,
        "SHOPSTREAM_AUTH_URL": upstream.url,
        "SHOPSTREAM_PACING_START_RATE": "100",
        **env,
    }
    redis = connect(redis_url, retry=True, seconds=ANSWER_SECONDS)
    try:
        async with worker(settings) as running, patient(redis_url) as client, command(redis_url) as operator:
            yield Stage(upstream, client, redis, operator, running, Events(redis))
        await every_event.check(redis)
    finally:
        await redis.aclose()
