"""Errors that those who use shopstream may meet. Every text is one line that says what to do."""


class ShopstreamError(Exception):
    """Any of these."""


class WrongClient(ShopstreamError):
    """This Redis client can't be used here: another kind is needed, or it is another event loop's."""


class ClientClosed(ShopstreamError):
    """It has been closed."""


class EmptyRedis(ShopstreamError):
    """Nothing of shopstream is in this Redis: the workers have another one, or none has started yet."""

    def __init__(self) -> None:
        super().__init__(
            "nothing of shopstream is in this Redis: no worker has started on it yet (python -m worker), "
            "or the URL names another server or database number than the workers' SHOPSTREAM_REDIS_URL"
        )


class UnknownShop(ShopstreamError):
    """Nobody has authorized this shop."""

    def __init__(self, shop_id: str) -> None:
        super().__init__(f"shop {shop_id} is not authorized: open `shopstream authorize-url` as its seller first")


class ShopParked(ShopstreamError):
    """The seller must authorize again; what was asked for waits in the backlog until then."""

    def __init__(self, shop_id: str, status: str, reason: str | None) -> None:
        super().__init__(
            f"shop {shop_id} is {status} ({reason or 'no reason given'}): its seller must authorize it again; "
            "what was asked for is kept until then"
        )


class UnknownRequest(ShopstreamError):
    """The ids of this request are not kept here (any more)."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"request {request_id} is not known here: its ids are kept for two days, "
            "and only if its user of Redis may write shopstream:*:request:*"
        )


class AuthorizationFailed(ShopstreamError):
    """TikTok refused the code, or could not be asked."""


class NoWorker(ShopstreamError):
    """Nothing answered in time."""


class SnapshotOutdated(ShopstreamError):
    """The events that follow no longer join on to this snapshot: take a new one."""

    def __init__(self, shop_id: str, reason: str) -> None:
        super().__init__(f"the snapshot of shop {shop_id} can't be followed: {reason}; take a new one")
        self.reason = reason


class UnknownSku(ShopstreamError):
    """Nothing is known of this SKU."""

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
    """There is no dead letter with this id."""

    def __init__(self, entry_id: str) -> None:
        shown = entry_id if len(entry_id) <= 60 else entry_id[:57] + "…"
        super().__init__(f"there is no dead letter {shown!r}: `shopstream dead list` shows those there are")


class NotRedelivered(ShopstreamError):
    """Events that a consumer group gave up are not delivered again."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"what a group gave up of {stream} is not delivered again: later events of its subject have been handled, "
            "and an older one would take them back. Read the present state (shopstream snapshot), then drop it"
        )
