"""Hold all that a request's handler needs, built once at the start of the gateway."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import structlog
from redis.asyncio import Redis

from gateway.state_reader import StateReader
from shopstream import SyncClient
from shopstream.redis.partition_count import PartitionLookup

Role = Literal["viewer", "producer", "operator"]
Uninvited = Literal["refuse", "hold"]
StockPush = Literal["publish", "look"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token of the API, as the settings name it.

    Attributes:
        name: of its holder, for logs and the audit.
        role: the rights; each role has those of the roles before it too.
        digest: SHA-256 of the token's UTF-8 bytes, as lower-case hex.
    """

    name: str
    role: Role
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FurtherApp:
    """An app beside the one of `SHOPSTREAM_APP_KEY`.

    Attributes:
        name: its name in commands and in the registry.
        key: its app key.
        secrets: its app secrets, all of which verify.
        service_id: its service id, for the consent's URL; "" if it isn't set.
    """

    name: str
    key: str
    secrets: tuple[str, ...] = field(repr=False)
    service_id: str


@dataclass(frozen=True, slots=True)
class Door:
    """The parts of a gateway, ready for use.

    Attributes:
        redis: the pool that all handlers share. It retries through short outages, so that a call may take 8 s.
        prompt: a pool for answers within a second. It never retries, and gives up before the second is over.
        partitions: finds the partition of a shop.
        reader: reads the state of all shops and of the system for all who look.
        client: the contract package's client, on the same pool as `redis`.
        app_key: the key of the app in TikTok's Partner Center.
        app_secrets: the app secrets. The first signs, all verify.
        service_id: the app's service id, for the consent's URL; "" if it isn't set.
        authorize_host: the scheme and host of the page on which sellers consent; "" for TikTok's own.
        public_url: the base URL under which sellers and TikTok reach the public port; "" if it isn't set.
        tokens: the bearer tokens of the API.
        uninvited: the fate of a consent that no invite began: `refuse` it, or `hold` it for an operator.
        retention_seconds: seconds for which workers keep events.
        retention_max_seconds: seconds for which they keep those that a group has not read, at most.
        stream_most: entries of a stream's partition that they keep at most.
        stock_push: the use of a pushed stock number: `publish` it, or `look` the SKU up.
        log: the process's log.
        stopping: set when the process should end.
        apps: the further apps.
    """

    redis: Redis
    prompt: Redis
    partitions: PartitionLookup
    reader: StateReader
    client: SyncClient
    app_key: str
    app_secrets: tuple[str, ...] = field(repr=False)
    service_id: str
    authorize_host: str
    public_url: str
    tokens: tuple[AccessToken, ...]
    uninvited: Uninvited
    stock_push: StockPush
    retention_seconds: float
    retention_max_seconds: float
    stream_most: int
    log: structlog.stdlib.BoundLogger
    stopping: asyncio.Event
    apps: tuple[FurtherApp, ...] = ()

    def find_kept_seconds(self, stream: str) -> float:
        """Give the seconds for which entries of a stream are kept that all groups have read; 0 for ever."""
        if stream == "dead":
            return 0
        # All events of `shops` but shop.synced are kept for the longest time.
        return self.retention_max_seconds if stream == "shops" else self.retention_seconds

    def find_service_id(self, app: str) -> str:
        """Find the service id of an app by its name; "" if it has none, or there is no such app."""
        return next((one.service_id for one in self.apps if one.name == app), "" if app else self.service_id)

    def find_app(self, key: str) -> str:
        """Find the name of the app with a key; "", the default one, for any other key."""
        return next((one.name for one in self.apps if one.key == key), "")
