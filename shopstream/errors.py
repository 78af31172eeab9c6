"""The errors of shopstream's clients. Every text is one line that names the remedy."""

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shopstream.ids import show


class ShopstreamError(Exception):
    """The base class of these errors."""


class TracingNotInstalled(ShopstreamError):
    """Traces are turned on, and OpenTelemetry is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "traces are on, and OpenTelemetry is missing: pip install 'shopstream[otel]', or set SHOPSTREAM_TRACING=off"
        )


class WrongClient(ShopstreamError):
    """This Redis client can't be used here: it is of another kind, or belongs to another event loop."""


class ClientClosed(ShopstreamError):
    """This client was closed before the call."""


class EmptyRedis(ShopstreamError):
    """This Redis has no data of shopstream: the workers use another one, or no worker has started yet."""

    def __init__(self) -> None:
        super().__init__(
            "nothing of shopstream is in this Redis: no worker has started on it yet (python -m worker), "
            "or the URL names another server or database number than the workers' SHOPSTREAM_REDIS_URL"
        )


class NotRedis(EmptyRedis):
    """The URL names a Sentinel as if it were Redis."""

    @staticmethod
    def fits(answer: Exception) -> bool:
        """Tell whether an error is the answer of a server that knows no command for data."""
        return str(answer).lower().startswith("unknown command")

    def __init__(self) -> None:
        ShopstreamError.__init__(
            self,
            "the server at this URL is a Sentinel, not Redis: write redis+sentinel://HOST:PORT/NAME, "
            "with the name that `sentinel monitor NAME` gives to the primary",
        )


class UntrustedRedis(ShopstreamError, RedisConnectionError):
    """The certificate of Redis is of an authority that isn't trusted, of another host, or has expired.

    A person must act.
    """

    def __init__(self) -> None:
        super().__init__(
            "the certificate of Redis was not accepted: check the host in the URL, "
            "and ssl_ca_certs=FILE behind it for an authority of your own"
        )


class TlsTimeout(ShopstreamError, RedisTimeoutError):
    """No TLS connection to Redis came about in time. It passes, unless the port speaks no TLS."""

    def __init__(self) -> None:
        super().__init__(
            "Redis made no TLS connection in time: it is slow or away, or its port speaks no TLS "
            "(then write redis:// instead of rediss://, or the port for TLS)"
        )


class Moved(EmptyRedis):
    """The deployment has moved to another Redis, or is about to. Nothing is taken here any more.

    Attributes:
        place: the new place, without user and password.
    """

    def __init__(self, place: str, *, over: bool = True) -> None:
        self.place = place
        word = "was moved" if over else "is being moved"
        ShopstreamError.__init__(
            self, f"this Redis {word} to {place}: set SHOPSTREAM_REDIS_URL to it, with its user and password"
        )


class MoveRefused(ShopstreamError):
    """A deployment is not moved to another Redis: the text names the reason and the remedy."""


class NodeOfCluster(EmptyRedis):
    """The URL names a node of a cluster as if it were one Redis."""

    @staticmethod
    def fits(answer: Exception) -> bool:
        """Tell whether an error is the answer of a node that does not have the key."""
        return isinstance(answer, MovedError) or str(answer).startswith("MOVED ")

    def __init__(self) -> None:
        ShopstreamError.__init__(
            self,
            "the server at this URL is a node of a cluster: write redis+cluster://HOST:PORT,HOST:PORT, "
            "with some of its nodes",
        )


class UnknownShop(ShopstreamError):
    """Nobody has authorized this shop."""

    def __init__(self, shop_id: str) -> None:
        super().__init__(f"shop {shop_id} is not authorized: open `shopstream authorize-url` as its seller first")


class ShopParked(ShopstreamError):
    """The seller must authorize the shop again; until then its ids wait in the backlog."""

    def __init__(self, shop_id: str, status: str, reason: str | None) -> None:
        super().__init__(
            f"the seller of shop {shop_id} must authorize it again ({status}); its backlog is kept until then. "
            f"Reason: {reason or 'not given'}"
        )


class UnknownRequest(ShopstreamError):
    """Redis has no ids of this request (any more)."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"request {request_id} is unknown: its ids are kept for two days, "
            "and only if the requester's user of Redis may write shopstream:*:request:*"
        )


class AuthorizationFailed(ShopstreamError):
    """TikTok refused the authorization code, or was not reached."""


class SubscriptionsFailed(ShopstreamError):
    """TikTok refused to list or change a shop's webhook subscriptions, or was not reached."""


class NoWorker(ShopstreamError):
    """No worker answered in time."""


class UnknownHold(ShopstreamError):
    """No consent of this name waits for an operator's yes."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no consent {show(name)} is held (any more): `shopstream invite --held` lists them")


class SnapshotOutdated(ShopstreamError):
    """Events after this snapshot may be missing: take a new one."""

    def __init__(self, shop_id: str, reason: str) -> None:
        super().__init__(f"the snapshot of shop {shop_id} can't be followed: {reason}; take a new one")
        self.reason = reason


class UnreadableState(ShopstreamError, ValueError):
    """The stored state of a product can't be read."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"a stored state can't be read ({found}): restore Redis from a copy, or remove the state and fetch the "
            "product again: docs/state.md"
        )


class MissingDictionary(UnreadableState):
    """Redis lacks the dictionary by which a state was compressed."""

    def __init__(self, number: int) -> None:
        ShopstreamError.__init__(
            self,
            f"dictionary {number} is not in Redis: put it back under shopstream:dict:{number} from a copy of Redis, "
            "and requeue the dead letters: docs/state.md",
        )
        self.number = number


class DictionaryRefused(ShopstreamError):
    """A dictionary can't be trained or used."""


class UnknownSku(ShopstreamError):
    """Neither an event nor a stored product has this SKU."""

    def __init__(self, shop_id: str, sku_id: str, searched: str) -> None:
        super().__init__(
            f"nothing is known of SKU {sku_id} in shop {shop_id} ({searched}): "
            f"`shopstream sync stock {shop_id} PRODUCT` fetches the stock of its product"
        )


class UnknownProduct(ShopstreamError):
    """Nothing is known of this product."""

    def __init__(self, shop_id: str, product_id: str, searched: str) -> None:
        super().__init__(
            f"nothing is known of product {product_id} in shop {shop_id} ({searched}): "
            f"`shopstream sync products {shop_id} {product_id}` fetches it"
        )


class NoSuchLetter(ShopstreamError):
    """No dead letter has this name."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(f"there is no dead letter {show(entry_id)}: `shopstream dead list --each` lists them")


class NotRedelivered(ShopstreamError):
    """Events that a consumer group gave up are not delivered again."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"events of {stream} that a group gave up are not delivered again: the group has handled later ones of "
            "their subjects, and an older one would undo them. Read the state (shopstream snapshot), then drop them"
        )


class UnknownGroup(ShopstreamError):
    """The stream has no consumer group of this name."""

    def __init__(self, stream: str, group: str) -> None:
        super().__init__(f"stream {show(stream)} has no consumer group {show(group)}: `shopstream groups` lists them")


class GroupInUse(ShopstreamError):
    """A consumer group with living members is not deleted: they would create it again."""

    def __init__(self, stream: str, group: str, members: int) -> None:
        many = "a member lives" if members == 1 else f"{members} members live"
        super().__init__(f"group {show(group)} of {show(stream)} is in use: {many}. End its consumers first")


class BackupRefused(ShopstreamError):
    """A backup can't be written, or is not imported; nothing of it has reached Redis."""
