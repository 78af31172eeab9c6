"""Read the settings of a worker from the environment and `.env`, and check them once at the start."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config.app_list import ListedApp, read_apps
from config.redis_url import QueueUrl, RedisUrl, list_passwords
from shopstream.named_files import PREFIX, SUFFIX, describe_env_fault, read_named_files
from shopstream.redis.cluster.cluster_url import is_cluster_url
from shopstream.redis.sentinel.sentinel_url import add_credentials

Read = TypeVar("Read", bound=BaseSettings)
_STRANGE = re.compile(r"[^!-~]|[\\@]")
"""Characters that no host has, and that URL parsers treat differently."""
_SECRET = re.compile(r"[!-~]{1,200}")
_COMPLAINTS = {"missing": "is missing", "too_short": "is empty", "string_too_short": "is empty"}
"""Our words for errors of pydantic, by its names for them."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class SettingsError(Exception):
    """Some settings are missing or wrong. The text has a line for each, without its value."""


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


def _with_files(variables: Mapping[str, str | None], given: Collection[str]) -> Mapping[str, str | None]:
    """Return the variables with the values of the files that they name. Names are in small letters, as pydantic's.

    Args:
        variables: the environment, or the lines of `.env`.
        given: names that a source of higher precedence gives, so that no file is read for them.

    Raises:
        SettingsError: a file can't be used.
    """
    named = {name.upper(): value for name, value in variables.items() if value}
    found = read_named_files({name: value for name, value in named.items() if _value_name(name) not in given})
    if found.faults:
        raise SettingsError("\n".join(f"{name}{SUFFIX}: {fault}" for name, fault in found.faults.items()))
    return {**variables, **{name.lower(): value for name, value in found.values.items()}}


def _value_name(name: str) -> str:
    return name.removesuffix(SUFFIX).lower()


def split(listed: SecretStr) -> list[str]:
    """Return the parts between commas, without spaces around them."""
    return [one.strip() for one in listed.get_secret_value().split(",") if one.strip()]


def check_secrets(secret: SecretStr) -> SecretStr:
    """Return app secrets as they are. Raise ValueError if there is none, or one can't be meant."""
    if not all(_SECRET.fullmatch(one) for one in split(secret)) or not split(secret):
        raise ValueError("must be one secret, or several by commas")
    return secret


Upstream = Annotated[str, AfterValidator(check_upstream)]


