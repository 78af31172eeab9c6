"""The settings of a worker, and those that it shares with a gateway. They are checked once at the start."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from config.app_list import ListedApp, check_apps, read_apps
from config.redis_url import QueueUrl, RedisUrl, list_passwords
from config.variables.kinds import Check
from config.variables.reading import Checked, Fault, read
from config.variables.secret import Secret
from shopstream.named_files import PREFIX
from shopstream.redis.cluster.cluster_url import is_cluster_url
from shopstream.redis.sentinel.sentinel_url import add_credentials

_STRANGE = re.compile(r"[^!-~]|[\\@]")
"""Characters that no host has, and that URL parsers treat differently."""
_SECRET = re.compile(r"[!-~]{1,200}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def check_upstream(url: str) -> str:
    """Return the URL of a host of TikTok's, without a slash at its end. Raise ValueError if it is none."""
    parts = urlsplit(url)
    try:
        parts.port  # noqa: B018 - a property that raises
    except ValueError:
        raise ValueError("has a port that is none") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an https:// URL")
    if _STRANGE.search(url) or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a scheme and a host, nothing else")
    if parts.path.strip("/"):
        raise ValueError("must be a scheme and a host: the paths are TikTok's, and signed")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("plain http:// is only for the loopback: secrets would cross the network in clear")
    return url.rstrip("/")


def check_secrets(secret: Secret) -> Secret:
    """Return app secrets as they are. Raise ValueError if there is none, or one can't be meant."""
    check_given(secret)
    if not all(_SECRET.fullmatch(one) for one in secret.split()) or not secret.split():
        raise ValueError("must be one secret, or several by commas")
    return secret


def check_given(secret: Secret) -> Secret:
    """Return a secret as it is. Raise ValueError if it is empty."""
    if not secret:
        raise ValueError("is empty")
    return secret


HOST = "scheme and host; `https`, or `http` on a loopback"
Upstream = Annotated[str, Check(check_upstream, HOST)]
Text = Annotated[str, Meta(min_length=1)]
Hours = Annotated[float, Meta(ge=1, le=87_600)]
Rate = Annotated[float, Meta(gt=0, le=100_000)]


class ProcessSettings(Checked, frozen=True, kw_only=True):
    """The settings that workers and gateways share."""

    sentinel_username: str = ""
    """The user of the Sentinels themselves, if `SHOPSTREAM_REDIS_URL` names Sentinels and they want one."""
    sentinel_password: Secret = Secret("")
    """The password of the Sentinels themselves. That of Redis is in the URL."""
    redis_url: RedisUrl = Secret("redis://127.0.0.1:6379/0")
    """The URL of Redis, perhaps with a password; also `redis+sentinel://`, `redis+cluster://`, and `rediss` for TLS."""
    app_key: Text
    """The key of the app in TikTok's Partner Center."""
    app_secret: Annotated[Secret, Check(check_secrets, "text")]
    """The secret of the app. Several by commas while one is renewed: the first signs, all verify webhooks."""
    apps: Annotated[Secret, Check(check_apps, "text")] = Secret("")
    """Further apps: `name:key:secret` or `name:key:secret:service_id` by commas; `old+new` secrets during a renewal."""
    log_format: Literal["json", "console"] | None = None
    """Format of the logs. Unset: `console` on a terminal, `json` elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged; `debug` adds a line for each answer about a product."""
    tracing: Literal["on", "off"] | None = None
    """Traces by OpenTelemetry. Unset: `on` if a standard variable names their exporter, see docs/tracing.md."""
    retention_hours: Hours = 24
    """Hours for which events are kept, longer only for a consumer group that has not read them."""
    retention_max_hours: Hours = 168
    """Hours after which events go even if a group has not read them; `SHOPSTREAM_RETENTION_HOURS` if that is more."""
    stream_max_entries: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = 1_000_000
    """Entries of a stream at most, read or not. Each takes 1.3 kB of memory on `stock`, 3.8 kB on `products`."""

    def find_faults(self) -> Iterator[Fault]:
        """Yield what is wrong with settings together."""
        try:
            self.further_apps()
        except ValueError as error:
            yield Fault("apps", str(error))

    def redis(self) -> str:
        """Return the URL of Redis, with the credentials of Sentinels."""
        return self.add_sentinels_own(self.redis_url)

    def add_sentinels_own(self, url: Secret) -> str:
        """Return a URL with the Sentinels' own credentials, if it is one of Sentinels."""
        return add_credentials(url.reveal(), self.sentinel_username, self.sentinel_password.reveal())

    def further_apps(self) -> tuple[ListedApp, ...]:
        """Return the apps beside the one of `app_key`."""
        return read_apps(self.apps, self.app_key)

    def secrets_of_apps(self) -> list[str]:
        """Return the secrets of all apps, which no log may hold."""
        return [*self.app_secrets(), *(secret for app in self.further_apps() for secret in app.secrets)]

    def app_secrets(self) -> list[str]:
        """Return the app secrets, one by one. The first signs."""
        return self.app_secret.split()

    def redis_passwords(self) -> list[str]:
        """Return the passwords of Redis and of Sentinel, as they are and as the URL spells them."""
        return list_passwords(self.redis())


