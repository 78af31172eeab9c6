"""Give an event up for its group: move its entry to the group's dead stream, with a reason."""

import logging
import time

from redis.exceptions import RedisError

from shopstream.consume.owning.ordering import StreamEntry
from shopstream.consume.owning.tenure import Owned
from shopstream.consume.partitions import Partitions
from shopstream.redis.passing import raise_lasting

_log = logging.getLogger(__name__)


async def bury(partitions: Partitions, owned: Owned, entry: StreamEntry, reason: str) -> bool:
    """Move an entry to the group's dead stream; return False if the partition has another owner now.

    Raises:
        RedisError: redis's.
    """
    if not await partitions.do(owned, [owned.bury(entry, reason)]):
        return False
    _log.error("entry %s of %s is given up, and in %s: %s", entry.id, owned.key, owned.dead, reason)
    return True


async def bury_in_hand(partitions: Partitions, owned: Owned, entry: StreamEntry, reason: str) -> bool:
    """Move an entry that a handler has, and settle it. If Redis is away, have it delivered again, and return False.

    Raises:
        RedisError: a lasting one of redis's.
    """
    try:
        if await bury(partitions, owned, entry, " ".join(reason.split())):
            return owned.lane.ack(entry)
    except (RedisError, OSError) as error:
        raise_lasting(error)
        partitions.say_away(error)
    owned.lane.nack(entry, time.monotonic())
    return False
