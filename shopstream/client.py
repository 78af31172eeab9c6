"""Ask for what shall be synced, from any service: two sorted sets are written, and nothing else.

    async with SyncClient("redis://127.0.0.1:6379/0") as client:
        request = await client.products("7495222066017495634", ["1731029337055922770"])
        result = await client.wait(request)

What `products` has returned is accepted: it will be fetched and published, or lie in `dead` with the reason.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream import ids as identifiers
from shopstream import snapshot as snapshots
from shopstream.connection import connect
from shopstream.dead import DeadLetters, Requeued, Which
from shopstream.errors import AuthorizationFailed, NoWorker, ShopParked, UnknownShop
from shopstream.events import Event, InvalidEntry, Origin, parse
from shopstream.names import PARTITIONS, Partition, partition_for
from shopstream.shops import Shop

_CHUNK = 1_000
"""Ids a command: 2,000 arguments, below what rented Redis takes."""
_CODE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Request:
    """Ids that have been asked for; `dead_from` is where the dead letters stood before."""

    kind: str
    shop_id: str
    ids: tuple[str, ...]
    dead_from: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is: `total` = `done` + `pending`, of the done ones `dead` were given up, with their letters."""

    total: int
    pending: int
    dead: Mapping[str, Event]

    @property
    def done(self) -> int:
        """Ids published, unchanged or given up."""
        return self.total - self.pending


