"""The way of a product id: claimed from the shop's backlog, fetched at the shop's pace, published, let go.

One drain per shop at a time, at most 100 ids; then the shop goes to the back of the queue.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError
from worker.tokens import ReauthorizationRequired, TokenError

from jobs import retry, why
from jobs.shops import access_to, park
from shopstream import ids
from shopstream.names import Partition
from shopstream.shops import Shop
from worker.backlog import LEASE_MS, Asked, Claim, HandBack
from worker.changes import Cause
from worker.normalize import product_snapshot
from worker.pacing import Permit
from worker.publish import Counts, Fenced, Seen, Target
from worker.runtime import Runtime
from worker.tiktok.client import Access
from worker.tiktok.errors import (
    Misconfigured,
    NotAllowed,
    ProductRefused,
    Reauthorize,
    Throttled,
    TikTokError,
    TokenExpired,
    Transient,
    printable,
)

KIND = "products"
IN_FLIGHT = 64
"""Calls of one shop under way at once."""
FLUSH_AFTER = 0.05
"""Seconds that a lone answer waits for others to be published with."""
OUTAGE_AFTER = 5
"""That many failures in a row, and the drain stops: the upstream is down, and the other ids shall not suffer for it."""


async def drain(runtime: Runtime, partition: Partition, shop: str) -> bool:
    """Sync one batch of what a shop's backlog holds; False if there was nothing to do now.

    Every id ends published, unchanged, dead with its reason, or back in the backlog. Redis lost in the middle leaves
    the ids claimed: the next drain takes them over when the lease has run out.
    """
    endpoint = runtime.tiktok.product_endpoint
    claim = await runtime.backlog.claim(partition, KIND, shop, endpoint=endpoint, start_rate=runtime.pacer.rate)
    if claim is None:
        return False
    try:
        await _Drain(runtime, claim).run()
    except Fenced:
        runtime.log.warning("drain_fenced", shop=shop, fence=claim.fence)
    return True


@dataclass(slots=True)
class _Drain:
    """One drain's work in progress."""

    runtime: Runtime
    claim: Claim
    begun: float = field(default_factory=time.monotonic)
    waiting: deque[Asked] = field(default_factory=deque)
    """Ids not sent yet."""
    answers: list[tuple[Asked, Seen]] = field(default_factory=list)
    """Answers not published yet."""
    back: list[HandBack] = field(default_factory=list)
    letters: list[tuple[bytes, dict[str, Any], Cause]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    calls: int = 0
    failures: int = 0
    """In a row."""
    not_before_ms: int = 0
    stop: bool = False
    """Nothing more is sent: throttled, refused, down, or the process ends."""

    async def run(self) -> None:
        entry = Shop.from_json(self.claim.entry) if self.claim.entry else None
        target = self.runtime.target(self.claim.shop, entry)
        self._sort_out(entry)
        try:
            if self.waiting and entry:
                await self._fetch_and_publish(target, entry)
        finally:
            self.back += [HandBack(asked) for asked in self.waiting]
            self.waiting.clear()
        if self.letters:
            self.counts.dead += await self.runtime.publisher.bury(target, self.claim, self.letters)
        await self.runtime.backlog.finish(self.claim, self.back, not_before_ms=self.not_before_ms)
        self._log()

    def _sort_out(self, entry: Shop | None) -> None:
        """Ids that can't be fetched go to `dead`, with the reason; the others wait for their permit."""
        claim = self.claim
        misplaced = claim.partition != self.runtime.partition(claim.shop)
        for asked in claim.ids:
            if not ids.valid(claim.shop):
                self._bury(asked, "invalid_shop_id", "a shop id is 1 to 21 digits")
            elif misplaced:
                right = self.runtime.partition(claim.shop).number
                self._bury(asked, "wrong_partition", f"shop {claim.shop} belongs into partition {right}")
            elif not ids.valid(asked.id.decode(errors="replace")):
                self._bury(asked, "invalid_id", "a product id is 1 to 21 digits")
            elif entry is None:
                self._bury(asked, "unknown_shop", "nobody has authorized this shop: shopstream authorize-url")
            elif asked.takeovers >= retry.CRASHES_MAX:
                self._bury(asked, "crash", f"{asked.takeovers} workers died while they had it in hand")
            else:
                self.waiting.append(asked)

    async def _fetch_and_publish(self, target: Target, entry: Shop) -> None:
        try:
            access, version = await access_to(self.runtime, entry)
        except ReauthorizationRequired as refused:
            await park(self.runtime, entry, refused.reason)
            return
        except TokenError as error:
            self._defer(error)
            return
        renewing = asyncio.create_task(self._renew())
        sending = asyncio.create_task(self._send(entry, access, version))
        try:
            while not sending.done() or self.answers:
                if renewing.done():
                    renewing.result()
                await asyncio.wait((sending, renewing), timeout=FLUSH_AFTER, return_when=asyncio.FIRST_COMPLETED)
                await self._publish(target)
            sending.result()
        finally:
            for task in (sending, renewing):
                task.cancel()
            await asyncio.gather(sending, renewing, return_exceptions=True)

    async def _send(self, entry: Shop, access: Access, version: int) -> None:
        """Send a call for each waiting id at the moment of its permit."""
        runtime, claim = self.runtime, self.claim
        room = asyncio.Semaphore(IN_FLIGHT)
        expired = 0
        while True:
            tokens_refused: list[Asked] = []
            async with asyncio.TaskGroup() as calls:
                while self.waiting and not self._stopped():
                    lease = await runtime.pacer.lease(
                        claim.partition, claim.shop, runtime.tiktok.product_endpoint, len(self.waiting)
                    )
                    if lease.not_before_ms:
                        self.not_before_ms, self.stop = lease.not_before_ms, True
                    for permit in lease:
                        await room.acquire()
                        await asyncio.sleep(max(0.0, permit.at - time.monotonic()))
                        if self._stopped() or not self.waiting or time.monotonic() > permit.late:
                            room.release()
                            continue
                        call = calls.create_task(
                            self._call(self.waiting.popleft(), permit, access, entry, tokens_refused)
                        )
                        call.add_done_callback(lambda _: room.release())
            if not tokens_refused:
                return
            # 105002: refresh once, call once more.
            self.waiting.extendleft(tokens_refused)
            expired += 1
            if expired > 1:
                self._defer(Transient("a fresh access token was refused as expired"))
                return
            try:
                access, version = await access_to(runtime, entry, newer_than=version)
            except ReauthorizationRequired as refused:
                await park(runtime, entry, refused.reason)
                self.stop = True
                return
            except TokenError as error:
                self._defer(error)
                return

    async def _call(
        self, asked: Asked, permit: Permit, access: Access, entry: Shop, tokens_refused: list[Asked]
    ) -> None:
        product_id = asked.id.decode()
        self.calls += 1
        try:
            answer, request_id = await self.runtime.tiktok.product(access, product_id)
        except TokenExpired:
            tokens_refused.append(asked)
        except TikTokError as error:
            await self._failed(asked, permit, entry, error)
        else:
            self.failures = 0
            snapshot = product_snapshot(answer)
            evidence: dict[str, Any] = {}
            if snapshot.product.status == "deleted":
                snapshot, evidence = None, {"error_class": "status", "code": 0}  # type: ignore[assignment]
            cause = self._cause(asked, request_id)
            self.answers.append((asked, Seen(asked.id, product_id, permit.fetch_seq, cause, snapshot, evidence)))

    async def _failed(self, asked: Asked, permit: Permit, entry: Shop, error: TikTokError) -> None:
        """What a failed call means for its id and for the drain."""
        runtime = self.runtime
        runtime.log.warning(
            "call_failed", shop=self.claim.shop, product=asked.id.decode(), error=error.error_class,
            code=error.code, message=error.message, request_id=error.request_id,
        )  # fmt: skip
        match error:
            case Throttled():
                # Not a try of the id: nothing was learnt about it.
                self.stop = True
                self.not_before_ms = self._now_ms() + int(1000 * (error.retry_after or retry.THROTTLED_SECONDS))
                self.back.append(HandBack(asked))
            case ProductRefused() if error.error_class == "not_found":
                evidence = self._evidence(asked, error)
                seen = Seen(
                    asked.id, asked.id.decode(), permit.fetch_seq, self._cause(asked, error.request_id), None, evidence
                )
                self.answers.append((asked, seen))
            case Reauthorize():
                self.stop = True
                self.back.append(HandBack(asked))
                await park(runtime, entry, error.message)
            case NotAllowed() | Misconfigured():
                self._bury_error(asked, error)
                self._defer(error)
            case Transient():
                self.failures += 1
                if self.failures >= OUTAGE_AFTER:
                    self.stop = True
                    self.not_before_ms = self._now_ms() + 1000 * retry.OUTAGE_SECONDS
                if asked.tries + 1 >= retry.tries_max(error):
                    self._bury_error(asked, error)
                else:
                    self.back.append(HandBack(asked, retry.delay_ms(asked.tries), failed=True))
            case _:
                self._bury_error(asked, error)

    async def _publish(self, target: Target) -> None:
        answers, self.answers = self.answers, []
        if not answers:
            return
        done = await self.runtime.publisher.settle(target, self.claim, [seen for _, seen in answers])
        for name in ("unchanged", "changed", "stale", "dead", "events"):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(done, name))
        if done.back:
            again = set(done.back)
            self.back += [HandBack(asked) for asked, _ in answers if asked.id in again]

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            try:
                if not await self.runtime.backlog.renew(self.claim):
                    raise Fenced
            except RedisError:
                continue  # the lease may run out meanwhile: then the fence decides

    def _defer(self, error: Exception) -> None:
        """Nothing more for this shop for a while, and it is said why."""
        self.stop = True
        self.not_before_ms = self._now_ms() + 1000 * retry.REFUSED_SECONDS
        self.runtime.log.error("shop_deferred", shop=self.claim.shop, reason=printable(str(error)))

    def _stopped(self) -> bool:
        return self.stop or self.runtime.stopping.is_set()

    def _now_ms(self) -> int:
        """Redis's clock, carried on from the claim."""
        return self.claim.now_ms + int((time.monotonic() - self.begun) * 1000)

    def _cause(self, asked: Asked, request_id: str | None) -> Cause:
        claim = self.claim
        origin, cause, trace = why.read(asked.why, f"drain-{claim.shop}-{claim.fence}")
        source = self.runtime.target(claim.shop, None).source
        return Cause(claim.shop, source, origin, cause, trace, request_id or None, self._now_ms())

    def _evidence(self, asked: Asked, error: TikTokError) -> dict[str, Any]:
        return {
            "error_class": error.error_class,
            "code": error.code,
            "message": error.message,
            "attempts": asked.tries + 1,
        }

    def _bury_error(self, asked: Asked, error: TikTokError) -> None:
        self._bury(asked, error.error_class, error.message, code=error.code, request_id=error.request_id)

    def _bury(self, asked: Asked, error_class: str, message: str, *, code: int = 0, request_id: str = "") -> None:
        data = {
            "kind": KIND,
            "id": printable(asked.id.decode(errors="replace")),
            "error_class": error_class,
            "code": code,
            "message": message,
            "attempts": asked.tries + 1,
        }
        self.letters.append((asked.id, data, self._cause(asked, request_id)))

    def _log(self) -> None:
        done = self.counts
        self.runtime.log.info(
            "drained", shop=self.claim.shop, claimed=len(self.claim.ids), calls=self.calls, events=done.events,
            changed=done.changed, unchanged=done.unchanged, dead=done.dead, back=len(self.back),
            ms=int((time.monotonic() - self.begun) * 1000),
        )  # fmt: skip
