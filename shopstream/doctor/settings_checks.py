"""Check the settings in the environment, as far as they are there: a worker's are complete, or absent."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from shopstream.doctor.checks import Check, bad, ok, warn
from shopstream.named_files import SUFFIX, read_named_files
from shopstream.redis.cluster.cluster_url import FORM as CLUSTER_FORM
from shopstream.redis.cluster.cluster_url import is_cluster_url, parse_cluster_url
from shopstream.redis.connection import pool
from shopstream.redis.sentinel.sentinel_url import FORM, SCHEMES, is_sentinel_url, parse_sentinel_url

_REDIS: Final = "SHOPSTREAM_REDIS_URL"
_WORKER: Final = ("SHOPSTREAM_APP_KEY", "SHOPSTREAM_APP_SECRET", "SHOPSTREAM_TOKEN_KEYS")
_QUEUE: Final = "SHOPSTREAM_QUEUE_URL"
_KEYS: Final = "SHOPSTREAM_TOKEN_KEYS"
_HOSTS: Final = ("SHOPSTREAM_API_URL", "SHOPSTREAM_AUTH_URL")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_KEY_BYTES: Final = 32


def check_settings(environment: Mapping[str, str], redis_url: str) -> Iterator[Check]:
    """Check the variables of a worker, of which none is printed."""
    yield _check_redis_url(environment, redis_url)
    unread = {name: f"{name}{SUFFIX}" for name in _WORKER if environment.get(f"{name}{SUFFIX}")}
    for name, fault in read_named_files({named: environment[named] for named in unread.values()}).faults.items():
        yield bad(name, f"{unread[name]} {fault}", "let this user read it, or run `shopstream setup` for a new one")
    given = [name for name in _WORKER if environment.get(name)]
    missing = [name for name in _WORKER if not environment.get(name)]
    if given and missing:
        yield bad("worker settings", f"{', '.join(missing)} is empty or not set", "set all of config/example.env")
    elif given:
        yield ok("worker settings", "app key, app secret and token keys are set")
    else:
        yield ok("worker settings", "not in this environment, and not needed for commands")
    if keys := environment.get(_KEYS):
        yield check_token_keys(keys)
    for name in _HOSTS:
        if url := environment.get(name):
            yield _check_host(name, url)


def _check_redis_url(environment: Mapping[str, str], redis_url: str) -> Check:
    if is_sentinel_url(redis_url):
        try:
            parse_sentinel_url(redis_url, environment)
        except ValueError as error:
            return bad("Redis URL", f"it {error}", f"write {_REDIS} as {FORM}")
        return _check_whole(redis_url, "it is well formed, and names Sentinels")
    if is_cluster_url(redis_url):
        return _check_cluster_url(environment, redis_url)
    if redis_url.partition("://")[0] not in {"redis", "rediss", "unix", *SCHEMES}:
        return bad("Redis URL", "it is no URL of Redis", f"write {_REDIS} as redis://user:password@host:6379/0")
    if not environment.get(_REDIS) and not redis_url:
        return warn("Redis URL", f"{_REDIS} is not set", "set it to the workers' Redis")
    return _check_whole(redis_url, "it is well formed")


def _check_cluster_url(environment: Mapping[str, str], redis_url: str) -> Check:
    try:
        parse_cluster_url(redis_url)
    except ValueError as error:
        return bad("Redis URL", f"it {error}", f"write {_REDIS} as {CLUSTER_FORM}")
    if environment.get(_KEYS) and not environment.get(_QUEUE):  # a worker's environment
        return bad("Redis URL", "it names a cluster, and a worker needs a queue beside it", f"set {_QUEUE}")
    return _check_whole(redis_url, "it is well formed, and names a cluster")


def _check_whole(redis_url: str, found: str) -> Check:
    """Read the URL as a client does: the certificates that it names too."""
    try:
        pool(redis_url)
    except ValueError as error:
        return bad("Redis URL", str(error), f"mend {_REDIS}")
    return ok("Redis URL", found)


def check_token_keys(keys: str) -> Check:
    """Check that each of some Fernet keys, with commas between them, has the right form."""
    parts = [one.strip() for one in keys.split(",") if one.strip()]
    if parts and all(_is_key(one) for one in parts):
        return ok("token keys", f"{len(parts)} well-formed" + (", the first encrypts" if len(parts) > 1 else ""))
    return bad("token keys", f"{_KEYS} has a key that is no Fernet key", "make one with Fernet.generate_key()")


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _check_host(name: str, url: str) -> Check:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return ok(name, f"it names {parts.hostname}")
    return bad(name, "it is no https:// URL", "tokens must not cross a network in clear: write https://HOST")
