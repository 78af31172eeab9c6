"""Keep the progress of walks in Redis, and the lease that lets one walk of a shop run at a time."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct, field
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.backlog.claims import Claim
from worker.publishing.counts import Counts
from worker.publishing.publisher import Fenced
from worker.redis.lua_script import WorkerScript
from worker.walks.windows import Window

LEASE_MS: Final = 20_000
PAGE_SIZE: Final = 100
"""Products of a page, unless the marketplace says otherwise."""
PAGE_SIZE_SECONDS: Final = 7 * 86_400


class Place(Struct):
    """Progress of a walk and its counts: stored after each page, shown to waiting clients.

    Attributes:
        run: its id in events.
        started_ms: its begin, in ms of Redis's clock.
        first_seq: the number of the last call before it. Products with a later look were seen by it.
        initial: true for the first walk of its shop.
        announced: Unix seconds up to which an earlier walk has seen all changes; None without one.
        since: Unix seconds from which changes are listed; None for everything.
        windows: the windows still to be listed, last first. `window` is being listed, `token` leads to its next page.
        status: the status of the listed products: ALL, then DELETED.
        deleted_since: Unix seconds from which deletions are listed; None if they aren't.
        page_size: products of a page: fewer if a page of 100 would pass the limit of an answer.
        least, first: the counts of `window` by the pages of this pass, the lowest and the first: TikTok's may waver.
        made: products on the list that were created since the begin of the walk.
        unread: lines of this pass that could not be decoded.
        passes: the number of passes through the window that found too few products.
        uncut_at: the pages read when a window could last not be cut further; None if that has never been so.
        clock: Unix seconds of TikTok's clock at its begin; None until it is known.
        newest: the largest `update_time` seen, in Unix seconds; None without one.
        server: the Redis server of `cursor`.
        looked: known products that the scan has passed.
        cursor: the cursor of the scan of the shop's state, after the list.
        phase: `list`, then `sweep` for deletions; `poll` for stock.
        expected: the number of products by TikTok; None if it gave none.
        complete: true if everything was seen. Otherwise `reason` is set.
    """

    run: str
    kind: str
    started_ms: int
    first_seq: int = 0
    initial: bool = False
    announced: int | None = None
    since: int | None = None
    windows: list[Window] = field(default_factory=lambda: [Window()])
    window: Window | None = None
    token: str = ""
    pages_of_window: int = 0
    status: str = "ALL"
    deleted_since: int | None = None
    page_size: int = PAGE_SIZE
    least: int | None = None
    first: int | None = None
    made: int = 0
    unread: int = 0
    passes: int = 0
    uncut_at: int | None = None
    clock: int | None = None
    newest: int | None = None
    server: str | None = None
    looked: int = 0
    restarts: int = 0
    cursor: int = 0
    phase: str = "list"
    pages: int = 0
    calls: int = 0
    throttled: int = 0
    expected: int | None = None
    products: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    events: int = 0
    details: int = 0
    drift: int = 0
    types: dict[str, int] = field(default_factory=dict)
    complete: bool = True
    reason: str | None = None

    def count(self, counts: Counts) -> None:
        """Add the outcomes of some products to the counts of the walk."""
        self.changed += counts.changed
        self.unchanged += counts.unchanged
        self.events += counts.events
        for name, number in counts.types.items():
            self.types[name] = self.types.get(name, 0) + number
        self.failed += len(counts.broken)
        if counts.broken:
            self.incomplete("a mistake of ours kept a product from being published: see the log")

    def incomplete(self, reason: str) -> None:
        """Mark the walk as incomplete. The first `reason` is kept."""
        self.complete, self.reason = False, self.reason or reason


@dataclass(frozen=True, slots=True)
class Walk:
    """A running walk. `claim` fences its events; its `kind` is `walk`, since a shop has one walk at a time."""

    claim: Claim
    name: str
    place: Place | None
    """None at its begin."""
    watermark: int | None
    fetch_seq: int
    page_size: int
    """Products of a page that keep this shop's answers below the limit."""


