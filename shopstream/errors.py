"""What can go wrong for those who use shopstream. Every text is one line that says what to do."""


class ShopstreamError(Exception):
    """Any of these."""


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


class AuthorizationFailed(ShopstreamError):
    """TikTok refused the code, or could not be asked."""


class NoWorker(ShopstreamError):
    """Nothing answered in time."""
