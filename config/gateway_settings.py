"""The settings of a gateway. They are checked once at the start."""

import re
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta

from config.settings import HOST, ProcessSettings, check_upstream
from config.variables.kinds import Check
from config.variables.reading import read
from config.variables.secret import Secret

_TOKEN: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,60}):(?P<role>viewer|producer|operator):(?P<digest>[0-9a-f]{64})"
)


class Address(NamedTuple):
    """A place to listen on. The host is a name, an IPv4 address, or an IPv6 address without its brackets."""

    host: str
    port: int


class NamedToken(NamedTuple):
    """A bearer token of the API: its holder's name, its role, and the SHA-256 of the token as lower-case hex."""

    name: str
    role: Literal["viewer", "producer", "operator"]
    digest: str


def _address(text: str) -> str:
    _parse_address(text)
    return text


def _parse_address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError("must be HOST:PORT, as 127.0.0.1:8401")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _base(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be the https:// URL under which sellers reach the public port")
    return url.rstrip("/")


def _host(url: str) -> str:
    return check_upstream(url) if url else ""


def _check_tokens(tokens: Secret) -> Secret:
    if not all(_TOKEN.fullmatch(one) for one in tokens.split()):
        raise ValueError(
            "must be name:role:SHA256 by commas: role viewer, producer or operator, SHA-256 as 64 lower-case digits"
        )
    return tokens


ListenAddress = Annotated[str, Check(_address, "`HOST:PORT`")]
BaseUrl = Annotated[str, Check(_base, "a URL")]
AuthorizeUrl = Annotated[str, Check(_host, HOST)]
Tokens = Annotated[Secret, Check(_check_tokens, "text")]


class GatewaySettings(ProcessSettings, frozen=True, kw_only=True):
    """The settings of a gateway."""

    service_id: str = ""
    """The app's service id, for the URL of a consent."""
    authorize_url: AuthorizeUrl = ""
    """The scheme and host of the page on which sellers consent; TikTok's own if it is empty."""
    gateway_public: ListenAddress = "0.0.0.0:8400"
    """Address of the public port: webhooks, invites and the callback. A proxy in front ends TLS."""
    gateway_private: ListenAddress = "127.0.0.1:8401"
    """Address of the private port: the API, health and metrics."""
    gateway_redis_seconds: Annotated[float, Meta(gt=0, le=60)] = 0.8
    """Seconds to wait for Redis before a webhook is answered with 503. TikTok waits 3 s for the answer."""
    gateway_url: BaseUrl = ""
    """The base URL under which sellers reach the public port, as https://shops.example.com; for invites."""
    gateway_tokens: Tokens = Secret("")
    """Bearer tokens of the API: `name:role:SHA256` by commas; roles are viewer, producer and operator."""
    gateway_uninvited: Literal["refuse", "hold"] = "refuse"
    """The fate of a consent without an invite: refused, or held 25 minutes for an operator's yes."""
    webhook_stock: Literal["publish", "look"] = "publish"
    """The use of a pushed stock number: published as it is, or as a reason to look the SKU up."""
    metrics_shops: Annotated[int, Meta(ge=0, le=100_000)] = 1_000
    """Shops that have metrics of their own, those that need a look first; 0 for none."""

    def tokens(self) -> list[NamedToken]:
        """Return the bearer tokens of the API, one by one."""
        found = (_TOKEN.fullmatch(one) for one in self.gateway_tokens.split())
        return [NamedToken(one["name"], one["role"], one["digest"]) for one in found if one]  # type: ignore[arg-type]

    def public(self) -> Address:
        """Return the address of the public port."""
        return _parse_address(self.gateway_public)

    def private(self) -> Address:
        """Return the address of the private port."""
        return _parse_address(self.gateway_private)


def load_gateway() -> GatewaySettings:
    """Read and check the settings.

    Raises:
        SettingsError: a setting is missing or wrong. The text names each such setting and its remedy.
    """
    return read(GatewaySettings)
