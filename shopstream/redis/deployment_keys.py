"""Name the Redis keys of the whole deployment: those without a partition, and those that lie in partition 0.

The latter are of workers, wake-ups, consents and the dashboard.
"""

from typing import Final

from shopstream.redis.keys import PREFIX, Partition

PARTITIONS = f"{PREFIX}:partitions"
"""String: the number of partitions, chosen once."""

CLUSTER_PARTITIONS = 256
"""The number of partitions of a new cluster: nodes come and go by moving slots, so that it never changes."""

LAYOUT = 2
"""The newest layout of all keys. It rises when workers of an older version can't use the keys any more.

In layout 2 the states of products may be compressed.
"""

OLDEST_LAYOUT = 1
"""The oldest layout that this version uses too."""

LAYOUT_KEY = f"{PREFIX}:layout"
"""String: the LAYOUT of the workers that wrote this Redis. Without it the layout is 1."""

DICTIONARY_IN_USE = f"{PREFIX}:dict"
"""String: the number of the dictionary by which workers compress states; without it they write plain JSON."""

PAUSED = f"{PREFIX}:paused"
"""String, there while an operator has paused all shops: ms of Redis's clock since when."""

MOVE = f"{PREFIX}:move"
"""String, on the source of a move from its begin: JSON of `MoveMark` in `shopstream/redis/partition_count.py`."""

MOVER = f"{PREFIX}:mover"
"""String that lives for seconds, on the source of a move: the token of the process that moves."""

ARRIVAL = f"{PREFIX}:arrival"
"""String, on the target of a move until it is finished: JSON of the move's id and its progress."""

WORKER_MS = 15_000
"""Milliseconds since its last heartbeat after which a worker counts as gone."""
_HOME: Final = Partition(0)


def name_dictionary(number: int) -> str:
    """Name the string of a dictionary, which never changes."""
    return f"{DICTIONARY_IN_USE}:{number}"


def workers_key() -> str:
    """Name the sorted set, in partition 0, of worker names, scored by the last heartbeat in ms of Redis's clock."""
    return f"{_HOME.prefix}:workers"


def worker_key(name: str) -> str:
    """Name the string, kept for WORKER_MS, of a worker's heartbeat: JSON of the fields of `WorkerSeen`."""
    return f"{_HOME.prefix}:worker:{name}"


def sweepers_key() -> str:
    """Name the sorted set, in partition 0, of workers that share the sweep, scored by their last heartbeat in ms."""
    return f"{_HOME.prefix}:sweepers"


def spare_key() -> str:
    """Name the sorted set, in partition 0, of workers that share the sweep only while `sweepers` is empty."""
    return f"{_HOME.prefix}:spare"


def refused_key() -> str:
    """Name the sorted set, in partition 0, of workers that share the sweep only while `spare` is empty too."""
    return f"{_HOME.prefix}:refused"


def wake_key() -> str:
    """Name the sorted set, in partition 0, of wake-ups: numbers of partitions with due members."""
    return f"{_HOME.prefix}:wake"


def invite_key(digest: str) -> str:
    """Name the hash, in partition 0, of an open invite by the SHA-256 of its token: label, market, end in ms."""
    return f"{_HOME.prefix}:invite:{digest}"


def invite_lock_key(digest: str) -> str:
    """Name the short-lived string, in partition 0, that keeps an invite for the one consent that is being redeemed."""
    return f"{_HOME.prefix}:invite_lock:{digest}"


def begun_key(digest: str) -> str:
    """Name the short-lived string, in partition 0, of a begun consent: the digest of its invite.

    The key's digest is the SHA-256 of the consent's state and of the browser's cookie together.
    """
    return f"{_HOME.prefix}:begun:{digest}"


def held_key(name: str) -> str:
    """Name the short-lived string, in partition 0, of an authorization code that waits for an operator's yes."""
    return f"{_HOME.prefix}:held:{name}"


def holds_key() -> str:
    """Name the sorted set, in partition 0, of held consents, scored by the end of the hold in ms."""
    return f"{_HOME.prefix}:holds"


def idempotency_key(digest: str) -> str:
    """Name the string, in partition 0 and kept for a day, of the API's answer to a request with an Idempotency-Key."""
    return f"{_HOME.prefix}:idempotency:{digest}"


def session_key(digest: str) -> str:
    """Name the expiring string, in partition 0, of a dashboard's session by the SHA-256 of its id: JSON."""
    return f"{_HOME.prefix}:session:{digest}"


def noticed_key(digest: str) -> str:
    """Name the string, in partition 0 and kept for a day, that says that a worker has logged a finding."""
    return f"{_HOME.prefix}:noticed:{digest}"


def survey_key(digest: str) -> str:
    """Name the string, in partition 0, of the last survey of token records by workers with the same settings: JSON."""
    return f"{_HOME.prefix}:survey:{digest}"


def surveying_key(digest: str) -> str:
    """Name the short-lived string, in partition 0, of the one worker of these that surveys the records now."""
    return f"{_HOME.prefix}:surveying:{digest}"


def audit_key() -> str:
    """Name the stream, in partition 0, of changes on the dashboard: who, act, subject, affected, outcome."""
    return f"{_HOME.prefix}:audit"
