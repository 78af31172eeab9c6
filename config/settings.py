"""The settings of a worker, from the environment and `.env`: one frozen object, checked once at the start."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio.connection import parse_url

PREFIX = "SHOPSTREAM_"
_STRANGE = re.compile(r"[^!-~]|[\\@]")  # no host has these, and parsers differ on them
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class SettingsError(Exception):
    """A setting is missing or wrong. One line a setting, without its value."""


def _upstream(url: str) -> str:
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
        raise ValueError("plain http:// is only for the loopback: tokens would cross the network in clear")
    return url.rstrip("/")


def _redis(url: SecretStr) -> SecretStr:
    told = url.get_secret_value()
    if not told.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if "ssl_cert_reqs" in told or "ssl_check_hostname" in told:
        raise ValueError("TLS is always checked: for a CA of your own add ?ssl_ca_certs=FILE")
    try:
        parse_url(told)
    except ValueError:
        # Not its text: a password with a / or a # in it is taken for a port, and told.
        raise ValueError(
            "is no Redis URL, as redis://user:password@host:6379/0; in a password write / as %2F, # as %23, ? as %3F"
        ) from None
    return url


Upstream = Annotated[str, AfterValidator(_upstream)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]


class Settings(BaseSettings):
    """Every setting that a worker knows. Names are these in capitals after `SHOPSTREAM_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    redis_url: RedisUrl = SecretStr("redis://127.0.0.1:6379/0")
    """May hold a password. `rediss://` for TLS, with certificate and host name checked."""
    app_key: str = Field(min_length=1)
    app_secret: SecretStr = Field(min_length=1)
    token_keys: SecretStr = Field(min_length=1)
    """Fernet keys, comma-separated: the first encrypts, all decrypt."""
    api_url: Upstream = "https://open-api.tiktokglobalshop.com"
    auth_url: Upstream = "https://auth.tiktok-shops.com"
    api_generation: Literal["202309", "legacy"] = "202309"
    instance: str = Field(default="shopstream.local", pattern=r"^[a-z0-9.-]{1,100}$")
    """The host in every event's `source`: one name per deployment."""
    partitions: int = Field(default=1, ge=1, le=1024)
    """Chosen once; 64 for those who may outgrow one Redis."""
    pacing_start_rate: float = Field(default=10.0, gt=0, le=100_000)
    """Calls per second, shop and endpoint, while nothing is known of a quota."""
    pacing_min_rate: float = Field(default=0.2, gt=0, le=100_000)
    """However often TikTok throttles, no slower than this."""
    pacing_max_rate: float = Field(default=1_000.0, gt=0, le=100_000)
    """However much TikTok lets through, no faster than this."""
    slots: int = Field(default=64, ge=1, le=1000)
    """Shops that one worker syncs at the same time."""
    retention_hours: float = Field(default=168, ge=1, le=87_600)
    """How long events are kept, longer only for a consumer group that has not read them."""
    stream_max_entries: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """Entries of a stream at most, read or not: about 1.5 kB of memory each."""
    tombstone_days: float = Field(default=30, ge=1, le=3_650)
    """How long a deleted product's numbers are kept: one that comes back later begins as a new one."""
    health_host: str = Field(default="127.0.0.1", min_length=1)
    """Where GET /health is answered; `0.0.0.0` for a checker outside of the machine or container. IPv4 or a name."""
    health_port: int | None = Field(default=None, ge=1, le=65_535)
    """No health endpoint without it."""
    log_format: Literal["json", "console"] | None = None
    """By default: console on a terminal, JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines of a lower level are not logged; `debug` adds one for each answer about each product."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.pacing_min_rate <= self.pacing_start_rate <= self.pacing_max_rate:
            names = (f"{PREFIX}PACING_{name}_RATE" for name in ("MIN", "START", "MAX"))
            raise ValueError(f"{', '.join(names)} must not be smaller, each than the one before")
        return self

    def keys(self) -> list[str]:
        """The token keys, one by one."""
        return [key.strip() for key in self.token_keys.get_secret_value().split(",") if key.strip()]

    def redis_passwords(self) -> list[str]:
        """Redis's password as it is and as it stands in the URL; none if there is none."""
        url = self.redis_url.get_secret_value()
        return [text for text in (parse_url(url).get("password"), urlsplit(url).password) if text]


def load() -> Settings:
    """The settings.

    Raises:
        SettingsError: something is missing or wrong; its text names each setting and what to do.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # the environment fills it
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            place = "_".join(str(part) for part in problem["loc"]).upper()
            name = PREFIX + place if place else "settings"
            told = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {told}; set it in the environment or in .env (see config/example.env)")
        failure = SettingsError("\n".join(lines))
    raise failure
