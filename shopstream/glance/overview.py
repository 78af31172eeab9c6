"""Read the state of all shops: one command a partition, however many shops there are.

The first bytes of each glance decide its state. The rest of it is read only of the shops that somebody looks at.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias, overload

from redis.asyncio import Redis

from shopstream.errors import EmptyRedis
from shopstream.glance.shop_facts import HEAD, TROUBLED, ShopFacts
from shopstream.glance.shop_glance import ShopGlance, read_glance
from shopstream.glance.shop_states import STATES, ShopState, judge
from shopstream.redis import clock
from shopstream.redis.keys import PARTITIONS, PAUSED, Partition

_MAKE_FACTS: Final[Callable[[tuple[float, ...]], ShopFacts]] = partial(tuple.__new__, ShopFacts)
"""Makes facts of a row, without the call of a class for each of thousands."""
Decode: TypeAlias = Callable[[bytes], ShopGlance]


class ShopOverview(NamedTuple):
    """A shop in an overview: its state, the reason, and all that is known of it."""

    state: ShopState
    reason: str
    glance: ShopGlance


class Judged(NamedTuple):
    """A shop whose glance has not been read but for its facts."""

    state: ShopState
    reason: str
    facts: ShopFacts
    stored: bytes

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


async def read_overview(redis: Redis) -> Overview:
    """Read the state of all shops, as workers have written it within the last seconds.

    Raises:
        EmptyRedis: no worker has started on this Redis.
    """
    async with redis.pipeline(transaction=False) as pipe:
        pipe.get(PARTITIONS)
        pipe.get(PAUSED)
        answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer  # in the words of the server, by which callers know one that is no Redis
    partitions, paused = answers
    if partitions is None:
        raise EmptyRedis
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        for number in range(int(partitions)):
            pipe.hvals(Partition(number).glance)
        time, *stored = await pipe.execute()
    return judge_all(clock.convert(time), [one for values in stored for one in values], paused=paused is not None)


def judge_all(now_ms: int, stored: Sequence[bytes], *, paused: bool, decode: Decode = read_glance) -> Overview:
    """Judge all shops by their stored glances. A glance in another form is left out.

    `decode` may remember glances that it has decoded before.
    """
    size = HEAD.size
    whole = [one for one in stored if one[size : size + 2] == b"[{" and one.endswith(b"]")]
    heads = b"".join([one[:size] for one in whole])
    all_facts = map(_MAKE_FACTS, HEAD.iter_unpack(heads))
    pairs = zip(all_facts, whole, strict=True)
    judged = [_judge(facts, one, now_ms, paused=paused) for facts, one in pairs]
    return Overview(now_ms, judged, paused=paused, decode=decode)


def _judge(facts: ShopFacts, stored: bytes, now_ms: int, *, paused: bool) -> Judged:
    if not facts.flags & TROUBLED:
        state, reason = judge(facts, now_ms, paused=paused)
    else:
        state, reason = judge(facts, now_ms, read_glance(stored).reported, paused=paused)
    return tuple.__new__(Judged, (state, reason, facts, stored))  # half of the time of the call of a class


def _seen(judged: Judged) -> float:
    return judged.facts.seen_ms
