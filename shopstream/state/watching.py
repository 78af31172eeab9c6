"""Watch how far a request is: by portions, however many ids it has, until each is done or given up."""

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
"""Ids asked about in one round trip: about 3 ms of Redis's time."""
_WINDOWS: Final = 10
"""Round trips of one look at most, while it finds that most are done."""
_PAGE: Final = 500
"""Dead letters a page."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a request: `total` = `done` + `given_up` + `pending`.

    Attributes:
        total: ids asked for.
        pending: ids not dealt with yet. Of more than 4,000 a look sees a part, and it may be fewer by then.
        dead: the letters of those given up, by id.
    """

    total: int
    pending: int
    dead: Mapping[str, Event]

    @property
    def given_up(self) -> int:
        """Ids that nothing could be published of: `dead` says why."""
        return len(self.dead)

    @property
    def done(self) -> int:
        """Ids whose changes are published, or that were found unchanged."""
        return max(0, self.total - self.pending - self.given_up)


async def watch(redis: Redis, partition: Partition, request: Request) -> AsyncIterator[Progress]:
    """A look at the request whenever the next one is asked for; the last one has nothing pending."""
    pending = deque(request.ids)
    ids = IdSet()
    for part in slices(request.ids, SLICE):
        ids.take(part)
        await asyncio.sleep(0)
    dead: dict[str, Event] = {}
    position = request.dead_from
    while True:
        # First the ids, then the letters: who gives up writes both in one step.
        left = await _look(redis, partition, request, pending)
        position = await _letters(redis, partition, request, position, ids, dead)
        yield Progress(len(request.ids), left, dict(dead))
        if not left:
            return


async def _look(redis: Redis, partition: Partition, request: Request, pending: deque[str]) -> int:
    """Take out of `pending` what is done of its first some thousand, turn it, and say how many may be left."""
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
            bound = waiting + claimed  # no more can be left than there are of anybody's
        if whole or not bound or 2 * len(still) > len(window):
            break
    return min(len(pending), bound)


async def _window(redis: Redis, keys: Sequence[str], window: list[str], *, count: bool) -> tuple[list[str], int, int]:
    """Those of `window` that are in the backlog or claimed, as of one moment, and with `count` the sizes of both."""
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
    """Collect the dead letters of this request written after `position`; the new position."""
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
