"""Publish pushed stock numbers at once, in order, and schedule the looks that verify them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from redis.asyncio import Redis

from shopstream.enqueue.reasons import Reason
from shopstream.errors import UnreadableState
from shopstream.redis.keys import SKU
from shopstream.state import mark_line
from shopstream.state.mark_line import NOT_WHOLE
from shopstream.state.state_codec import find_codec
from worker.backlog.claims import Backlog
from worker.changes import push_changes
from worker.changes.drafts import Cause, Draft
from worker.changes.product_records import State
from worker.changes.push_changes import Push, Trust
from worker.changes.stock_records import StockRow
from worker.instrumentation.instrument import SILENT, Instrument
from worker.oversell import push_looks
from worker.publishing.publish_entries import PublishEntry, Stored
from worker.publishing.publisher import Publisher
from worker.publishing.seen import Target

ORIGIN: Final = "webhook"
_VIEW: Final = "w="
_ATTEMPTS: Final = 8


@dataclass(slots=True)
class PushCounts:
    """Pushes by their outcome.

    Attributes:
        published: pushes with an event.
        confirmed: pushes of the number that was known.
        passed: repeats, and pushes older than one that was published.
        doubtful: pushes that had their SKU looked at instead.
        strange: products of pushes whose product or SKU is not known or can't be read, each with the cause.
    """

    published: int = 0
    confirmed: int = 0
    passed: int = 0
    doubtful: int = 0
    strange: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """A product as the next push finds it: its mark, raw, and its state, or the reason why that can't be read."""

    mark: bytes
    _state: Stored

    @property
    def state(self) -> State | None:
        if isinstance(self._state, UnreadableState):
            raise self._state
        return self._state if self.mark else None

    @property
    def seen_ms(self) -> int:
        return mark_line.parse(self.mark).seen_ms if self.mark else 0

    def take(self, push: Push, state: State, *, changed: bool) -> None:
        """Go on to the state after a push, whose arrival takes the shop's next place in the order.

        The random part makes each mark unique. Two workers that lay different pushes of one millisecond over the same
        state would otherwise write equal marks, and the later push of one would pass over the state of the other.
        """
        line = mark_line.parse(self.mark)
        others = (view for view in line.views if not view.startswith(_VIEW))
        views = (*(f"{view[0]}=?" if changed else view for view in others), _VIEW + secrets.token_hex(4))
        arrived_ms = max(push.arrived_ms, line.answered_ms or 0)
        after = line._replace(views=views, sent_ms=arrived_ms, answered_ms=arrived_ms, by=NOT_WHOLE)
        self.mark, self._state = mark_line.write(after), state


@dataclass(slots=True)
class _Looks:
    """The looks that some pushes of a shop ask for, by SKU."""

    shop: str
    moments: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    later: dict[str, tuple[int, int]] = field(default_factory=dict)

    def doubt(self, push: Push, row: StockRow) -> None:
        """Have a SKU looked at soon, unless a look is near already."""
        waiting_ms = self._find_waiting(row, push.arrived_ms)
        before_ms = max(row.get("pushed_ms", 0), row.get("doubted_ms", 0))
        moment = waiting_ms if waiting_ms > push.arrived_ms else push_looks.soon(self.shop, push.arrived_ms, before_ms)
        row["doubt_ms"], row["doubted_ms"] = moment, push.arrived_ms
        self.ask(push, moment)

    def ask(self, push: Push, moment: int) -> None:
        """Have the SKU of a doubtful push looked at."""
        self.moments[push.sku_id] = min(moment, self.moments.get(push.sku_id, moment))
        self.reasons[push.sku_id] = Reason(
            origin=ORIGIN, cause=push.cause, traceparent=push.traceparent, product=push.product_id
        )

    def verify(self, push: Push, row: StockRow) -> None:
        """Have a SKU looked at within a minute, and put off a look that a doubt has asked for."""
        waiting_ms, verify_ms = self._find_waiting(row, push.arrived_ms), row.get("verify_ms", 0)
        row.pop("doubt_ms", None)
        row.pop("unsure_ms", None)
        # An earlier push that waits for its verification must not wait longer.
        moment = verify_ms if verify_ms > push.arrived_ms else push_looks.verification(self.shop, push.arrived_ms)
        if waiting_ms > push.arrived_ms:
            self.later[push.sku_id] = waiting_ms, moment
        if verify_ms <= push.arrived_ms or waiting_ms:
            row["verify_ms"] = moment
            self.moments.setdefault(push.sku_id, moment)
            self.reasons[push.sku_id] = Reason(origin="repair", cause=push.cause, product=push.product_id)

    def _find_waiting(self, row: StockRow, now_ms: int) -> int:
        """Give the moment of the look that a doubtful push or an unsure answer has asked for, in ms; 0 for none.

        A moment before `now_ms` is that of a look that is under way.
        """
        unsure_ms = row.get("unsure_ms", 0)
        moments = [row.get("doubt_ms", 0), push_looks.soon(self.shop, unsure_ms) if unsure_ms else 0]
        return min((moment for moment in moments if moment > now_ms), default=max(moments))


