"""Read the state of all shops: one command a partition for 12,000 shops, and pages of so many for more.

The first bytes of each glance decide its state. The rest of it is read only of the shops that somebody looks at.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias, overload

from redis.asyncio import Redis

from shopstream.glance.shop_facts import HEAD, TROUBLED, ShopFacts, unpack_facts
from shopstream.glance.shop_glance import ShopGlance, read_glance
from shopstream.glance.shop_states import STATES, ShopState, judge
from shopstream.redis import clock
from shopstream.redis.deployment_keys import PAUSED
from shopstream.redis.keys import Partition
from shopstream.redis.scanning import HashPages

Decode: TypeAlias = Callable[[bytes], ShopGlance]


class ShopOverview(NamedTuple):
    """A shop in an overview: its state, the reason, and all that is known of it."""

    state: ShopState
    reason: str
    glance: ShopGlance


class Judged(NamedTuple):
    """A shop whose glance has not been read but for its facts, of which it keeps those that are asked of all shops.

    Attributes:
        state: its state.
        reason: the reason of it.
        seen_ms: as in `ShopFacts`, and the next three too.
        oldest_ms: the moment since which the oldest of its ids waits.
        waiting: ids that wait.
        consent_ends: Unix seconds of the end of its consent.
        stored: its glance.
    """

    state: ShopState
    reason: str
    seen_ms: float
    oldest_ms: float
    waiting: int
    consent_ends: int
    stored: bytes

    @property
    def facts(self) -> ShopFacts:
        """Decode all its facts. Those of all shops at once take as much memory as time."""
        return ShopFacts._make(unpack_facts(self.stored))

    def read(self, decode: Decode = read_glance) -> ShopOverview:
        """Read its whole glance."""
        glance = decode(self.stored)
        reason = self.reason or (glance.entry["status"] if self.state == "stopped" else "")
        return ShopOverview(self.state, reason, glance)


class ShopList(Sequence[ShopOverview]):
    """Shops whose glances are read when they are looked at."""

    def __init__(self, judged: Sequence[Judged], decode: Decode = read_glance) -> None:
        """`decode` may remember glances that it has decoded before."""
        self.judged = judged
        self._decode = decode

    def __len__(self) -> int:
        return len(self.judged)

    @overload
    def __getitem__(self, at: int) -> ShopOverview: ...
    @overload
    def __getitem__(self, at: slice) -> "ShopList": ...

    def __getitem__(self, at: int | slice) -> "ShopOverview | ShopList":
        if isinstance(at, slice):
            return ShopList(self.judged[at], self._decode)
        return self.judged[at].read(self._decode)

    def __iter__(self) -> Iterator[ShopOverview]:
        return (one.read(self._decode) for one in self.judged)

    def choose(self, wanted: Callable[[Judged], bool]) -> "ShopList":
        """List the wanted ones, in the same order."""
        return ShopList([one for one in self.judged if wanted(one)], self._decode)


class Overview:
    """The state of all authorized shops at one moment.

    Attributes:
        now_ms: that moment, in ms of Redis's clock.
        paused: true if all shops are paused.
        states: the number of shops by state. Every state is there.
        shops: the shops, worst first: by state, and within a state by the age of their stock.
    """

    def __init__(self, now_ms: int, judged: Iterable[Judged], *, paused: bool, decode: Decode = read_glance) -> None:
        by_state: dict[ShopState, list[Judged]] = {state: [] for state in STATES}
        for one in judged:
            by_state[one.state].append(one)
        for of_one in by_state.values():
            of_one.sort(key=_seen)
        self.now_ms = now_ms
        self.paused = paused
        self.states: dict[ShopState, int] = {state: len(of_one) for state, of_one in by_state.items()}
        self.shops = ShopList([one for of_one in by_state.values() for one in of_one], decode)

    def list_shops(self, *states: ShopState) -> ShopList:
        """List the shops in some states, worst first."""
        return self.shops.choose(lambda one: one.state in states)

    def find(self, shop_id: str) -> ShopOverview | None:
        """Find a shop by its id; None if it isn't there."""
        name = b'"shop_id":"%s"' % shop_id.encode()
        return next(iter(self.shops.choose(lambda one: name in one.stored)), None)


class Glances(NamedTuple):
    """The glances of all shops at one moment, as they are stored.

    Attributes:
        now_ms: that moment, in ms of Redis's clock.
        stored: the glances.
        paused: true if all shops are paused.
    """

    now_ms: int
    stored: list[bytes]
    paused: bool


async def read_glances(redis: Redis, partitions: int) -> Glances:
    """Read the glances by pages: one command a partition for 12,000 shops, and two more."""
    pages = HashPages([Partition(number).glance for number in range(partitions)])
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.exists(PAUSED)
        pages.ask(pipe)
        time, paused, *answers = await pipe.execute()
    pages.take(answers)
    await pages.read(redis)
    return Glances(clock.convert(time), pages.list_values(), bool(paused))


async def read_overview(redis: Redis, partitions: int) -> Overview:
    """Read the state of all shops, as workers have written it within the last seconds."""
    found = await read_glances(redis, partitions)
    return judge_all(found.now_ms, found.stored, paused=found.paused)


def judge_all(now_ms: int, stored: Sequence[bytes], *, paused: bool, decode: Decode = read_glance) -> Overview:
    """Judge all shops by their stored glances. A glance in another form is left out.

    `decode` may remember glances that it has decoded before.
    """
    size = HEAD.size
    whole = (one for one in stored if one[size : size + 2] == b"[{" and one.endswith(b"]"))
    return Overview(now_ms, [_judge(one, now_ms, paused, decode) for one in whole], paused=paused, decode=decode)


def _judge(stored: bytes, now_ms: int, paused: bool, decode: Decode) -> Judged:  # noqa: FBT001 - names take time
    facts = unpack_facts(stored)
    flags, _, seen_ms, oldest_ms, _, _, waiting, _, _, _, consent_ends, _, _, _, _ = facts
    trouble = decode(stored).reported if flags & TROUBLED else ""
    state, reason = judge(facts, now_ms, trouble, paused=paused)
    return _MAKE_JUDGED((state, reason, seen_ms, oldest_ms, waiting, consent_ends, stored))


_MAKE_JUDGED: Final[Callable[[tuple[object, ...]], Judged]] = partial(tuple.__new__, Judged)
"""Makes it of a row, in half of the time of the call of a class."""


def _seen(judged: Judged) -> float:
    return judged.seen_ms
