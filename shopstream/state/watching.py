"""Watch the progress of a request, until each of its ids is done or given up.

A look at a request of a million ids reads some thousand of them, so that it blocks neither Redis nor the event loop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from redis.asyncio import Redis

from shopstream.enqueue.backlog import COMMAND_IDS, slices
from shopstream.enqueue.id_set import IdSet
from shopstream.enqueue.requests import SLICE, Request
from shopstream.events import Event, InvalidEntry, parse
from shopstream.redis.keys import Partition

_WINDOW: Final = 4_000
"""Ids looked up in one round trip, which takes about 3 ms of Redis's time."""
_WINDOWS: Final = 10
"""Round trips of one look at most; a further one follows while most ids are done."""
_PAGE: Final = 500
"""Dead letters read in one round trip."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a request, in ids: `total` = `done` + `given_up` + `pending`.

    Attributes:
        total: ids in the request.
        pending: ids neither done nor given up. Above 4,000 it is an upper bound, since a look sees a part of them.
        dead: the dead letters of the ids given up, by id.
    """

    total: int
    pending: int
    dead: Mapping[str, Event]

    @property
    def given_up(self) -> int:
        """Count the ids that were given up; `dead` has the reasons."""
        return len(self.dead)

    @property
    def done(self) -> int:
        """Count the ids whose changes are published, or that were found unchanged."""
        return max(0, self.total - self.pending - self.given_up)


async def watch(redis: Redis, partition: Partition, request: Request) -> AsyncIterator[Progress]:
    """Yield the progress of a request, read again for each step, until no id is pending."""
    pending = deque(request.ids)
    ids = IdSet()
    for part in slices(request.ids, SLICE):
        ids.take(part)
        await asyncio.sleep(0)
    dead: dict[str, Event] = {}
    position = request.dead_from
    while True:
        # The ids come first, then the letters: a worker that gives up an id writes both in one step.
        left = await _look(redis, partition, request, pending)
        position = await _letters(redis, partition, request, position, ids, dead)
        yield Progress(len(request.ids), left, dict(dead))
        if not left:
            return


async def _look(redis: Redis, partition: Partition, request: Request, pending: deque[str]) -> int:
    """Remove the done ids among the first thousands of `pending`, rotate it, and return an upper bound of the rest."""
    keys = (partition.backlog(request.kind, request.shop_id), partition.claimed(request.kind, request.shop_id))
    bound = len(pending)
    for _ in range(_WINDOWS):
        window = list(islice(pending, _WINDOW))
        whole = len(window) == len(pending)
        still, waiting, claimed = await _window(redis, keys, window, count=not whole)
        for _ in window:
            pending.popleft()
        pending.extend(still)
        if not whole:
            bound = waiting + claimed  # the ids of all requests bound those of this one
        if whole or not bound or 2 * len(still) > len(window):
            break
    return min(len(pending), bound)


async def _window(redis: Redis, keys: Sequence[str], window: list[str], *, count: bool) -> tuple[list[str], int, int]:
    """Return the ids of `window` in the backlog or claimed, as of one moment, and with `count` the sizes of both."""
    chunks = list(slices(window, COMMAND_IDS))
    async with redis.pipeline(transaction=True) as pipe:
        for key in keys:
            for chunk in chunks:
                pipe.zmscore(key, chunk)
        for key in keys if count else ():
            pipe.zcard(key)
        answers = await pipe.execute()
    waiting, claimed = (list(chain.from_iterable(answers[at : at + len(chunks)])) for at in (0, len(chunks)))
    still = [one for one, a, b in zip(window, waiting, claimed, strict=True) if a is not None or b is not None]
    sizes = answers[2 * len(chunks) :] if count else [0, 0]
    return still, sizes[0], sizes[1]


async def _letters(
    redis: Redis, partition: Partition, request: Request, position: str, ids: IdSet, found: dict[str, Event]
) -> str:
    """Collect into `found` the request's dead letters written after `position`; return the new position."""
    stream, shop = partition.stream("dead"), request.shop_id.encode()
    while entries := await redis.xrange(stream, min=f"({position}", count=_PAGE):
        for entry_id, fields in entries:
            position = entry_id.decode()
            if fields.get(b"shopid") != shop:
                continue
            try:
                letter = parse(stream, position, fields)
            except InvalidEntry:
                continue
            if (name := str(letter.data.get("id"))) in ids:
                found[name] = letter
    return position
