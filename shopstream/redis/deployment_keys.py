"""Name the Redis keys of the whole deployment, which lie in partition 0: workers, wake-ups, consents, the dashboard."""

from typing import Final

from shopstream.redis.keys import Partition

WORKER_MS = 15_000
"""Milliseconds since its last heartbeat after which a worker counts as gone."""
_HOME: Final = Partition(0)


def workers_key() -> str:
    """Name the sorted set, in partition 0, of worker names, scored by the last heartbeat in ms of Redis's clock."""
    return f"{_HOME.prefix}:workers"


def worker_key(name: str) -> str:
    """Name the string, kept for WORKER_MS, of a worker's heartbeat: JSON of the fields of `WorkerSeen`."""
    return f"{_HOME.prefix}:worker:{name}"


def sweepers_key() -> str:
    """Name the sorted set, in partition 0, of workers that share the sweep, scored by their last heartbeat in ms."""
    return f"{_HOME.prefix}:sweepers"


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
