"""Count the outcomes of answers without publishing, each after those before it: a dry run's publisher."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from redis.asyncio import Redis

from shopstream.redis import clock
from worker.backlog.claims import Claim
from worker.instrumentation.instrument import SILENT, Instrument
from worker.publishing import marks
from worker.publishing.counts import Counts
from worker.publishing.publisher import Publisher, count, outcomes_of
from worker.publishing.seen import Seen, Target

if TYPE_CHECKING:
    from worker.changes.product_records import State
    from worker.publishing.publish_entries import Stored


class Rehearsal(Publisher):
    """The publisher of a dry run. It reads the state, keeps its own writes in memory and writes nothing."""

    def __init__(self, redis: Redis, instrument: Instrument = SILENT) -> None:
        super().__init__(redis, instrument)
        self._reader = redis
        self._written: dict[str, tuple[bytes, Stored]] = {}

    async def settle(self, target: Target, claim: Claim | None, seen: Sequence[Seen]) -> Counts:  # noqa: ARG002 - as there
        """Count the changes that the answers would publish."""
        counts = Counts()
        now_ms = await clock.read_ms(self._reader, target.partition)
        wanted = [one.product_id for one in seen if one.product_id not in self._written]
        if wanted:
            names = [f"{part}:{product_id}" for product_id in wanted for part in "dp"]
            values = await self._reader.hmget(target.state, names)  # type: ignore[misc]
            states = await self._codec.decode_each(values[1::2])
            pairs = zip(wanted, values[::2], states, strict=True)
            known = {one: (mark or b"", cast("Stored", state)) for one, mark, state in pairs}
        else:
            known = {}
        for one in seen:
            mark, state = self._written.get(one.product_id) or known[one.product_id]
            seen_before = marks.read(mark)
            as_seen = f"{one.view}={one.digest(target.settings)}"
            if seen_before and as_seen in seen_before.views:
                counts.unchanged += 1
                new = seen_before.confirm(one.reading, one.cause.observed_ms, as_seen, now_ms)
                self._written[one.product_id] = (new, state)
            else:
                for _, after in outcomes_of(target, [(one, mark, state, now_ms)], counts, self._instrument):
                    count(counts, one, after)
                    if after.entry.field:
                        self._written[one.product_id] = (after.entry.mark, cast("State", after.entry.state))
        return counts

    def forget(self) -> None:
        """Forget the writes kept so far: their products don't come again."""
        self._written.clear()
