"""Claim the ids of a shop's backlog in batches under a lease, and hand them back or release them.

The backlog alone knows the pending ids; arq only carries notifications. A lease has a fence, which the publish script
checks: a drain that was taken over can publish nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from worker.pacing.pacer import FAR
from worker.redis.lua_script import WorkerScript

LEASE_MS = 20_000
"""Milliseconds for which a silent drain keeps its ids, renewed at a third. After a crash they wait so long at most."""
CLAIM_LIMIT = 100
_CHUNK = 800
"""Ids handed back in one script call: four arguments each, below the limit of managed Redis."""


class Asked(Struct, frozen=True):
    """One id in a claim.

    Attributes:
        id: the id as it was requested, not validated yet.
        score: its score in the backlog, as the server wrote it.
        takeovers: the number of drains that died holding it.
        tries: failed attempts so far.
        why: JSON bytes with origin, cause and traceparent, or b"".
    """

    id: bytes
    score: bytes
    takeovers: int
    tries: int
    why: bytes

    @property
    def urgent(self) -> bool:
        """True if the id passes the shop's other ids, since a client waits for it."""
        return not self.takeovers and float(self.score) <= 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A running drain's hold on some ids of one shop."""

    partition: Partition
    kind: str
    shop: str
    fence: int
    now_ms: int
    """The moment of the claim, in ms of Redis's clock."""
    entry: bytes
    """The shop's registry entry; b"" if the shop isn't authorized."""
    ids: tuple[Asked, ...]
    settings: bytes = b""
    """The shop's settings, JSON; b"" for the defaults."""
    record: bytes = b""
    """The shop's own record, JSON (`ShopRecord`); b"" if there is none."""

    @property
    def member(self) -> str:
        """The shop's member of the due set."""
        return f"{self.kind}:{self.shop}"


@dataclass(frozen=True, slots=True)
class HandBack:
    """An id to return to the backlog, at once or after `delay_ms`. `failed` counts a try."""

    asked: Asked
    delay_ms: int = 0
    failed: bool = False


class Backlog:
    """Claims, renewals and ends of drains, each one script."""

    def __init__(self, redis: Redis) -> None:
        self._claim = WorkerScript(redis, "backlog/claim.lua")
        self._renew = WorkerScript(redis, "backlog/renew.lua")
        self._finish = WorkerScript(redis, "backlog/finish.lua")
        self._postpone = WorkerScript(redis, "backlog/postpone.lua")

    async def claim(
        self,
        partition: Partition,
        kind: str,
        shop: str,
        *,
        endpoint: str,
        start_rate: float,
        limit: int = CLAIM_LIMIT,
        per_call: int = 1,
    ) -> Claim | None:
        """Take the shop's lease and some of its ids: at most `limit`, and about a second of the pace.

        None if no id is ready, another drain has them, the next permit is more than FAR seconds away, or the seller
        must authorize again. The due set then has the moment of the next look.
        """
        answer = await self._take(partition, kind, shop, endpoint, start_rate, limit, per_call, "")
        if answer[0] not in {b"claimed", b"unknown"}:
            return None
        _, now_ms, fence, entry, settings, record, *_ = answer
        return Claim(
            partition=partition, kind=kind, shop=shop, fence=fence, now_ms=now_ms, entry=entry, ids=_read_asked(answer),
            settings=settings, record=record,
        )  # fmt: skip

    async def more(self, claim: Claim, *, endpoint: str, start_rate: float) -> tuple[Asked, ...]:
        """Take further ids for a drain that goes on; empty if no id is ready, or if the drain should end."""
        answer = await self._take(
            claim.partition, claim.kind, claim.shop, endpoint, start_rate, CLAIM_LIMIT, 1, str(claim.fence)
        )
        return _read_asked(answer) if answer[0] == b"claimed" else ()

    async def _take(
        self,
        partition: Partition,
        kind: str,
        shop: str,
        endpoint: str,
        start_rate: float,
        limit: int,
        per_call: int,
        fence: str,
    ) -> Any:
        return await self._claim(
            [
                partition.backlog(kind, shop),
                partition.claimed(kind, shop),
                partition.lease(kind, shop),
                partition.due,
                partition.registry,
                partition.asked(kind, shop),
                partition.tries(kind, shop),
                partition.pace(shop),
                partition.settings,
                partition.state(shop),
                partition.clock,
            ],
            [f"{kind}:{shop}", shop, limit, LEASE_MS, endpoint, int(FAR * 1000), start_rate, fence, per_call],
        )

    async def renew(self, claim: Claim) -> bool:
        """Keep the lease for another LEASE_MS; False if another drain has taken over."""
        keys = [claim.partition.lease(claim.kind, claim.shop), claim.partition.due]
        return bool(await self._renew(keys, [claim.member, claim.fence, LEASE_MS]))

    async def postpone(self, partition: Partition, kind: str, shop: str, ids: Mapping[str, tuple[int, int]]) -> None:
        """Put off ids that wait for a moment to another one, both in ms of Redis's clock. A sooner id stays."""
        if ids:
            args = [part for name, (moment, later) in ids.items() for part in (name, moment, later)]
            await self._postpone([partition.backlog(kind, shop)], args)

    async def hand_back(self, claim: Claim, back: Sequence[HandBack]) -> bool:
        """Hand ids back while the drain goes on; False if another drain has taken over."""
        chunks = (back[i : i + _CHUNK] for i in range(0, len(back), _CHUNK))
        return all([await self._give(claim, chunk, "") for chunk in chunks])

    async def finish(self, claim: Claim, back: Sequence[HandBack] = (), *, not_before_ms: int = 0) -> bool:
        """End the drain and hand back what it didn't deal with; False if another drain has taken over.

        Args:
            claim: the drain's claim.
            back: ids that were neither published nor given up.
            not_before_ms: on Redis's clock, when the shop's quota allows to go on; 0 if at once.
        """
        last = max(0, len(back) - _CHUNK)
        return await self.hand_back(claim, back[:last]) and await self._give(claim, back[last:], not_before_ms)

    async def _give(self, claim: Claim, back: Sequence[HandBack], not_before_ms: str | int) -> bool:
        partition, kind, shop = claim.partition, claim.kind, claim.shop
        args: list[str | bytes | int] = [claim.member, claim.fence, not_before_ms]
        for one in back:
            args += [one.asked.id, one.asked.score, one.delay_ms, int(one.failed)]
        keys = [
            partition.backlog(kind, shop),
            partition.claimed(kind, shop),
            partition.lease(kind, shop),
            partition.due,
            partition.tries(kind, shop),
        ]
        return bool(await self._finish(keys, args))


def _read_asked(answer: list[Any]) -> tuple[Asked, ...]:
    fields = iter(answer[6:])
    return tuple(
        Asked(id=one, score=score, takeovers=takeovers, tries=tries, why=why)
        for one, score, takeovers, tries, why in zip(*[fields] * 5, strict=True)
    )
