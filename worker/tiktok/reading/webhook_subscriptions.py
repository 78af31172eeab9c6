"""Name the webhook events that shopstream uses, and normalize a shop's subscriptions. Pure."""

from typing import Final

from shopstream.enqueue.subscribing import Subscription
from worker.formats import rfc3339
from worker.marketplace.call_errors import printable
from worker.tiktok.reading.answers import Webhooks

EVENTS: Final = {
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
"""TikTok's number of a type → its name in the Event API."""


def subscriptions(answer: Webhooks) -> list[Subscription]:
    """List the subscriptions by event."""
    found = [
        Subscription(printable(each.event_type), printable(each.address, 1_000), rfc3339(each.update_time))
        for each in answer.webhooks or ()
    ]
    return sorted(found, key=lambda each: each.event)
