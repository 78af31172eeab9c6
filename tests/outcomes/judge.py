"""Digest the outcomes of random answers: marks, states, events and all that a publish call would be given.

`python -m tests.outcomes.judge` writes the digests of the present code over those that tests compare with. They are to
stay as they are, but for a change that is meant to change events or states.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import msgspec
import orjson
from redis.asyncio import Redis

from shopstream.redis.keys import Partition
from shopstream.registry.settings import ShopSettings
from shopstream.state.state_codec import HEAD, StateCodec
from tests.outcomes import aging, truth
from tests.outcomes.truth import Json
from worker.changes import push_changes
from worker.changes.drafts import Cause
from worker.changes.push_changes import Push, Trust
from worker.order import Span
from worker.publishing import marks
from worker.publishing.publish_entries import Outcome, PublishEntry, Stored, outcome
from worker.publishing.seen import Seen, Target
from worker.tiktok.decoding import Decoder
from worker.tiktok.reading.answers import Product202309, ProductInventory, ProductLegacy
from worker.tiktok.reading.read_answers import ReadProduct, ReadStock

DIGESTS: Final = Path(__file__).with_name("digests.json")
HISTORIES: Final = 600
"""Products, each of which is followed over STEPS answers or pushes."""
STEPS: Final = 12
_EPOCH: Final = "5f1b7c02"
_START_MS: Final = 1_700_000_100_000
_NEWER = Decoder(Product202309)
_LEGACY = Decoder(ProductLegacy)
_STOCK = Decoder(ProductInventory)


def judge(numbers: range) -> Iterator[str]:
    """Yield the digest of each history of these numbers: 16 hex digits."""
    codec = StateCodec(Redis())
    for number in numbers:
        yield asyncio.run(_follow(number, codec))


async def _follow(number: int, codec: StateCodec) -> str:
    """Follow one product over its answers, each laid over what the one before has left."""
    rng = Random(f"outcomes/{number}")  # noqa: S311 - no secret
    codec._in_use = codec._known[1] if number % 4 == 3 else None
    product_id = str(1_729_000_000_000_000_000 + number)
    skus = 250 if number % 50 == 49 else 0  # more than an event can hold
    product, found, now_ms = truth.make_product(rng, product_id, skus), hashlib.blake2b(digest_size=8), _START_MS
    target = Target(
        Partition(0), "7495", "VN", "https://test/shops/7495",
        ShopSettings(
            publish=("products", "prices", "stock")[number % 3], description=rng.random() < 0.8,
            low=rng.choice((0, 5, 20)),
        ),
        rng.choice(("", "LOCAL", "CROSS_BORDER")),
    )  # fmt: skip
    mark, stored = b"", b""
    facts: tuple[object, ...] | None
    for step in range(STEPS):
        now_ms += rng.choice((0, 300, 900, 5_000, 60_000, 90_000_000))
        truth.change(rng, product)
        state = (await codec.decode_each([stored]))[0]
        try:
            if rng.random() < 0.15 and mark:
                entry, facts = _push(rng, product, (mark, state, now_ms), target), None
            else:
                seen = _answer(rng, product, step, now_ms)
                after = outcome(target, seen, mark, cast("Stored", state), now_ms)
                entry, facts = after.entry, _list_facts(after)
        except (ValueError, KeyError, TypeError, AttributeError):
            found.update(b"an error")
            stored = b""
            continue
        arguments = entry.arguments(_EPOCH, codec) if entry else []
        if entry and entry.field:
            mark, stored = entry.mark, bytes(arguments[4])  # type: ignore[arg-type]
            # What is compressed depends on the version of zstd; what it was made of doesn't.
            arguments[4] = text = _read(codec, stored)
            stored = _alter(rng, text, stored)
        found.update(repr((facts, arguments)).encode())
    return found.hexdigest()


def _list_facts(after: Outcome) -> tuple[object, ...]:
    """List what an outcome says beside its entry."""
    subjects = [(draft.stream, draft.type, draft.subject, draft.seq) for draft in after.entry.drafts]
    flags = (after.known, after.detail, after.outdated, after.differs)
    return *flags, after.updated_at, after.unsure, after.verified, subjects


def _read(codec: StateCodec, stored: bytes) -> bytes:
    return stored if stored.startswith(b"{") else codec._known[1].decompress(stored[HEAD:])


def _alter(rng: Random, text: bytes, stored: bytes) -> bytes:
    """Give a stored value as it is, or, now and then, as another version or an accident may have left it."""
    chance = rng.random()
    if not stored.startswith(b"{"):
        return stored[:20] if chance < 0.02 else stored
    if chance < 0.10:
        return aging.age(rng, text)
    if chance < 0.20:
        return aging.extend(rng, text)
    if chance < 0.22:
        return aging.damage(rng, text)
    return aging.keep_whole(text) if chance < 0.24 else stored


def _answer(rng: Random, product: Json, step: int, now_ms: int) -> Seen:
    cause = Cause(
        shop="7495", source="https://test/shops/7495", origin=rng.choice(("request", "delta")), causation_id="job-1",
        traceparent=None, request_id=rng.choice((f"req-{step}", None)), observed_ms=now_ms,
    )  # fmt: skip
    span = Span(now_ms - rng.choice((10, 400)), now_ms)
    asked: Any = {"asked": product["id"].encode(), "product_id": product["id"], "fetch_seq": step + 1, "cause": cause}
    kind = rng.random()
    if kind < 0.07:
        evidence: Json = {"error_class": "not_found", "code": 12052032, "message": "gone", "attempts": 1}
        evidence |= rng.choice(({}, {"walk": "w1"}, {"confirmed_by": "not_listed"}))
        evidence |= rng.choice(({}, {"updated_at": f"2023-11-14T22:1{rng.randrange(10)}:00.000Z"}))
        return Seen(content=None, evidence=evidence, view=rng.choice(("d", "s")), span=span, **asked)
    if kind < 0.55:
        detail = product if rng.random() < 0.97 else product | {"skus": None}
        return Seen(content=ReadProduct(_decode(_NEWER, detail)), span=span, **asked)
    if kind < 0.58:
        return Seen(content=ReadProduct(_decode(_LEGACY, truth.write_legacy(product))), span=span, **asked)
    if kind < 0.80:
        line = ReadProduct(_decode(_NEWER, truth.write_line(rng, product)))
        return Seen(content=line, view="s", final=rng.random() < 0.2, span=span, **asked)
    whole = rng.random() < 0.7
    stock = ReadStock(_decode(_STOCK, truth.write_inventory(rng, product, whole=whole)), whole=whole)
    return Seen(content=stock, view="i", span=span, **asked)


def _decode(decoder: Decoder[Any], data: Json) -> Any:
    return decoder(msgspec.json.encode({"code": 0, "data": data}))[0]


def _push(rng: Random, product: Json, known: tuple[bytes, Any, int], target: Target) -> PublishEntry | None:
    """Push the stock of a SKU, and write a mark and an entry as the publisher of pushes would."""
    mark, state, now_ms = known
    seen_ms = before.seen_ms if (before := marks.read(mark)) else 0
    aside = rng.choice((None, 0, 2))
    push = Push(
        product_id=product["id"], sku_id=rng.choice("1234567"),
        occurred_ns=(now_ms - rng.choice((10, 3_000))) * 1_000_000,
        arrived_ms=now_ms, cause="notice-1", available=rng.choice((0, 3, 50, None)), committed=rng.choice((None, 1)),
        in_shop=rng.choice((None, 3)), campaign=aside, creator=aside, reason=rng.choice(("order_created", None)),
    )  # fmt: skip
    if push_changes.judge(state, seen_ms, push) is not Trust.CLEAR:
        return None
    after, draft = push_changes.apply(state, seen_ms, push, target.settings)
    row = after["stock"][push.sku_id]
    for name in rng.choice(((), ("verify_ms",), ("doubt_ms", "doubted_ms"))):
        row[name] = now_ms + 40_000  # type: ignore[literal-required]
    cause = Cause("7495", target.source, "webhook", push.cause, None, None, now_ms)
    return PublishEntry(
        asked=b"",
        field=product["id"],
        expected=mark,
        mark=mark,
        state=after,
        drafts=[draft] if draft else [],
        cause=cause,
    )  # fmt: skip


if __name__ == "__main__":
    DIGESTS.write_bytes(orjson.dumps([*judge(range(HISTORIES))], option=orjson.OPT_INDENT_2) + b"\n")
