"""Addresses by shop and event, as the Event API keeps them."""

from dataclasses import dataclass
from typing import Any, Final

TYPES: Final = {
    5: "PRODUCT_STATUS_CHANGE",
    6: "SELLER_DEAUTHORIZATION",
    7: "UPCOMING_AUTHORIZATION_EXPIRATION",
    15: "PRODUCT_INFORMATION_CHANGE",
    16: "PRODUCT_CREATION",
    24: "FBT_INVENTORY_UPDATE",
    27: "INVENTORY_STATUS_CHANGE",
    37: "PRODUCT_AUDIT_STATUS_CHANGE",
    39: "ACTIVITY_STATUS_CHANGE",
    42: "COMBINED_LISTING_CHANGE",
    68: "INVENTORY_CHANGED",
}
"""Events that the sandbox pushes, by TikTok's number."""
DESCRIBED: Final = frozenset({
    "CANCELLATION_STATUS_CHANGE", "INVOICE_STATUS_CHANGE", "NEW_CONVERSATION", "NEW_MESSAGE", "NEW_MESSAGE_LISTENER",
    "ORDER_STATUS_CHANGE", "PACKAGE_UPDATE", "PRODUCT_AUDIT_STATUS_CHANGE", "PRODUCT_CATEGORY_CHANGE",
    "PRODUCT_CREATION", "PRODUCT_INFORMATION_CHANGE", "PRODUCT_STATUS_CHANGE", "RECIPIENT_ADDRESS_UPDATE",
    "RETURN_STATUS_CHANGE", "REVERSE_STATUS_UPDATE", "SELLER_DEAUTHORIZATION", "UPCOMING_AUTHORIZATION_EXPIRATION",
})  # fmt: skip
"""Events that TikTok's description of the Event API names. The others are subscribed to in its Partner Center."""


@dataclass
class Subscription:
    """Where one event of a shop is pushed. Times are Unix milliseconds on the sandbox's clock."""

    event: str
    address: str
    created: int
    updated: int

    def document(self) -> dict[str, Any]:
        """Give it as `GET /event/202309/webhooks` does."""
        return {
            "event_type": self.event,
            "address": self.address,
            "create_time": self.created,
            "update_time": self.updated,
        }


class Subscriptions:
    """All subscriptions, by shop and event."""

    def __init__(self) -> None:
        self._by_shop: dict[str, dict[str, Subscription]] = {}

    def put(self, shop: str, event: str, address: str, now: float) -> None:
        """Subscribe a shop's event, or move it to another address; `now` in Unix seconds."""
        at = int(now * 1000)
        known = self._by_shop.setdefault(shop, {})
        if event in known:
            known[event].address, known[event].updated = address, at
        else:
            known[event] = Subscription(event, address, at, at)

    def remove(self, shop: str, event: str) -> None:
        """End a subscription, if there is one."""
        self._by_shop.get(shop, {}).pop(event, None)

    def of(self, shop: str) -> list[Subscription]:
        """Give a shop's subscriptions, the oldest first."""
        return list(self._by_shop.get(shop, {}).values())

    def address(self, shop: str, event: str) -> str | None:
        """Give the address of a shop's event, None without a subscription."""
        known = self._by_shop.get(shop)
        found = known.get(event) if known else None
        return found.address if found else None

    def clear(self) -> None:
        """End all subscriptions."""
        self._by_shop.clear()