class Settings(ProcessSettings, frozen=True, kw_only=True):
    """The settings of a worker."""

    token_keys: Annotated[Secret, Check(check_given, "text")]
    """Fernet keys, comma-separated. The first one encrypts, all decrypt."""
    queue_url: QueueUrl = Secret("")
    """The URL of a Redis of its own for arq's notifications; empty for that of the work. A cluster requires it."""
    api_url: Upstream = "https://open-api.tiktokglobalshop.com"
    """TikTok's API host."""
    auth_url: Upstream = "https://auth.tiktok-shops.com"
    """TikTok's token host."""
    api_generation: Literal["202309", "legacy"] = "202309"
    """The generation of TikTok's API. The legacy one has no walks and no stock by batch."""
    instance: Annotated[str, Meta(pattern=r"^[a-z0-9.-]{1,100}$")] = "shopstream.local"
    """The host in the `source` of every event, one name per deployment."""
    # Of older versions, and of tests: it is in no list of settings.
    partitions: Annotated[int, Meta(ge=1, le=1024)] | None = None
    """The number of partitions that Redis must have. Unset: the stored one, or at first 256 on a cluster, else 1."""
    pacing_start_rate: Rate = 10.0
    """Calls per second, shop and endpoint, before a pace is learnt."""
    pacing_min_rate: Rate = 0.2
    """Calls per second, shop and endpoint, at least, however often TikTok throttles."""
    pacing_max_rate: Rate = 1_000.0
    """Calls per second, shop and endpoint, at most, even without a throttle."""
    slots: Annotated[int, Meta(ge=1, le=1_000)] = 64
    """Slots of a worker: shops that it syncs at the same time."""
    tombstone_days: Annotated[float, Meta(ge=1, le=3_650)] = 30
    """Days for which a deleted product's tombstone is kept. A product that comes back later is a new one."""
    health_host: Text = "127.0.0.1"
    """Address of health and metrics, IPv4 or a name; `0.0.0.0` for a reader outside of the machine or container."""
    health_port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    """Port of `/livez`, `/readyz`, `/health` and `/metrics`. Unset: none of them."""

    def find_faults(self) -> Iterator[Fault]:
        """Yield what is wrong with settings together."""
        yield from super().find_faults()
        if not self.pacing_min_rate <= self.pacing_start_rate <= self.pacing_max_rate:
            names = (f"{PREFIX}PACING_{name}_RATE" for name in ("MIN", "START", "MAX"))
            yield Fault("", f"{', '.join(names)} must not be smaller, each than the one before")
        if is_cluster_url(self.redis()) and not self.queue_url:
            own = "a small Redis of its own, as redis://host:6379/0"
            yield Fault("", f"{PREFIX}QUEUE_URL is required beside a cluster: {own}")

    def keys(self) -> list[str]:
        """Return the token keys, one by one."""
        return self.token_keys.split()

    def queue(self) -> str:
        """Return the URL of the Redis with arq's queue."""
        return self.add_sentinels_own(self.queue_url) if self.queue_url else self.redis()

    def redis_passwords(self) -> list[str]:
        """Return the passwords of Redis and of the queue, as they are and as the URLs spell them."""
        of_queue = list_passwords(self.queue()) if self.queue_url else []
        return [*super().redis_passwords(), *of_queue]


def load() -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: a setting is missing or wrong. The text names each such setting and its remedy.
    """
    return read(Settings)
