"""Compare answers with the last state, publish the difference and release the ids.

An unchanged product costs a share of one script call and none of its data is sent. A changed one costs a second
script, which stores the new state, adds the events and releases the ids in one step: a crash is before or after it,
never between. Both check the claim's fence, so a drain that was taken over changes nothing.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import structs
from redis.asyncio import Redis

from shopstream import events, ids
from shopstream.redis.cluster.node_choice import is_cluster
from shopstream.state.state_codec import find_codec
from worker.backlog.claims import Claim
from worker.changes.drafts import Cause, Draft, is_drift, letter
from worker.instrumentation.instrument import SILENT, Instrument
from worker.order import Order
from worker.oversell import looks, push_looks
from worker.publishing import comparisons, marks
from worker.publishing.counts import Change, Counts
from worker.publishing.publish_entries import Outcome, PublishEntry, Stored, outcome
from worker.publishing.seen import Seen, Target
from worker.redis.lua_script import WorkerScript
from worker.shops.standing import Notice, ShopRecord, read_record
from worker.turns import Turns

ARGUMENTS_MAX: Final = 3_500
"""Managed Redis takes 3,999 arguments a request (ElastiCache Serverless)."""
_ATTEMPTS: Final = 8
Pending = tuple[Seen, bytes, Stored, int]
"""An answer, the mark and state to compare with, and the moment of their reading in ms of Redis's clock."""


class Fenced(Exception):
    """Another drain has taken over this claim and its ids."""


