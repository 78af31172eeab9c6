"""Ids that have been asked for: put into a shop's backlog, and watched until each is done or given up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from shopstream import due
from shopstream.connection import patiently
from shopstream.errors import UnknownShop
from shopstream.events import Event, InvalidEntry, parse
from shopstream.names import Partition
from shopstream.reasons import Why

_CHUNK = 1_000
"""Ids a command: 2,000 arguments, below what rented Redis takes."""


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


async def ask(
    redis: Redis, partition: Partition, kind: str, shop: str, ids: tuple[str, ...], *, urgent: bool, why: Why
) -> Request:
    """Put ids into a backlog, then have somebody look.

    Raises:
        UnknownShop: nobody has authorized the shop.
    """
    now_ms, dead_from = await patiently(lambda: _before(redis, partition, shop))
    told = why.to_json()
    async with redis.pipeline(transaction=False) as pipe:
        for chunk in _chunks(ids):
            if told:
                pipe.hset(partition.asked(kind, shop), mapping=dict.fromkeys(chunk, told))
            pipe.zadd(partition.backlog(kind, shop), dict.fromkeys(chunk, 0 if urgent else now_ms), lt=True)
        if ids:
            await due.add(pipe, partition, {f"{kind}:{shop}": now_ms}, lt=True)
    return Request(kind, shop, ids, dead_from)


async def left(redis: Redis, partition: Partition, request: Request, ids: Sequence[str]) -> list[str]:
    """Those of `ids` that are still asked for or in hand."""
    found: list[str] = []
    for chunk in _chunks(ids):
        async with redis.pipeline(transaction=True) as pipe:
            pipe.zmscore(partition.backlog(request.kind, request.shop_id), chunk)
            pipe.zmscore(partition.claimed(request.kind, request.shop_id), chunk)
            waiting, claimed = await pipe.execute()
        found += [one for one, a, b in zip(chunk, waiting, claimed, strict=True) if a is not None or b is not None]
    return found


async def dead(redis: Redis, partition: Partition, request: Request, position: str, found: dict[str, Event]) -> str:
    """Collect the dead letters of this request written after `position`; the new position."""
    wanted = set(request.ids)
    stream = partition.stream("dead")
    while entries := await redis.xrange(stream, min=f"({position}", count=_CHUNK):
        for entry_id, fields in entries:
            position = entry_id.decode()
            try:
                letter = parse(stream, position, fields)
            except InvalidEntry:
                continue
            if letter.shop_id == request.shop_id and letter.data.get("id") in wanted:
                found[str(letter.data["id"])] = letter
    return position


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
    now_ms = 1 if isinstance(time, Exception) else int(time[0]) * 1000 + int(time[1]) // 1000
    return now_ms, last[0][0].decode() if last and not isinstance(last, Exception) else "0-0"


def _chunks(ids: Sequence[str]) -> Iterable[list[str]]:
    return (list(ids[i : i + _CHUNK]) for i in range(0, len(ids), _CHUNK))
