"""Whole shops: asked for, watched, and how fresh the picture of each is."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, Final, Literal

import orjson
from redis.asyncio import Redis

from shopstream.ids import InvalidArgument, show
from shopstream.redis import clock, due
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import Partition, partition_for
from shopstream.registry.settings import DEFAULT
from shopstream.registry.shop_entries import read_shops

WalkKind = Literal["delta", "full", "poll", "dry"]
ORDER_SECONDS = 3_600
_SHARE: Final = 10
"""The part of an interval over which syncs are spread by default: one tenth."""
_ID: Final = re.compile(r"(delta|full|poll|dry):([0-9]{1,21}):([0-9]{1,15}):([0-9a-f]{1,21})", re.ASCII)


@dataclass(frozen=True, slots=True)
class WalkRequest:
    """A walk that has been asked for. One that began at `asked_ms` (Redis's clock) or later answers it."""

    kind: WalkKind
    shop_id: str
    asked_ms: int = field(repr=False)
    name: str = field(repr=False)
    """Whose walk it is: the shop's id, or a dry run's own."""

    @property
    def id(self) -> str:
        """Names it to other processes: `SyncClient.find_request` and `wait` take it."""
        return f"{self.kind}:{self.shop_id}:{self.asked_ms}:{self.name}"

    @classmethod
    def of(cls, request_id: str) -> "WalkRequest | None":
        """The walk of this id; None if it is no walk's."""
        found = _ID.fullmatch(request_id) if isinstance(request_id, str) else None
        if found is None or (found[1] != "dry" and found[2] != found[4]):  # a dry run alone has a name of its own
            return None
        kind: Any = found[1]
        return cls(kind, found[2], int(found[3]), found[4])


@dataclass(frozen=True, slots=True)
class WalkProgress:
    """Progress of a walk: its counts so far, and whether it has ended.

    Attributes:
        run_id: its id, as its events name it; "" while it has not begun.
        pages, products, calls, events: so far. `expected` products, None if not known.
        changed, unchanged, deleted, failed: products, by what became of them.
        details: products whose detail was asked for; `details_left` of all asked details are still to be fetched.
        types: events by type.
        drift: changes that nothing had announced.
        seconds: since it began.
        complete: whether it has ended and seen everything; `reason` says why not.
        done: it has ended, and so have the details.
    """

    run_id: str = ""
    pages: int = 0
    products: int = 0
    expected: int | None = None
    calls: int = 0
    events: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    details: int = 0
    details_left: int = 0
    types: Mapping[str, int] = field(default_factory=dict)
    drift: int = 0
    throttled: int = 0
    seconds: float = 0.0
    complete: bool = False
    reason: str | None = None
    done: bool = False

    @property
    def rate(self) -> float:
        """Products a second."""
        return self.products / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """As far as can be said."""
        if not self.expected or not self.products or self.done:
            return None
        return max(0.0, (self.expected - self.products) / self.rate)


@dataclass(frozen=True, slots=True)
class Freshness:
    """Freshness of the picture of a shop: the age of its stock, the changes seen so far, and the walk that runs.

    Attributes:
        stock_age: seconds since all of its stock was last seen, by a complete walk or poll; None if it never was.
        watermark: Unix seconds up to which all changes have been seen; None if there was no complete walk.
        walking: the walk that runs; None if there is none.
        nothing_age: seconds since an incremental sync last ended that found nothing, of which no event tells; None if
            none has.
    """

    shop_id: str
    stock_age: float | None
    watermark: int | None
    walking: str | None
    nothing_age: float | None = None


@dataclass(frozen=True, slots=True)
class SpreadSync:
    """The syncs that were requested for all shops.

    Attributes:
        kind: `delta` for incremental syncs, `full` for full ones.
        shops: the number of shops, all that are active.
        waiting: the number of the other shops, which wait for their seller.
        over_seconds: the time from the first begin to the last.
    """

    kind: Literal["delta", "full"]
    shops: int
    waiting: int
    over_seconds: int


_FIELDS = frozenset(f.name for f in fields(WalkProgress)) - {"run_id", "details_left", "seconds", "done"}


async def ask(redis: Redis, partition: Partition, shop: str, kind: WalkKind) -> WalkRequest:
    """Have a walk begin as soon as a worker has a slot. One of everything that runs already is joined."""
    now_ms = await clock.read_ms(redis, partition)
    at, since = await redis.hmget(partition.walk(shop), [f"at:{kind}", f"since:{kind}"])  # type: ignore[misc]
    # A walk that has begun and has no place yet: nothing says yet whether a delta reads everything.
    running = _json(at) or ({"kind": kind, "started_ms": since} if since else {})
    if running and running["kind"] != "delta":
        await due.add(redis.pipeline(transaction=False), partition, {f"{kind}:{shop}": now_ms}, nx=True)
        return WalkRequest(kind, shop, int(running["started_ms"]), shop)
    await due.add(redis.pipeline(transaction=False), partition, {f"{kind}:{shop}": 0}, lt=True)
    return WalkRequest(kind, shop, now_ms, shop)


async def ask_all(redis: Redis, partitions: int, *, full: bool, over_seconds: int | None) -> SpreadSync:
    """Make a sync of each active shop due, in one pipeline. A sync that is due sooner stays so.

    Raises:
        InvalidArgument: the time is negative, or no number of seconds.
    """
    seconds = (DEFAULT.full_interval if full else DEFAULT.interval) // _SHARE if over_seconds is None else over_seconds
    if not isinstance(seconds, int | float) or not 0 <= seconds < inf:  # NaN is in no range
        raise InvalidArgument(f"syncs are spread over 0 seconds or more, not {show(seconds)}")
    known = await read_shops(redis, partitions)
    active = sorted(shop.shop_id for shop in known if shop.status == "active")
    kind: Literal["delta", "full"] = "full" if full else "delta"
    first_ms = await clock.read_ms(redis)
    members: dict[Partition, dict[str, float]] = {}
    for at, shop in enumerate(active):
        moment = first_ms + int(at * seconds * 1000) // max(1, len(active) - 1)
        members.setdefault(partition_for(shop, partitions), {})[f"{kind}:{shop}"] = moment
    if members:
        async with redis.pipeline(transaction=False) as pipe:
            for partition, moments in members.items():
                pipe.zadd(partition.due, moments, lt=True)
            number = len(pipe.command_stack)
            pipe.zadd(wake_key(), {str(partition.number): 0 for partition in members})
            answers = await pipe.execute(raise_on_error=False)
        # A failed wake-up costs latency alone: the workers' sweep finds what is due.
        for answer in answers[:number]:
            if isinstance(answer, Exception):
                raise answer
    return SpreadSync(kind, len(active), len(known) - len(active), seconds)


async def ask_dry(redis: Redis, partition: Partition, shop: str, kind: str, ids: Sequence[str]) -> WalkRequest:
    """Have a worker fetch and compare, and publish nothing."""
    request = secrets.token_hex(8)
    order = {"kind": kind, "shop_id": shop, "ids": list(ids)}
    await redis.set(partition.order(request), orjson.dumps(order), ex=ORDER_SECONDS)
    await due.add(redis.pipeline(transaction=False), partition, {f"dry:{request}": 0})
    return WalkRequest("dry", shop, 0, request)


async def progress(redis: Redis, partition: Partition, request: WalkRequest) -> WalkProgress:
    """Read how far the walk of a request is now."""
    key = partition.walk(request.name)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hmget(key, [f"at:{request.kind}", f"done:{request.kind}"])
        pipe.zcard(partition.backlog("products", request.shop_id))
        pipe.zcard(partition.claimed("products", request.shop_id))
        pipe.hget(partition.lease("products", request.shop_id), "until")
        pipe.time()
        (at, over), waiting, claimed, until_ms, time = await pipe.execute()
    now = clock.convert(time) / 1000
    # A drain counts the events of its last details after it has let go of them.
    draining = int(until_ms or 0) > now * 1000
    left = waiting + claimed
    done, running = _json(over), _json(at)
    if done and int(done["started_ms"]) >= request.asked_ms:
        ended = request.kind in {"dry", "poll"} or not (left or draining)
        details = await redis.hgetall(partition.walk(done["run"])) if ended else {}  # type: ignore[misc]
        for name, number in details.items():
            done["types"][name.decode()] = done["types"].get(name.decode(), 0) + int(number)
            done["events"] += int(number)
        return _progress(done, now, left, ended=ended)
    if running and int(running["started_ms"]) >= request.asked_ms:
        return _progress(running, now, left, ended=False)
    return WalkProgress()


async def watch(redis: Redis, partition: Partition, request: WalkRequest) -> AsyncIterator[WalkProgress]:
    """A look at the walk whenever the next one is asked for, without end."""
    while True:
        yield await progress(redis, partition, request)


async def freshness(redis: Redis, partition: Partition, shop: str) -> Freshness:
    """Read how fresh the picture of a shop is, as its walks have left it."""
    names = ["seen", "nothing:delta", "watermark", "at:full", "at:delta", "at:poll"]
    *moments, watermark, full, delta, poll = await redis.hmget(partition.walk(shop), names)  # type: ignore[misc]
    now_ms = await clock.read_ms(redis, partition)
    stock_age, nothing_age = ((now_ms - int(moment)) / 1000 if moment else None for moment in moments)
    walking = next((_json(place)["kind"] for place in (full, delta, poll) if place), None)
    return Freshness(
        shop_id=shop, stock_age=stock_age, watermark=int(watermark) if watermark else None, walking=walking,
        nothing_age=nothing_age,
    )  # fmt: skip


def _progress(record: dict[str, Any], now: float, left: int, *, ended: bool) -> WalkProgress:
    known = {name: record[name] for name in _FIELDS if name in record}
    known["complete"] = ended and record["complete"]
    seconds = max(0.0, now - int(record["started_ms"]) / 1000)
    return WalkProgress(run_id=record["run"], details_left=left, seconds=seconds, done=ended, **known)


def _json(stored: bytes | None) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads(stored) if stored else {}
    return record