class Walks:
    """Begins, checkpoints and ends of walks."""

    def __init__(self, redis: Redis, page_size: int = PAGE_SIZE) -> None:
        """`page_size`: products of a page, at most."""
        self._redis = redis
        self._page_size = page_size
        self._script = WorkerScript(redis, "walks/walk.lua")

    async def begin(self, partition: Partition, name: str, shop: str) -> Walk | None:
        """Take the lease of the shop's walk; None if another one runs or the seller must authorize again."""
        answer = await self._script(self._keys(partition, shop), ["begin", f"{name}:{shop}", shop, name, LEASE_MS])
        if answer[0] != b"yours":
            return None
        _, fence, now_ms, entry, settings, place, watermark, fetch_seq, record, page_size = answer
        claim = Claim(
            partition=partition, kind="walk", shop=shop, fence=fence, now_ms=now_ms, entry=entry, ids=(),
            settings=settings, record=record,
        )  # fmt: skip
        return Walk(
            claim=claim,
            name=name,
            place=msgspec.json.decode(place, type=Place) if place else None,
            watermark=int(watermark) if watermark else None,
            fetch_seq=fetch_seq,
            page_size=int(page_size) if page_size else self._page_size,
        )

    async def keep(self, walk: Walk, place: Place | None = None) -> None:
        """Renew the lease and store the checkpoint.

        Raises:
            Fenced: another worker has taken over.
        """
        await self._do(walk, "keep", LEASE_MS, msgspec.json.encode(place) if place else b"")

    async def leave(self, walk: Walk, place: Place, not_before_ms: int = 0) -> None:
        """Release the lease, so that another worker, or this one later, goes on from the checkpoint."""
        await self._do(walk, "leave", not_before_ms, msgspec.json.encode(place))

    async def remember_page_size(self, walk: Walk, page_size: int) -> None:
        """Store the number of this shop's products that fit on a page, for the walks of the next 7 days."""
        key = walk.claim.partition.page_size(walk.claim.shop)
        await self._redis.set(key, page_size, ex=PAGE_SIZE_SECONDS)

    async def end(
        self,
        walk: Walk,
        place: Place,
        *,
        next_ms: int = 0,
        watermark: int | None = None,
        seen_ms: int | None = None,
        forget: int = 0,
        nothing: bool = False,
    ) -> None:
        """End the walk.

        Args:
            walk: the walk.
            place: its last checkpoint.
            next_ms: the moment of the next run by itself, in ms of Redis's clock; 0 for never.
            watermark: Unix seconds up to which all changes have been seen; None leaves it alone.
            seen_ms: on Redis's clock, when all stock was seen; None leaves it alone. `watermark` counts as seen at
                the begin of the walk.
            forget: seconds after which nothing of it is kept; 0 for never.
            nothing: true for a walk that found nothing: its end is kept as the last such moment, since no event has it.
        """
        moments = ["" if moment is None else moment for moment in (watermark, seen_ms)]
        changes_ms = "" if watermark is None else place.started_ms
        await self._do(walk, "end", next_ms, msgspec.json.encode(place), *moments, forget, changes_ms, int(nothing))

    async def _do(self, walk: Walk, verb: str, *more: str | bytes | int) -> None:
        claim = walk.claim
        args: list[str | bytes | int] = [verb, f"{walk.name}:{claim.shop}", claim.shop, walk.name, claim.fence, *more]
        if not await self._script(self._keys(claim.partition, claim.shop), args):
            raise Fenced

    def _keys(self, partition: Partition, shop: str) -> list[str]:
        return [
            partition.walk(shop),
            partition.lease("walk", shop),
            partition.due,
            partition.registry,
            partition.settings,
            partition.pace(shop),
            partition.state(shop),
            partition.sequence(shop),
            partition.page_size(shop),
        ]