class PushPublisher:
    """Publishes pushes of a shop, several in one step."""

    def __init__(self, redis: Redis, publisher: Publisher, backlog: Backlog, instrument: Instrument = SILENT) -> None:
        self._redis = redis
        self._instrument = instrument
        self._publisher = publisher
        self._backlog = backlog

    async def publish(self, target: Target, pushes: Sequence[Push]) -> PushCounts:
        """Publish what is clear of these pushes, in their order, and schedule looks at the SKUs of the others.

        Looks are scheduled before anything is stored: a crash in between costs a look, never one that is missing.
        """
        counts = PushCounts()
        pending: Sequence[Push] = pushes
        for _ in range(_ATTEMPTS):
            pending = await self._try(target, pending, counts)
            if not pending:
                return counts
        looks = _Looks(target.shop)
        for push in pending:
            looks.ask(push, push_looks.soon(target.shop, push.arrived_ms))
        counts.doubtful += len(pending)
        await push_looks.put(self._redis, target.partition, target.shop, looks.moments, looks.reasons)
        return counts

    async def _try(self, target: Target, pushes: Sequence[Push], counts: PushCounts) -> list[Push]:
        """Publish pushes once. Returns those whose product somebody else has changed meanwhile."""
        known = await self._load(target, pushes)
        looks, entries, sent = _Looks(target.shop), list[PublishEntry](), list[tuple[Push, bool]]()
        for push in pushes:
            product = known[push.product_id]
            try:
                trust = push_changes.judge(product.state, product.seen_ms, push)
                if trust in (Trust.CLEAR, Trust.DOUBTFUL):
                    entries.append(self._entry(target, product, push, looks, clear=trust is Trust.CLEAR))
                    sent.append((push, trust is Trust.CLEAR))
            except Exception as mistake:  # noqa: BLE001 - a push must not hold up the shop's others: reported, looked at
                self._instrument.report_mistake(target.shop, push.product_id, mistake)
                trust = Trust.STRANGE
            if trust is Trust.STRANGE:
                counts.strange[push.product_id] = push.cause
            counts.passed += trust is Trust.PASSED
        partition, shop = target.partition, target.shop
        await push_looks.put(self._redis, partition, shop, looks.moments, looks.reasons)
        replies = await self._publisher.send(target, None, entries) if entries else []
        again: list[Push] = []
        for (push, clear), entry, reply in zip(sent, entries, replies, strict=True):
            if reply != 1:
                again.append(push)
            elif not clear:
                counts.doubtful += 1
            elif entry.drafts:
                counts.published += 1
            else:
                counts.confirmed += 1
        for push in again:
            looks.later.pop(push.sku_id, None)  # its doubt isn't settled
        later = {SKU + sku: moments for sku, moments in looks.later.items()}
        await self._backlog.postpone(partition, push_looks.KIND, shop, later)
        return again

    async def _load(self, target: Target, pushes: Sequence[Push]) -> dict[str, _Known]:
        products = list(dict.fromkeys(push.product_id for push in pushes))
        values = await self._redis.hmget(target.state, [f"{part}:{one}" for one in products for part in "dp"])  # type: ignore[misc]
        states = await find_codec(self._redis).decode_each(values[1::2])
        known = zip(products, values[::2], states, strict=True)
        return {one: _Known(mark or b"", cast("Stored", state)) for one, mark, state in known}

    def _entry(self, target: Target, product: _Known, push: Push, looks: _Looks, *, clear: bool) -> PublishEntry:
        """Make the entry of a push, and go on to the state after it."""
        before, expected, drafts = cast("State", product.state), product.mark, list[Draft]()
        if clear:
            state, draft = push_changes.apply(before, product.seen_ms, push, target.settings)
            drafts = [draft] if draft else []
            looks.verify(push, state["stock"][push.sku_id])
        else:
            row = before["stock"][push.sku_id].copy()
            looks.doubt(push, row)
            state = cast("State", {**before, "stock": {**before["stock"], push.sku_id: row}})
        product.take(push, state, changed=bool(drafts))
        cause = Cause(
            shop=target.shop, source=target.source, origin=ORIGIN, causation_id=push.cause,
            traceparent=push.traceparent, request_id=None, observed_ms=push.arrived_ms,
        )  # fmt: skip
        return PublishEntry(
            asked=b"", field=push.product_id, expected=expected, mark=product.mark, state=state,
            drafts=drafts, cause=cause,
        )  # fmt: skip
