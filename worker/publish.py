"""What TikTok said becomes what others read: compare with the last state, publish the difference, let go of the ids.

An unchanged product costs a share of one script call and none of its data is sent. A changed one costs a second
script, which stores the new state, adds the events and releases the ids in one step: a crash is before or after it,
never between. Both check the claim's fencing number, so a drain that was taken over changes nothing.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shopstream import events, ids
from shopstream.names import Partition
from worker import changes
from worker.backlog import Claim
from worker.changes import Cause, Draft, State
from worker.lua import Script
from worker.normalize import Snapshot

ARGUMENTS_MAX: Final = 3_500
"""Rented Redis takes 3,999 arguments a request (ElastiCache Serverless)."""
_ATTEMPTS: Final = 8


class Fenced(Exception):
    """Another drain has taken over this claim: whatever is in hand is its business now."""


@dataclass(frozen=True, slots=True)
class Target:
    """The shop that is published about."""

    partition: Partition
    shop: str
    region: str
    source: str

    @property
    def state(self) -> str:
        """Key of the shop's state."""
        return self.partition.state(self.shop)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer said about one product.

    Attributes:
        asked: the id as it stands in the claim.
        product_id: the same, checked.
        fetch_seq: the number of the call.
        cause: why and when.
        snapshot: the product with its stock; None if it is gone, and then
        evidence: says how we know.
    """

    asked: bytes
    product_id: str
    fetch_seq: int
    cause: Cause
    snapshot: Snapshot | None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def digest(self) -> str:
        """Equal digests: nothing to compare."""
        return self.snapshot.digest() if self.snapshot else "gone"


@dataclass(slots=True)
class Counts:
    """What became of some answers. `back` are ids, as asked, that are still claimed and have to be asked for again."""

    unchanged: int = 0
    changed: int = 0
    stale: int = 0
    dead: int = 0
    events: int = 0
    back: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One product's part of a publish call: see publish.lua."""

    asked: bytes
    field: str
    expected: bytes
    mark: bytes
    state: bytes
    drafts: Sequence[Draft]
    cause: Cause

    def arguments(self, epoch: str) -> list[bytes | str | int]:
        args: list[bytes | str | int] = [
            self.asked, self.field, self.expected, self.mark, self.state, len(self.drafts),
        ]  # fmt: skip
        for draft in self.drafts:
            args += changes.encode(draft, self.cause, epoch)
        return args