class Publisher:
    """Writes the state of all shops and adds to the streams."""

    def __init__(self, redis: Redis, instrument: Instrument = SILENT) -> None:
        self._redis = redis
        self._instrument = instrument
        self._compare = WorkerScript(redis, "publishing/release.lua", "publishing/compare.lua")
        self._publish = WorkerScript(redis, "publishing/release.lua", "publishing/publish.lua")
        self._epochs: dict[int, str] = {}
        self._codec = find_codec(redis)
        self._news = ["news"] if is_cluster(redis) else []

    async def settle(self, target: Target, claim: Claim | None, seen: Sequence[Seen]) -> Counts:
        """Compare and publish answers of one view, release their ids, and schedule looks at what sells fast.

        Raises:
            Fenced: another drain has taken over; nothing was published.
        """
        counts = Counts()
        now_ms, *verdicts = await self._ask(target, claim, seen)
        pending: list[Pending] = []
        for one, verdict in zip(seen, verdicts, strict=True):
            if verdict == b"":
                counts.unchanged += 1
            elif verdict in (b"stale", b"late"):
                counts.stale += 1
                if verdict == b"late":
                    counts.unordered.append(one)
            else:
                pending.append((one, *verdict, now_ms))
        for _ in range(_ATTEMPTS):
            outcomes, pending = await self._work_out(target, pending, counts), []
            if not outcomes:
                break
            replies = await self.send(target, claim, [after.entry for _, after in outcomes])
            for (one, after), reply in zip(outcomes, replies, strict=True):
                if reply == 1:
                    count(counts, one, after)
                    look = looks.after(one.product_id, after.entry.drafts, one.cause.observed_ms, target.settings)
                    counts.looks += [look] if look else []
                else:
                    ((mark, stored),) = await self.decode([reply])
                    pending.append((one, mark, stored, reply[2]))
        counts.unordered += [one for one, *_ in pending]
        if self._instrument.wants_comparisons:
            comparisons.tell(self._instrument, target, zip(seen, verdicts, strict=True), counts, now_ms)
        await self._schedule_looks(target, counts)
        return counts

    async def _work_out(self, target: Target, pending: Iterable[Pending], counts: Counts) -> list[tuple[Seen, Outcome]]:
        """Give the outcome of each answer, with turns for other work in between."""
        outcomes, turns = list[tuple[Seen, Outcome]](), Turns()
        for one in pending:
            outcomes += outcomes_of(target, [one], counts, self._instrument)
            await turns.give_after(one[0].skus)
        return outcomes

    async def _schedule_looks(self, target: Target, counts: Counts) -> None:
        """Have looked at again what sells fast, and what may be older than a push."""
        await looks.put(self._redis, target.partition, target.shop, counts.looks)
        if counts.repaired:
            self._instrument.report_drift(target.shop, counts.repaired)
        await push_looks.look_soon(self._redis, target.partition, target.shop, counts.unsure, counts.products)
        await push_looks.look_again(self._redis, target.partition, target.shop, counts.verified, counts.products)

    async def release(self, target: Target, claim: Claim, asked: Iterable[bytes], cause: Cause) -> None:
        """Release ids of the claim that need no event."""
        await self.send(target, claim, [PublishEntry.without_state(one, cause) for one in asked])

    async def bury(
        self, target: Target, claim: Claim, letters: Iterable[tuple[bytes, Mapping[str, Any], Cause]]
    ) -> int:
        """Publish dead letters of ids of the claim and release the ids. A letter is (id as claimed, data, cause)."""
        entries = [PublishEntry.without_state(asked, cause, [letter(data)]) for asked, data, cause in letters]
        return len(await self.send(target, claim, entries))

    async def shop_event(
        self, target: Target, event_type: str, data: Mapping[str, Any], cause: Cause, *, about: str = ""
    ) -> None:
        """Add one event about the shop itself, or about the subject `about`, to the stream `shops`."""
        notice = Notice.untyped(event_type, data)
        await self.tell_shop(target, cause, lambda record: (record, notice), about=about)

    async def tell_shop(
        self,
        target: Target,
        cause: Cause,
        decide: Callable[[ShopRecord], tuple[ShopRecord, Notice | None]],
        *,
        about: str = "",
    ) -> Notice | None:
        """Change the shop's own record and publish the event of that change in one step.

        Returns the notice; None if there was nothing to publish. `decide` is called again if others change the record,
        and RuntimeError is raised if they do so _ATTEMPTS times.
        """
        subject, name = about or f"shop/{target.shop}", about or "shop"
        for _ in range(_ATTEMPTS):
            mark, stored = await self._redis.hmget(target.state, [f"d:{name}", f"p:{name}"])  # type: ignore[misc]
            before = read_record(stored)
            after, notice = decide(before)
            if notice is None and after == before:
                return None
            seq = before.seq + (notice is not None)
            after = structs.replace(after, seq=seq)
            drafts = [Draft("shops", subject=subject, seq=seq, type=one.type, data=one.data) for one in [notice] if one]
            # The random part makes each mark unique, also if two writers share a millisecond.
            new = f"{after.seq} {cause.observed_ms} {secrets.token_hex(4)}".encode()
            entry = PublishEntry(
                asked=b"", field=name, expected=mark or b"", mark=new, state=msgspec.json.encode(after), drafts=drafts,
                cause=cause,
            )  # fmt: skip
            if await self.send(target, None, [entry]) == [1]:
                return notice
        raise RuntimeError(f"the state of shop {target.shop} changed {_ATTEMPTS} times while an event was written")

    async def decode(self, found: Sequence[Any]) -> list[Any]:
        """Decode the state of each list of a mark and a state that a script gave; anything else stays as it is."""
        pairs = [one for one in found if isinstance(one, list)]
        states = iter(await self._codec.decode_each([pair[1] for pair in pairs]) if pairs else ())
        return [(one[0], next(states)) if isinstance(one, list) else one for one in found]

    async def _ask(self, target: Target, claim: Claim | None, seen: Sequence[Seen]) -> list[Any]:
        args: list[str | bytes | int] = [claim.fence if claim else "", seen[0].view]
        for one in seen:
            number, span = one.fetch_seq, one.reading.span
            moments = f"{number} {one.cause.observed_ms} {span.sent_ms} {span.answered_ms}"
            args += (one.asked, one.product_id, one.digest(target.settings), moments)
        kind = claim.kind if claim else "products"
        partition, shop = target.partition, target.shop
        keys = [
            target.state,
            *(key(kind, shop) for key in (partition.lease, partition.claimed, partition.tries, partition.asked)),
            partition.backlog(kind, shop),
        ]
        verdicts: list[Any] = await self._compare(keys, args)
        if verdicts[0] == b"fenced":
            raise Fenced
        return [verdicts[0], *await self.decode(verdicts[1:])]

    async def send(self, target: Target, claim: Claim | None, entries: Sequence[PublishEntry]) -> list[Any]:
        """Run the publish script over all entries in portions. Another epoch has their events built again."""
        partition, shop = target.partition, target.shop
        kind = claim.kind if claim else "products"
        keys = [
            target.state,
            *(key(kind, shop) for key in (partition.lease, partition.claimed, partition.tries, partition.asked)),
            partition.epoch,
            *(partition.stream(name) for name in ("products", "stock", "shops", "dead")),
            partition.gone,
            partition.backlog(kind, shop),
        ]
        # Attributes get logged: an invalid shop id stays in `data`.
        named = shop if ids.is_id(shop) else ""
        await self._codec.renew()
        results, turns = list[Any](), Turns()
        for portion in _portions(entries):
            while True:
                epoch = self._epochs.get(partition.number, "")
                args: list[str | bytes | int] = [
                    claim.fence if claim else "", epoch, secrets.token_hex(4), target.source, named, target.region,
                    len(portion),
                ]  # fmt: skip
                for entry in portion:
                    args += entry.arguments(epoch, self._codec)
                    await turns.give_after(len(entry.drafts))
                args += self._news
                answer = await self._publish(keys, args)
                if answer[0] == b"fenced":
                    raise Fenced
                if answer[0] != b"epoch":
                    break
                self._epochs[partition.number] = answer[1].decode()
            results += answer
            for entry, result in zip(portion, answer, strict=True):
                if entry.drafts and result == 1:
                    self._tell(target.shop, entry.drafts)
        return results

    def _tell(self, shop: str, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            self._instrument.report_event(shop, draft.type.removeprefix(events.NAMESPACE))
            if draft.stream == "dead":
                self._instrument.report_letter(shop, str(draft.data.get("error_class", "")))


def outcomes_of(
    target: Target, pending: Iterable[Pending], counts: Counts, instrument: Instrument
) -> list[tuple[Seen, Outcome]]:
    """Give the outcome of each answer. An error of ours is reported and costs its own product alone."""
    found = []
    for seen, mark, stored, now_ms in pending:
        try:
            after = _in_order(seen, outcome(target, seen, mark, stored, now_ms), now_ms)
            if after is None:
                counts.stale += 1
                counts.unordered.append(seen)
            else:
                found.append((seen, after))
        except Exception as mistake:  # noqa: BLE001 - a mistake of ours costs its product: reported, buried
            instrument.report_mistake(target.shop, seen.product_id, mistake)
            counts.broken.append((seen.asked, mistake))
    return found


def _in_order(seen: Seen, after: Outcome, now_ms: int) -> Outcome | None:
    """Give the outcome if it may be published; None if the answer may be older than the state and differs from it."""
    known = marks.read(after.entry.expected) if after.entry.field else None
    order = known.order(seen.reading.span.until(now_ms), now_ms) if known else Order.NEWER
    if known is None or order is Order.NEWER or (order is Order.UNKNOWN and not after.differs):
        return after
    return None


def count(counts: Counts, seen: Seen, after: Outcome) -> None:
    """Count a published answer."""
    found = after.entry.drafts
    if after.outdated:
        counts.stale += 1
        counts.again.append(seen.product_id)
        return
    counts.events += sum(draft.stream != "dead" for draft in found)
    counts.dead += sum(draft.stream == "dead" for draft in found)
    counts.changed += bool(found)
    counts.unchanged += not found
    counts.unsure += [(sku, seen.cause) for sku in after.unsure]
    counts.verified += [(sku, seen.cause) for sku in after.verified]
    counts.products |= dict.fromkeys((*after.unsure, *after.verified), seen.product_id)
    types = tuple(draft.type.removeprefix(events.NAMESPACE) for draft in found)
    for name in types:
        counts.types[name] += 1
    if after.detail:
        counts.details.append(seen.product_id)
    if found:
        drift = after.known and any(map(is_drift, found))
        counts.repaired += drift and seen.cause.origin == "repair"
        counts.found.append(Change(
            product_id=seen.product_id, cause=seen.cause.causation_id, types=types, drift=drift,
            updated_at=after.updated_at,
        ))  # fmt: skip


def _portions(entries: Sequence[PublishEntry]) -> Iterator[list[PublishEntry]]:
    """Yield runs of entries that fit one request. An entry that is too big goes alone."""
    portion: list[PublishEntry] = []
    size = 8
    for entry in entries:
        arguments = 10 + 7 * len(entry.drafts)
        if portion and size + arguments > ARGUMENTS_MAX:
            yield portion
            portion, size = [], 8
        portion.append(entry)
        size += arguments
    if portion:
        yield portion
