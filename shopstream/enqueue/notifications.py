"""Take TikTok's notifications: each once, by one script, and many of them in one round trip.

A notification either names ids, which become urgent work, or is a notice, which a worker reads from a list. The script
that marks it as taken also writes its work, so a gateway that dies between two notifications loses none. Nothing else
calls `notify.lua`.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shopstream.enqueue.reasons import Reason
from shopstream.redis.deployment_keys import wake_key
from shopstream.redis.keys import SKU, Partition, partition_of
from shopstream.redis.partition_count import read_move
from shopstream.redis.passing import AWAY
from shopstream.redis.scripts import Call, Script, run

TYPES: Final = frozenset({5, 6, 7, 15, 16, 24, 27, 37, 39, 42, 68})
"""The types of notifications that are taken, by TikTok's number."""
_NOTIFY: Final = Script("enqueue/notify.lua")
_MOVING: Final = b"moving"

Verdict: TypeAlias = Literal["accepted", "repeated", "known", "stale", "unknown_shop"]
"""The outcome of a notification.

`accepted`: it is written. `repeated`: it was before. `known`: each of its products was looked at since. `stale`: it was
sent more than 24 hours ago, or more than 5 minutes ahead. `unknown_shop`: nobody has authorized the shop.
"""


class WantedId(NamedTuple):
    """An id of a backlog, and the product whose last look decides whether it is known; "" for no such product."""

    id: str
    product: str


@dataclass(frozen=True, slots=True)
class WantedIds:
    """Ids that a notification makes urgent work.

    Attributes:
        kind: of the backlog: one of `keys.KINDS`.
        ids: of the backlog. Without any the notification is marked and nothing else.
        cause: the `causationid` of the events, 1 to 128 visible ASCII characters.
        traceparent: W3C trace context to hand on to the events; None for none.
    """

    kind: str
    ids: tuple[WantedId, ...]
    cause: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice for a worker's job `notices`, as JSON."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """One of TikTok's notifications about one shop.

    Attributes:
        type: TikTok's number of it.
        shop: TikTok's id of the shop.
        names: the ids by which a repeat is known; one of them suffices.
        sent_s: Unix seconds at which TikTok sent it. It decides about ids alone.
        content: the work.
    """

    type: int
    shop: str
    names: tuple[str, ...]
    sent_s: int
    content: WantedIds | KeptNotice


async def take(redis: Redis, partitions: int, notifications: Sequence[Notification]) -> list[Verdict | Exception]:
    """Take notifications in one round trip. `wake` then tells workers of those that were accepted.

    Returns:
        A verdict for each, or the error that its script met: `Moved` while the deployment moves to another Redis.

    Raises:
        ConnectionError, TimeoutError: redis's. Each notification may have been taken or not. Take it again.
    """
    calls = [_call(one, _partition(partition_of(one.shop, partitions))) for one in notifications]
    answers = await run(redis, calls)
    if _MOVING in answers and (move := await read_move(redis)):
        answers = [move.error if answer == _MOVING else answer for answer in answers]
    return [answer if isinstance(answer, Exception) else answer.decode() for answer in answers]


async def find_taken(redis: Redis, partition: Partition, shop: str, ids: Collection[str]) -> set[str]:
    """Find the ids of notifications that were taken for a shop within a day, among some ids. Without ids, ask nothing.

    Raises:
        RedisError: Redis is away.
    """
    if not ids:
        return set()
    named = [(one, _name(kind, shop, one)) for one in ids for kind in TYPES]
    scores = await redis.zmscore(partition.notified, [name for _, name in named])
    return {one for (one, _), score in zip(named, scores, strict=True) if score is not None}


async def wake(redis: Redis, partitions: Collection[int]) -> None:
    """Have workers look at what is due in these partitions. A wake-up that fails costs 5 s at most."""
    if partitions:
        with suppress(ResponseError, *AWAY):
            await redis.zadd(wake_key(), {str(number): 0 for number in partitions})


@lru_cache(maxsize=1024)
def _partition(number: int) -> Partition:
    """Return the same object for a number, since it remembers the names of its keys."""
    return Partition(number)


def _name(kind: int, shop: str, id_: str) -> str:
    return f"{kind}:{shop}:{id_}"


def _call(one: Notification, partition: Partition) -> Call:
    """Make the script's call for a notification."""
    shop, content = one.shop, one.content
    keys = [partition.registry, partition.notified, partition.due]
    names = [_name(one.type, shop, name) for name in one.names]
    if isinstance(content, KeptNotice):
        head: list[str | bytes | int] = [shop, f"notices:{shop}", one.sent_s, content.text, len(names)]
        return Call(_NOTIFY, [*keys, partition.notices(shop)], [*head, *names])
    kind = content.kind
    skus = {wanted.product for wanted in content.ids if wanted.id.startswith(SKU)}
    product = skus.pop() if len(skus) == 1 else None
    reason = Reason(
        origin="webhook", cause=content.cause, traceparent=content.traceparent, product=product or None
    ).to_json()
    ids = [part for wanted in content.ids for part in wanted]
    keys += [partition.backlog(kind, shop), partition.asked(kind, shop), partition.state(shop)]
    return Call(_NOTIFY, keys, [shop, f"{kind}:{shop}", one.sent_s, reason, len(names), *names, *ids])
