"""Ids that have been asked for: sent part by part, so that a million of them hold nobody up, and named for others."""

import asyncio
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream import ids as identifiers
from shopstream.enqueue.backlog import URGENT, enqueue, slices, urgent_since
from shopstream.enqueue.id_set import IdSet
from shopstream.enqueue.reasons import Why
from shopstream.errors import UnknownRequest, UnknownShop
from shopstream.ids import InvalidArgument
from shopstream.redis import clock
from shopstream.redis.connection import patiently
from shopstream.redis.keys import Partition
from shopstream.redis.streams.entry_ids import is_entry_id

_PART: Final = 2_000
"""Ids sent together. Between two parts the caller's event loop does its other work: about 10 ms each."""
SLICE: Final = 10_000
"""Ids checked together, in about 5 ms."""
_INLINE: Final = 5
"""Ids that a request's id names by itself; those of bigger ones are kept in Redis."""
KEPT_SECONDS: Final = 2 * 86_400
_ID: Final = re.compile(r"(products|stock):([0-9]{1,21}):([0-9-]{3,41}):(\*[0-9a-f]{16}|[0-9a-z:,]*)", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """Ids that have been asked for.

    Attributes:
        kind: `products` or `stock`.
        shop_id: TikTok's id.
        ids: as they were asked for, each once; SKUs as `sku:ID`.
        dead_from: where the dead letters stood before.
        token: under which the ids of a big request are kept; "" for a small one.
    """

    kind: str
    shop_id: str
    ids: tuple[str, ...]
    dead_from: str
    token: str = ""

    @property
    def id(self) -> str:
        """Names it to other processes, for two days: `SyncClient.find_request` and `wait` take it."""
        return ":".join(
            (self.kind, self.shop_id, self.dead_from, f"*{self.token}" if self.token else ",".join(self.ids))
        )

    def __repr__(self) -> str:
        return f"Request(kind={self.kind!r}, shop_id={self.shop_id!r}, {len(self.ids)} ids)"


async def collect_ids(kind: str, values: Iterable[object], prefix: str = "") -> tuple[str, ...]:
    """Every one of `values` as an id behind `prefix`, each once, in order. Yields to the event loop now and then.

    Raises:
        InvalidArgument: the first that is none, or a single id instead of several.
    """
    known = IdSet()
    found: list[str] = []
    for part in slices(identifiers.many(kind, values), SLICE):
        checked = known.take(identifiers.check_all(kind, part))
        found += [prefix + one for one in checked] if prefix else checked
        await asyncio.sleep(0)
    ids = tuple(found)
    # A million of anything takes 10 to 20 ms to be made or let go of: one after the other.
    await asyncio.sleep(0)
    found.clear()
    await asyncio.sleep(0)
    del known
    await asyncio.sleep(0)
    return ids


async def ask(
    redis: Redis, partition: Partition, kind: str, shop: str, ids: tuple[str, ...], *, urgent: bool, why: Why
) -> Request:
    """Put ids into a backlog and have somebody look, part by part.

    Should Redis fail on the way, the parts before stay asked for, and asking again is right.

    Raises:
        UnknownShop: nobody has authorized the shop.
    """
    now_ms, dead_from = await patiently(lambda: _before(redis, partition, shop))
    reason, moment = why.to_json(), float(now_ms)
    if urgent:
        reason, moment = (why.to_json(now_ms), URGENT) if reason else (b"", urgent_since(now_ms))
    request = Request(
        kind=kind, shop_id=shop, ids=ids, dead_from=dead_from, token=secrets.token_hex(8) if len(ids) > _INLINE else ""
    )

    async def send(part: list[str]) -> None:
        reasons = dict.fromkeys(part, reason) if reason else None
        await enqueue(redis, partition, kind, shop, dict.fromkeys(part, moment), reasons)

    for part in slices(ids, _PART):
        if request.token:
            await _keep(redis, partition.request(request.token), part)
        await patiently(lambda part=part: send(part))  # type: ignore[misc]
        await asyncio.sleep(0)
    return request


def place_of(request_id: str) -> str:
    """The shop whose partition a request is in.

    Raises:
        InvalidArgument: it is no request's id.
    """
    return _parts(request_id)[1]


async def find(redis: Redis, partition: Partition, request_id: str) -> Request:
    """The request of this id.

    Raises:
        InvalidArgument: it is none.
        UnknownRequest: its ids are not kept any more, or never were.
    """
    kind, shop, dead_from, rest = _parts(request_id)
    if not rest.startswith("*"):
        return Request(kind, shop, tuple(filter(None, rest.split(","))), dead_from)
    ids: list[str] = []
    position = 0
    while kept := await redis.lrange(partition.request(rest[1:]), position, position):  # type: ignore[misc]
        ids += kept[0].decode().split(",")
        position += 1
    if not ids:
        raise UnknownRequest(request_id)
    return Request(kind=kind, shop_id=shop, ids=tuple(ids), dead_from=dead_from, token=rest[1:])


def _parts(request_id: str) -> Sequence[str]:
    found = _ID.fullmatch(request_id) if isinstance(request_id, str) else None
    if found is None or not is_entry_id(found[3]) or not _names_ids(found[1], found[4]):
        raise InvalidArgument(f"{identifiers.show(request_id)} is not a request's id: Request.id gives it")
    return found.groups()


def _names_ids(kind: str, rest: str) -> bool:
    """Tell whether the end of a request's id is one that `Request.id` gives: nobody waits for what is no id."""
    if not rest or rest.startswith("*"):
        return True
    names = rest.split(",")
    return all(identifiers.is_id(one.removeprefix("sku:") if kind == "stock" else one) for one in names)


async def _keep(redis: Redis, key: str, part: list[str]) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        pipe.rpush(key, ",".join(part))
        pipe.expire(key, KEPT_SECONDS)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    for answer in answers:
        # A user without this right asks all the same; others can't wait for the request then.
        if isinstance(answer, Exception) and not isinstance(answer, NoPermissionError):
            raise answer


async def _before(redis: Redis, partition: Partition, shop: str) -> tuple[int, str]:
    """Redis's clock in ms and the end of the dead letters; a user without the right to read gets neither check."""
    async with redis.pipeline(transaction=False) as pipe:
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
    now_ms = 1 if isinstance(time, Exception) else clock.convert(time)
    return now_ms, last[0][0].decode() if last and not isinstance(last, Exception) else "0-0"