class Publisher:
    """The state of all shops and the streams."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._compare = Script(redis, "compare.lua")
        self._publish = Script(redis, "publish.lua")
        self._epochs: dict[int, str] = {}

    async def settle(self, target: Target, claim: Claim | None, seen: Sequence[Seen], *, view: str = "d") -> Counts:
        """Compare and publish answers of one view (`d`: product detail); their ids leave the claim.

        Raises:
            Fenced: another drain has taken over; nothing was published.
        """
        counts = Counts()
        verdicts = await self._ask(target, claim, seen, view)
        pending: list[tuple[Seen, bytes, bytes]] = []
        for one, verdict in zip(seen, verdicts, strict=True):
            if verdict == b"":
                counts.unchanged += 1
            elif verdict == b"stale":
                counts.stale += 1
            else:
                pending.append((one, verdict[1], verdict[2]))
        for _ in range(_ATTEMPTS):
            if not pending:
                return counts
            entries = [_entry(target, one, mark, state, view) for one, mark, state in pending]
            results = await self._send(target, claim, entries)
            again: list[tuple[Seen, bytes, bytes]] = []
            for (one, _, _), entry, result in zip(pending, entries, results, strict=True):
                if result == 1:
                    counts.events += sum(draft.stream != "dead" for draft in entry.drafts)
                    counts.dead += sum(draft.stream == "dead" for draft in entry.drafts)
                    counts.changed += 1
                elif _fetch_seq(result[0]) > one.fetch_seq:
                    counts.stale += 1
                    counts.back.append(one.asked)
                else:
                    again.append((one, result[0], result[1]))
            pending = again
        counts.back += [one.asked for one, _, _ in pending]
        return counts

    async def bury(self, target: Target, claim: Claim, letters: Iterable[tuple[bytes, dict[str, Any], Cause]]) -> int:
        """Dead letters for ids of the claim, which let go of them. Each is (id as asked, data, cause)."""
        entries = [_Entry(asked, "", b"", b"", b"", [_letter(data)], cause) for asked, data, cause in letters]
        return len(await self._send(target, claim, entries))

    async def shop_event(
        self, target: Target, event_type: str, data: dict[str, Any], cause: Cause, *, about: str = ""
    ) -> None:
        """One event about the shop itself, or about the subject `about`, on the stream `shops`."""
        subject, name = about or f"shop/{target.shop}", about or "shop"
        for _ in range(_ATTEMPTS):
            mark, stored = await self._redis.hmget(target.state, [f"d:{name}", f"p:{name}"])  # type: ignore[misc]
            seq = orjson.loads(stored)["seq"] + 1 if stored else 1
            draft = Draft("shops", event_type, subject, seq, data)
            new = f"{seq} {cause.observed_ms}".encode()
            entry = _Entry(b"", name, mark or b"", new, orjson.dumps({"seq": seq}), [draft], cause)
            if await self._send(target, None, [entry]) == [1]:
                return
        raise RuntimeError(f"the state of shop {target.shop} changed {_ATTEMPTS} times while an event was written")

    async def _ask(self, target: Target, claim: Claim | None, seen: Sequence[Seen], view: str) -> list[Any]:
        args: list[str | bytes | int] = [claim.fence if claim else "", view]
        for one in seen:
            args += (one.product_id, one.fetch_seq, one.digest(), one.cause.observed_ms)
        kind = claim.kind if claim else "products"
        partition, shop = target.partition, target.shop
        keys = [
            target.state,
            partition.lease(kind, shop),
            partition.claimed(kind, shop),
            partition.backlog(kind, shop),
            partition.tries(kind, shop),
            partition.asked(kind, shop),
        ]
        verdicts: list[Any] = await self._compare(keys, args)
        if verdicts[0] == b"fenced":
            raise Fenced
        return verdicts[1:]

    async def _send(self, target: Target, claim: Claim | None, entries: Sequence[_Entry]) -> list[Any]:
        """Run the publish script over all entries, in portions, building events anew when the epoch is another."""
        partition, shop = target.partition, target.shop
        kind = claim.kind if claim else "products"
        keys = [
            target.state,
            partition.lease(kind, shop),
            partition.claimed(kind, shop),
            partition.tries(kind, shop),
            partition.asked(kind, shop),
            partition.epoch,
            *(partition.stream(name) for name in ("products", "stock", "shops", "dead")),
        ]
        # Attributes get logged: a name that is no id stays in `data`.
        told = shop if ids.valid(shop) else ""
        results: list[Any] = []
        for portion in _portions(entries):
            while True:
                epoch = self._epochs.get(partition.number, "")
                args: list[str | bytes | int] = [
                    claim.fence if claim else "", epoch, secrets.token_hex(4), target.source, told, target.region,
                ]  # fmt: skip
                for entry in portion:
                    args += entry.arguments(epoch)
                answer = await self._publish(keys, args)
                if answer[0] == b"fenced":
                    raise Fenced
                if answer[0] != b"epoch":
                    break
                self._epochs[partition.number] = answer[1].decode()
            results += answer
        return results


def _entry(target: Target, seen: Seen, mark: bytes, stored: bytes, view: str) -> _Entry:
    before: State | None = orjson.loads(stored) if stored else None
    seen_before_ms = int(mark.split(b" ", 2)[1]) if mark else None
    if seen.snapshot is not None:
        state_at = {"key": target.state, "field": f"p:{seen.product_id}"}
        state, drafts = changes.of_snapshot(before, seen.snapshot, seen_before_ms=seen_before_ms, state_at=state_at)
    elif before is None:
        letter = {"kind": "products", "id": seen.product_id, **seen.evidence}
        return _Entry(seen.asked, "", b"", b"", b"", [_letter(letter)], seen.cause)
    elif before["deleted"]:
        state, drafts = before, []
    else:
        evidence = {"kind": seen.evidence["error_class"], "code": seen.evidence["code"]}
        state, drafts = changes.of_deletion(before, evidence, seen_before_ms=seen_before_ms)
    # What other views saw is still true if nothing was published; else they have to be compared anew.
    others = [] if drafts else [old for old in mark.split(b" ")[2:] if not old.startswith(view.encode() + b"=")]
    new = f"{seen.fetch_seq} {seen.cause.observed_ms} {view}={seen.digest()}".encode()
    return _Entry(seen.asked, seen.product_id, mark, b" ".join((new, *others)), orjson.dumps(state), drafts, seen.cause)


def _letter(data: dict[str, Any]) -> Draft:
    # An id that is none may hold anything, and attributes get logged.
    name = data["id"] if ids.valid(data["id"]) else "invalid"
    return Draft("dead", events.DEAD_LETTER, f"product/{name}", 0, data)


def _fetch_seq(mark: bytes) -> int:
    return int(mark.split(b" ", 1)[0]) if mark else 0


def _portions(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Runs of entries that fit one request; a single product that doesn't fit goes alone."""
    portion: list[_Entry] = []
    size = 6
    for entry in entries:
        arguments = 6 + 2 * len(entry.drafts)
        if portion and size + arguments > ARGUMENTS_MAX:
            yield portion
            portion, size = [], 6
        portion.append(entry)
        size += arguments
    if portion:
        yield portion