class SyncClient:
    """The asking side. Needs no app key, no secret and no token."""

    def __init__(self, redis: str | Redis) -> None:
        """`redis` is a URL, or a client of the caller's, which `aclose` leaves open. It must not decode responses."""
        self._own = isinstance(redis, str)
        self.redis: Redis = connect(redis, retry=True) if isinstance(redis, str) else redis
        self._partitions = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, if they are this client's own."""
        if self._own:
            await self.redis.aclose()

    async def products(
        self,
        shop_id: str | int,
        ids: Iterable[str | int],
        *,
        urgent: bool = False,
        origin: Origin = "request",
        cause: str | None = None,
        traceparent: str | None = None,
    ) -> Request:
        """Have products fetched and their changes published. Asking twice before it happens is asking once.

        Args:
            shop_id: TikTok's id of an authorized shop.
            ids: product ids, digits as strings or integers.
            urgent: pass the shop's other ids: somebody is waiting.
            origin: why, as the events will say it.
            cause: what `causationid` of the events shall be, 1 to 128 visible ASCII characters.
            traceparent: W3C trace context to hand on to the events.

        Raises:
            InvalidId: one of the ids is none; nothing has been asked for then.
            UnknownShop: nobody has authorized the shop.
        """
        shop = identifiers.checked("shop", shop_id)
        wanted = tuple(dict.fromkeys(identifiers.all_checked("product", ids)))
        partition = await self._partition(shop)
        now_ms, dead_from = await self._before(partition, shop)
        score = 0 if urgent else now_ms
        told = {"origin": None if origin == "request" else origin, "cause": cause, "traceparent": traceparent}
        why = orjson.dumps({key: value for key, value in told.items() if value}) if any(told.values()) else b""
        async with self.redis.pipeline(transaction=False) as pipe:
            for chunk in _chunks(wanted):
                if why:
                    pipe.hset(partition.asked("products", shop), mapping=dict.fromkeys(chunk, why))
                pipe.zadd(partition.backlog("products", shop), dict.fromkeys(chunk, score), lt=True)
            if wanted:
                # After the ids, so that whoever looks finds them.
                pipe.zadd(partition.due, {f"products:{shop}": now_ms}, lt=True)
            await pipe.execute()
        return Request("products", shop, wanted, dead_from)

    async def wait(self, request: Request, *, timeout: float | None = None) -> Progress:
        """Wait until every id of the request has been dealt with.

        Raises:
            TimeoutError: `timeout` seconds have passed; the request goes on all the same.
            ShopParked: the shop's seller must authorize again.
        """
        async with asyncio.timeout(timeout):
            async for progress in self.progress(request):
                latest = progress
        return latest

    async def progress(self, request: Request, *, every: float = 0.2) -> AsyncIterator[Progress]:
        """How far a request is, each `every` seconds, until it is done."""
        partition = await self._partition(request.shop_id)
        left: Sequence[str] = request.ids
        dead: dict[str, Event] = {}
        position = request.dead_from
        while True:
            left = await self._left(partition, request, left)
            position = await self._dead(partition, request, position, dead)
            yield Progress(len(request.ids), len(left), dict(dead))
            if not left:
                return
            stored = await self.redis.hget(partition.registry, request.shop_id)  # type: ignore[misc]
            shop = Shop.from_json(stored) if stored else None
            if shop and shop.status != "active":
                raise ShopParked(shop.shop_id, shop.status, shop.reason)
            await asyncio.sleep(every)

    async def shops(self) -> list[Shop]:
        """Every shop that has been authorized, by id."""
        found: list[Shop] = []
        for number in range(await self._count()):
            entries = await self.redis.hgetall(Partition(number).registry)  # type: ignore[misc]
            found += [Shop.from_json(entry) for entry in entries.values()]
        return sorted(found, key=lambda shop: (len(shop.shop_id), shop.shop_id))

    async def snapshot(self, shop_id: str | int, *, collect: bool = True) -> snapshots.Snapshot:
        """A shop's present state and the place to go on from; `collect=False`: iterate over it to read it by pages.

        Raises:
            UnknownShop: nobody has authorized the shop.
            SnapshotOutdated: Redis was restarted or failed over meanwhile.
        """
        shop = identifiers.checked("shop", shop_id)
        return await snapshots.take(self.redis, await self._partition(shop), shop, collect=collect)

    async def dead_letters(self) -> DeadLetters:
        """All that can be done with dead letters; the four methods below are its usual part."""
        return DeadLetters(self.redis, await self._count())

    async def dead(self, shop_id: str | None = None, error_class: str | None = None) -> AsyncIterator[Event]:
        """The dead letters that are there now, oldest first, of one shop or error class if given."""
        async for letter in (await self.dead_letters()).all(shop_id, error_class):
            yield letter

    async def dead_show(self, entry_id: str) -> Event:
        """One dead letter; NoSuchLetter if it isn't there."""
        return await (await self.dead_letters()).show(entry_id)

    async def requeue(
        self, *entry_ids: str, shop_id: str | None = None, error_class: str | None = None, everything: bool = False
    ) -> Requeued:
        """Ask again for the ids of dead letters, named or matching; see `DeadLetters.requeue`."""
        return await (await self.dead_letters()).requeue(Which(entry_ids, shop_id, error_class, everything))

    async def drop(
        self, *entry_ids: str, shop_id: str | None = None, error_class: str | None = None, everything: bool = False
    ) -> int:
        """Remove dead letters, named or matching; how many there were."""
        return await (await self.dead_letters()).drop(Which(entry_ids, shop_id, error_class, everything))

    async def authorize(self, code: str, *, timeout: float = 60) -> list[Shop]:
        """Hand a seller's one-use authorization code to a worker; the shops that it opened.

        The code is worth nothing without the app secret, which only workers have. It is gone from Redis when used.

        Raises:
            AuthorizationFailed: TikTok refused the code, or could not be asked.
            NoWorker: none answered within `timeout` seconds.
        """
        request = secrets.token_hex(8)
        partition = partition_for(request, await self._count())
        await self.redis.set(partition.code(request), code, ex=_CODE_SECONDS)
        await self.redis.zadd(partition.due, {f"authorize:{request}": 0})
        try:
            async with asyncio.timeout(timeout):
                while (stored := await self.redis.getdel(partition.reply(request))) is None:  # noqa: ASYNC110 - Redis
                    await asyncio.sleep(0.1)
        except TimeoutError:
            await self.redis.delete(partition.code(request))
            await self.redis.zrem(partition.due, f"authorize:{request}")
            failure = NoWorker(f"no worker has answered within {timeout:g} s: is `python -m worker` running?")
        else:
            reply = orjson.loads(stored)
            if "shops" in reply:
                return [Shop(**shop) for shop in reply["shops"]]
            raise AuthorizationFailed(reply["error"])
        raise failure

    async def _count(self) -> int:
        if not self._partitions:
            # Workers settle it at their first start; whoever comes before them settles it for the usual one.
            stored = await self.redis.get(PARTITIONS)
            if stored is None:
                await self.redis.set(PARTITIONS, 1, nx=True)
                stored = await self.redis.get(PARTITIONS)
            self._partitions = int(stored)
        return self._partitions

    async def _partition(self, shop: str) -> Partition:
        return partition_for(shop, await self._count())

    async def _before(self, partition: Partition, shop: str) -> tuple[int, str]:
        """Redis's clock in ms and the end of the dead letters; a user without the right to read gets neither check."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hexists(partition.registry, shop)
            pipe.xrevrange(partition.stream("dead"), count=1)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not isinstance(answer, NoPermissionError):
                raise answer
        time, known, last = answers
        if known is False:
            raise UnknownShop(shop)
        now_ms = 1 if isinstance(time, Exception) else int(time[0]) * 1000 + int(time[1]) // 1000
        return now_ms, last[0][0].decode() if last and not isinstance(last, Exception) else "0-0"

    async def _left(self, partition: Partition, request: Request, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that are still asked for or in hand."""
        left: list[str] = []
        for chunk in _chunks(ids):
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.zmscore(partition.backlog(request.kind, request.shop_id), chunk)
                pipe.zmscore(partition.claimed(request.kind, request.shop_id), chunk)
                waiting, claimed = await pipe.execute()
            left += [one for one, a, b in zip(chunk, waiting, claimed, strict=True) if a is not None or b is not None]
        return left

    async def _dead(self, partition: Partition, request: Request, position: str, dead: dict[str, Event]) -> str:
        """Collect the dead letters of this request written after `position`; the new position."""
        wanted = set(request.ids)
        stream = partition.stream("dead")
        while entries := await self.redis.xrange(stream, min=f"({position}", count=_CHUNK):
            for entry_id, fields in entries:
                position = entry_id.decode()
                try:
                    letter = parse(stream, position, fields)
                except InvalidEntry:
                    continue
                if letter.shop_id == request.shop_id and letter.data.get("id") in wanted:
                    dead[str(letter.data["id"])] = letter
        return position


def _chunks(ids: Sequence[str]) -> Iterable[list[str]]:
    return (list(ids[i : i + _CHUNK]) for i in range(0, len(ids), _CHUNK))
