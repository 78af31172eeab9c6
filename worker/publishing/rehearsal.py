"""A publisher that publishes nothing: what would come of answers is counted, each on top of those before it."""

from collections.abc import Sequence

from redis.asyncio import Redis

from worker.backlog.claims import Claim
from worker.instrumentation.instrument import SILENT, Instrument
from worker.publishing import marks
from worker.publishing.counts import Counts
from worker.publishing.publisher import Publisher, count, outcomes_of
from worker.publishing.seen import Seen, Target


class Rehearsal(Publisher):
    """For a dry run: reads the state, keeps what it would have written, and writes nothing."""

    def __init__(self, redis: Redis, instrument: Instrument = SILENT) -> None:
        super().__init__(redis, instrument)
        self._reader = redis
        self._written: dict[str, tuple[bytes, bytes]] = {}

    async def settle(self, target: Target, claim: Claim | None, seen: Sequence[Seen]) -> Counts:  # noqa: ARG002 - as there
        """Count what the answers would change."""
        counts = Counts()
        seconds, micros = await self._reader.time()
        now_ms = 1_000 * int(seconds) + int(micros) // 1_000
        wanted = [one.product_id for one in seen if one.product_id not in self._written]
        if wanted:
            names = [f"{part}:{product_id}" for product_id in wanted for part in "dp"]
            values = await self._reader.hmget(target.state, names)  # type: ignore[misc]
            known = {one: (values[2 * i] or b"", values[2 * i + 1] or b"") for i, one in enumerate(wanted)}
        else:
            known = {}
        for one in seen:
            mark, state = self._written.get(one.product_id) or known[one.product_id]
            seen_before = marks.read(mark)
            as_seen = f"{one.view}={one.digest(target.settings)}"
            if seen_before and as_seen in seen_before.views:
                counts.unchanged += 1
                new = seen_before.confirmed(one.reading, one.cause.observed_ms, as_seen, now_ms)
                self._written[one.product_id] = (new, state)
            else:
                for _, told in outcomes_of(target, [(one, mark, state, now_ms)], counts, self._instrument):
                    count(counts, one, told)
                    if told.entry.field:
                        self._written[one.product_id] = (told.entry.mark, told.entry.state)
        return counts

    def forget(self) -> None:
        """Let go of what was counted so far: it will not be looked at again."""
        self._written.clear()
