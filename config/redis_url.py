"""Check the URLs of Redis in the settings, and find the passwords in them."""

from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from redis.asyncio.connection import parse_url

from config.variables.kinds import Check
from config.variables.secret import Secret
from shopstream.redis.cluster.cluster_url import SCHEMES as CLUSTER_SCHEMES
from shopstream.redis.cluster.cluster_url import is_cluster_url, parse_cluster_url
from shopstream.redis.sentinel.sentinel_url import SCHEMES, is_sentinel_url, parse_sentinel_url
from shopstream.redis.urls.server_url import read_server_url


def check_redis(url: Secret) -> Secret:
    """Return the URL of Redis. Raise ValueError if it or a certificate of it is none; the text quotes nothing of it."""
    address = url.reveal()
    if address.partition("://")[0] not in {"redis", "rediss", "unix", *SCHEMES, *CLUSTER_SCHEMES}:
        raise ValueError(
            "must begin with redis://, rediss:// or unix://, with redis+sentinel:// or rediss+sentinel://, or with "
            "redis+cluster:// or rediss+cluster://"
        )
    if "ssl_cert_reqs" in address or "ssl_check_hostname" in address:
        raise ValueError("TLS is always checked: for a CA of your own add ?ssl_ca_certs=FILE")
    if is_sentinel_url(address):
        address = parse_sentinel_url(address, {}).primary
    elif is_cluster_url(address):
        address = parse_cluster_url(address).node
    read_server_url(address)
    return url


def check_queue(url: Secret) -> Secret:
    """Return the URL of the queue's Redis, or nothing. Raise ValueError if it is none, or a cluster's."""
    address = url.reveal()
    if is_cluster_url(address):
        raise ValueError("names a cluster, and arq's notifications need one Redis: redis://user:password@host:6379/0")
    return check_redis(url) if address else url


def list_passwords(url: str) -> list[str]:
    """List the passwords in a URL of Redis, those of Sentinels too, as they are and as they are written there."""
    address = parse_cluster_url(url).node if is_cluster_url(url) else url
    if not is_sentinel_url(address):
        return [text for text in (parse_url(address).get("password"), urlsplit(address).password) if text]
    found = parse_sentinel_url(address, {})
    own = found.password
    texts = (
        parse_url(found.primary).get("password"),
        urlsplit(found.primary).password,
        own,
        own and quote(own, safe=""),
    )
    return [text for text in texts if text]


_QUEUE_FORMS: Final = "a `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `rediss+sentinel://` URL"
_REDIS_FORMS: Final = f"{_QUEUE_FORMS}, or one of `redis+cluster://` or `rediss+cluster://`"
RedisUrl = Annotated[Secret, Check(check_redis, _REDIS_FORMS)]
QueueUrl = Annotated[Secret, Check(check_queue, _QUEUE_FORMS)]