class ProcessSettings(BaseSettings):
    """The settings that workers and gateways share."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )  # fmt: skip

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment and then `.env` give each setting, as a value or as the name of a file with it."""
        given: set[str] = set()
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = _with_files(source.env_vars, given)
                given |= set(source.env_vars)
        return init_settings, env_settings, dotenv_settings

    # These two stand before the URLs, whose check adds them.
    sentinel_username: str = ""
    """The user of the Sentinels themselves, if `SHOPSTREAM_REDIS_URL` names Sentinels and they want one."""
    sentinel_password: SecretStr = SecretStr("")
    """The password of the Sentinels themselves. That of Redis is in the URL."""
    redis_url: RedisUrl = SecretStr("redis://127.0.0.1:6379/0")
    """The URL of Redis, perhaps with a password; also `redis+sentinel://`, `redis+cluster://`, and `rediss` for TLS."""
    app_key: str = Field(min_length=1)
    """The key of the app in TikTok's Partner Center."""
    app_secret: SecretStr = Field(min_length=1)
    """The secret of the app. Several by commas while one is renewed: the first signs, all verify webhooks."""
    apps: SecretStr = SecretStr("")
    """Further apps: `name:key:secret` or `name:key:secret:service_id` by commas; `old+new` secrets during a renewal."""
    log_format: Literal["json", "console"] | None = None
    """Format of the logs. Unset: `console` on a terminal, `json` elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged; `debug` adds a line for each answer about a product."""
    tracing: Literal["on", "off"] | None = None
    """Traces by OpenTelemetry. Unset: `on` if a standard variable names their exporter, see docs/tracing.md."""
    retention_hours: float = Field(default=24, ge=1, le=87_600)
    """Hours for which events are kept, longer only for a consumer group that has not read them."""
    retention_max_hours: float = Field(default=168, ge=1, le=87_600)
    """Hours after which events go even if a group has not read them; `SHOPSTREAM_RETENTION_HOURS` if that is more."""
    stream_max_entries: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """Entries of a stream at most, read or not. Each takes 1.3 kB of memory on `stock`, 3.8 kB on `products`."""

    @field_validator("redis_url", "queue_url", check_fields=False)  # a gateway has no queue
    @classmethod
    def _add_sentinels_own(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        password = info.data.get("sentinel_password")
        own = info.data.get("sentinel_username"), password.get_secret_value() if password else None
        return SecretStr(add_credentials(url.get_secret_value(), *own))

    @field_validator("app_secret")
    @classmethod
    def _check_secrets(cls, secret: SecretStr) -> SecretStr:
        return check_secrets(secret)

    @field_validator("apps")
    @classmethod
    def _check_apps(cls, listed: SecretStr, info: ValidationInfo) -> SecretStr:
        read_apps(listed, info.data.get("app_key", ""))
        return listed

    def further_apps(self) -> tuple[ListedApp, ...]:
        """Return the apps beside the one of `app_key`."""
        return read_apps(self.apps, self.app_key)

    def secrets_of_apps(self) -> list[str]:
        """Return the secrets of all apps, which no log may hold."""
        return [*self.app_secrets(), *(secret for app in self.further_apps() for secret in app.secrets)]

    def app_secrets(self) -> list[str]:
        """Return the app secrets, one by one. The first signs."""
        return split(self.app_secret)

    def redis_passwords(self) -> list[str]:
        """Return the passwords of Redis and of Sentinel, as they are and as the URL spells them."""
        return list_passwords(self.redis_url)


class Settings(ProcessSettings):
    """The settings of a worker. Each variable is the field's name in capitals after `SHOPSTREAM_`."""

    token_keys: SecretStr = Field(min_length=1)
    """Fernet keys, comma-separated. The first one encrypts, all decrypt."""
    queue_url: QueueUrl = SecretStr("")
    """The URL of a Redis of its own for arq's notifications; empty for that of the work. A cluster requires it."""
    api_url: Upstream = "https://open-api.tiktokglobalshop.com"
    """TikTok's API host."""
    auth_url: Upstream = "https://auth.tiktok-shops.com"
    """TikTok's token host."""
    api_generation: Literal["202309", "legacy"] = "202309"
    """The generation of TikTok's API. The legacy one has no walks and no stock by batch."""
    instance: str = Field(default="shopstream.local", pattern=r"^[a-z0-9.-]{1,100}$")
    """The host in the `source` of every event, one name per deployment."""
    # Of older versions, and of tests: it is in no list of settings.
    partitions: int | None = Field(default=None, ge=1, le=1024, exclude=True)
    """The number of partitions that Redis must have. Unset: the stored one, or at first 256 on a cluster, else 1."""
    pacing_start_rate: float = Field(default=10.0, gt=0, le=100_000)
    """Calls per second, shop and endpoint, before a pace is learnt."""
    pacing_min_rate: float = Field(default=0.2, gt=0, le=100_000)
    """Calls per second, shop and endpoint, at least, however often TikTok throttles."""
    pacing_max_rate: float = Field(default=1_000.0, gt=0, le=100_000)
    """Calls per second, shop and endpoint, at most, even without a throttle."""
    slots: int = Field(default=64, ge=1, le=1000)
    """Slots of a worker: shops that it syncs at the same time."""
    tombstone_days: float = Field(default=30, ge=1, le=3_650)
    """Days for which a deleted product's tombstone is kept. A product that comes back later is a new one."""
    health_host: str = Field(default="127.0.0.1", min_length=1)
    """Address of health and metrics, IPv4 or a name; `0.0.0.0` for a reader outside of the machine or container."""
    health_port: int | None = Field(default=None, ge=1, le=65_535)
    """Port of `/livez`, `/readyz`, `/health` and `/metrics`. Unset: none of them."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.pacing_min_rate <= self.pacing_start_rate <= self.pacing_max_rate:
            names = (f"{PREFIX}PACING_{name}_RATE" for name in ("MIN", "START", "MAX"))
            raise ValueError(f"{', '.join(names)} must not be smaller, each than the one before")
        return self

    @model_validator(mode="after")
    def _queue_beside_cluster(self) -> Self:
        if is_cluster_url(self.redis_url.get_secret_value()) and not self.queue_url.get_secret_value():
            raise ValueError(
                f"{PREFIX}QUEUE_URL is required beside a cluster: a small Redis of its own, as redis://host:6379/0"
            )
        return self

    def keys(self) -> list[str]:
        """Return the token keys, one by one."""
        return split(self.token_keys)

    def queue(self) -> str:
        """Return the URL of the Redis with arq's queue."""
        return self.queue_url.get_secret_value() or self.redis_url.get_secret_value()

    def redis_passwords(self) -> list[str]:
        """Return the passwords of Redis and of the queue, as they are and as the URLs spell them."""
        of_queue = list_passwords(self.queue_url) if self.queue_url.get_secret_value() else []
        return [*super().redis_passwords(), *of_queue]


def load() -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: a setting is missing or wrong. The text names each such setting and its remedy.
    """
    return read(Settings)


def read(kind: type[Read]) -> Read:
    """Read and check the settings of one kind of process. Raises as `load` does."""
    try:
        return kind()  # the environment fills it
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            place = "_".join(str(part) for part in problem["loc"]).upper()
            name = PREFIX + place if place else "settings"
            complaint = _COMPLAINTS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {complaint}; set it in the environment or in .env (see config/example.env)")
        failure = SettingsError("\n".join(lines))
    except (UnicodeError, OSError) as error:
        failure = SettingsError(describe_env_fault(error))
    raise failure
