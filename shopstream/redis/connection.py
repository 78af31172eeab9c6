"""Connect to Redis with bounded waits, retries, host names checked under TLS, and no lost cancellation.

This module and `connections/connection_kinds.py` alone know the differences between redis-py 5, 6, 7 and 8.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import redis as synchronous
from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ResponseError

from shopstream.errors import WrongClient
from shopstream.redis.cluster.cluster_client import ClusterPool, ClusterRedis
from shopstream.redis.cluster.cluster_url import is_cluster_url, parse_cluster_url
from shopstream.redis.connections.connection_kinds import CANCELLABLE, TO_PRIMARY
from shopstream.redis.passing import AWAY, passes
from shopstream.redis.pools.turn_pool import TurnPool
from shopstream.redis.sentinel.primary import Primary, PrimarySeen
from shopstream.redis.sentinel.sentinel_url import SentinelUrl, is_sentinel_url, parse_sentinel_url
from shopstream.redis.sentinel.to_primary import PrimaryPool
from shopstream.redis.urls.asking import ask_for_slots, make_asking
from shopstream.redis.urls.host_list import Address
from shopstream.redis.urls.server_url import read_server_url

T = TypeVar("T")
SOCKET_SECONDS: Final = 3
"""Seconds to wait for an answer before leaving a frozen server for its successor. Blocking reads use 1 s of them."""
CONNECT_SECONDS: Final = 3
"""Seconds to wait for a new connection."""
RETRIES: Final = 5
"""Attempts after the first, over about 3 s against a Redis that refuses connections."""
PATIENCE: Final = 5.0
"""Seconds after which a failed call is not retried: a server that stays frozen costs 8 s in all."""
FAILOVER_SECONDS: Final = 20.0
"""The same for a primary that Sentinels watch: they note its death, elect a leader and promote a replica meanwhile."""

_CONNECTIONS: Final = 2**31
"""Connections of a pool at most, as redis-py 5 to 7 have it. 8 refuses the 101st call that runs at once."""


def connect(url: str, *, retry: bool = False, seconds: float = SOCKET_SECONDS) -> Redis:
    """Make a client for `redis://…`, `rediss://…`, with Sentinels `redis+sentinel://…`, or `redis+cluster://…`.

    Args:
        url: the URL of Redis.
        retry: retry passing errors (`passing.py`) up to RETRIES times. Use it only for commands that may run twice.
            XREADGROUP may not: entries of a lost answer would stay pending and unread.
        seconds: the wait for an answer, and for a new connection. Beyond it the call fails.
    """
    # redis-py compares an error with these kinds first; `_Once` then decides by the error itself.
    kinds: Any = (*AWAY, ResponseError) if retry else ()
    policy = Retry(NoBackoff(), 0)
    if retry:
        policy = _Once(ExponentialBackoff(cap=1, base=0.1), RETRIES, supported_errors=kinds)
    return make_client(
        pool(
            url,
            socket_keepalive=True,
            socket_timeout=seconds,
            socket_connect_timeout=min(seconds, CONNECT_SECONDS),
            retry=policy,
            retry_on_error=list(kinds),
        )
    )


def open_client(redis: str | Redis, *, retry: bool = False) -> Redis:
    """Make a client for a URL, or check and return the caller's own client.

    Raises:
        WrongClient: the client is synchronous, decodes answers, speaks RESP3, or is no client at all.
        ValueError: the string is no Redis URL.
    """
    if isinstance(redis, str):
        return connect(redis, retry=retry)
    if isinstance(redis, synchronous.Redis | synchronous.RedisCluster):
        raise WrongClient("this is a synchronous client: pass a redis:// URL, or a redis.asyncio.Redis")
    if not isinstance(redis, Redis | RedisCluster):
        raise WrongClient(f"a {type(redis).__name__} is no Redis client: pass a redis:// URL, or a redis.asyncio.Redis")
    if redis.get_encoder().decode_responses:  # type: ignore[no-untyped-call]
        raise WrongClient("this client decodes answers: pass a redis:// URL, or a client without decode_responses=True")
    options = redis.connection_pool.connection_kwargs if isinstance(redis, Redis) else {}
    if options.get("protocol") in {3, "3"}:
        raise WrongClient("this client speaks RESP3, whose answers look different: pass a URL, or leave protocol=3 out")
    return redis


def make_client(connections: ConnectionPool, kind: type[Redis] = Redis) -> Redis:
    """Make a client on its own pool; `aclose` closes both. `kind` is its class, or that of a cluster's nodes."""
    return ClusterRedis(connections, kind) if isinstance(connections, ClusterPool) else kind.from_pool(connections)


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Repeat `act` while Redis answers that it is busy, full or without its replicas, for PATIENCE seconds at most.

    Use it for pipelines: redis-py's retries don't see their answers. `act` may run more than once.
    """
    backoff, failures, began = ExponentialBackoff(cap=1, base=0.1), 0, time.monotonic()
    while True:
        try:
            return await act()
        except ResponseError as error:
            failures += 1
            if not passes(error) or time.monotonic() - began > PATIENCE:
                raise
        await asyncio.sleep(backoff.compute(failures))


def pool(url: str, **options: Any) -> ConnectionPool:
    """Make a connection pool for one Redis, for the primary that Sentinels name, or for the nodes of a cluster.

    Under TLS it checks host names too, unlike redis-py's default.

    Raises:
        ValueError: the string is no Redis URL. The text quotes nothing of it, since redis-py's own text may quote a
            password.
    """
    if is_cluster_url(url):
        return _cluster_pool(url, options)
    if not is_sentinel_url(url):
        connection, all_options = _read_url(url, options)
        return TurnPool(connection_class=CANCELLABLE[connection], **all_options)
    try:
        sentinels = parse_sentinel_url(url)
    except ValueError as error:
        raise ValueError(f"the URL of Redis {error}") from None
    connection, all_options = _read_url(sentinels.primary, options)
    primary = Primary(sentinels.hosts, sentinels.name, _Question(sentinels, connection, all_options))
    retry = all_options.get("retry")
    if isinstance(retry, _Once):
        retry.primary = primary
    return PrimaryPool(connection_class=TO_PRIMARY[connection], primary=primary, **all_options)


def _cluster_pool(url: str, options: dict[str, Any]) -> ClusterPool:
    try:
        cluster = parse_cluster_url(url)
    except ValueError as error:
        raise ValueError(f"the URL of Redis {error}") from None
    connection, all_options = _read_url(cluster.node, options)
    kind = CANCELLABLE[connection]
    repeated = tuple(options.get("retry_on_error") or ())
    # Each node has the host of its own.
    others = {name: value for name, value in all_options.items() if name not in {"host", "port"}}
    question = partial(ask_for_slots, kind, others)
    return ClusterPool(cluster.hosts, question, partial(_be_patient, repeated), connection_class=kind, **others)


def _be_patient(repeated: tuple[type[Exception], ...], error: Exception) -> float:
    """Give the seconds for which a command is sent again to a cluster after an error."""
    if not isinstance(error, repeated) or not passes(error):
        return 0.0
    return FAILOVER_SECONDS if isinstance(error, AWAY) else PATIENCE


def _read_url(url: str, options: dict[str, Any]) -> tuple[type[Any], dict[str, Any]]:
    try:
        parsed = read_server_url(url)
    except ValueError as error:
        raise ValueError(f"the URL of Redis {error}") from None
    connection = parsed.pop("connection_class", Connection)
    if connection is SSLConnection:
        options["ssl_check_hostname"] = True
    # These two override the URL: the code reads bytes in the shapes of RESP2, and redis-py 8 defaults to RESP3.
    return connection, {"max_connections": _CONNECTIONS} | options | parsed | {"protocol": 2, "decode_responses": False}


class _Once(Retry):
    """A retry policy whose retries don't multiply: connecting is not retried within a command that is.

    redis-py keeps one copy for each connection, which serves one task at a time. Its own loop decides by an error's
    class alone and would try a wrong password six times. Its signature changed in redis-py 7.
    """

    _under_way = False
    primary: Primary | None = None

    def _may_retry(self, failures: int, seconds: float) -> bool:
        """Tell whether to go on. A primary that was reached once is waited for until its failover has ended."""
        if self.primary and self.primary.address:
            return seconds < FAILOVER_SECONDS
        return failures <= RETRIES and seconds < PATIENCE

    async def call_with_retry(self, do: Any, fail: Any, *_: Any, with_failure_count: bool = False, **__: Any) -> Any:
        if self._under_way:
            return await do()
        self._under_way = True
        backoff, failures, began = ExponentialBackoff(cap=1, base=0.1), 0, time.monotonic()
        try:
            while True:
                try:
                    return await do()
                except Exception as error:  # redis-py raises many kinds; all that don't pass are raised below
                    failures += 1
                    again = passes(error) and self._may_retry(failures, time.monotonic() - began)
                    if again or isinstance(error, AWAY):
                        await (fail(error, failures) if with_failure_count else fail(error))  # closes the connection
                    if not again:
                        raise
                await asyncio.sleep(backoff.compute(failures))
        finally:
            self._under_way = False


class _Question:
    """The question for the primary, on a connection of its own."""

    def __init__(self, url: SentinelUrl, kind: type[Any], options: dict[str, Any]) -> None:
        self._kind: type[Any] = CANCELLABLE[kind]
        self._options = options
        self._own = {"username": url.username, "password": url.password}

    async def __call__(self, sentinel: Address, name: str) -> PrimarySeen:
        connection = make_asking(self._kind, self._options, sentinel, **self._own)
        try:
            await connection.connect()
            await connection.send_command("SENTINEL", "MASTER", name)
            facts = await connection.read_response()
            await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
            address = await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
        return PrimarySeen.read(facts, address)
