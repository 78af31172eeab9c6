"""Map TikTok's product statuses, of both generations and by platform, to ours. Pure."""

from collections.abc import Iterable
from typing import Final

from worker.tiktok.reading.answers import PlatformStatus, Product202309, ProductLegacy

STATUSES: Final = {
    "DRAFT": "draft",
    "PENDING": "pending",
    "FAILED": "failed",
    "ACTIVATE": "live",
    "SELLER_DEACTIVATED": "seller_deactivated",
    "PLATFORM_DEACTIVATED": "platform_deactivated",
    "FREEZE": "frozen",
    "DELETED": "deleted",
    "SCHEDULED": "scheduled",
}
"""TikTok's status (202309) → ours. Any other becomes `unknown`; `raw_status` always has TikTok's word."""

_BEST_FIRST: Final = (
    "live", "scheduled", "pending", "seller_deactivated", "platform_deactivated", "failed", "draft", "unknown",
    "frozen", "deleted",
)  # fmt: skip
"""Our statuses, the nearest to a sale first. A product is frozen or deleted only if it is so on all platforms."""

LEGACY_STATUSES: Final = {
    1: "draft",
    2: "pending",
    3: "failed",
    4: "live",
    5: "seller_deactivated",
    6: "platform_deactivated",
    7: "frozen",
    8: "deleted",
}


def status_of(answer: Product202309 | ProductLegacy) -> tuple[str | None, str | None]:
    """Give our status and TikTok's; None twice if the answer has no status.

    A product that is listed on another platform alone has no status of its own: it is live if it is live on one.
    """
    if isinstance(answer, ProductLegacy):
        number = answer.product_status
        return (None, None) if number is None else (LEGACY_STATUSES.get(number, "unknown"), str(number))
    raw = answer.status or _of_platforms(answer.integrated_platform_statuses or [])
    return (STATUSES.get(raw, "unknown"), raw) if raw else (None, None)


def is_deleted(answer: Product202309 | ProductLegacy) -> bool:
    """Tell whether TikTok says of a product that it is deleted."""
    return status_of(answer)[0] == "deleted"


def _of_platforms(platforms: Iterable[PlatformStatus]) -> str | None:
    """Give the best status of the platforms, in whichever order they are listed.

    None if a platform lacks its status, which might be better.
    """
    words = [each.status for each in platforms]
    best = min((word for word in words if word), key=lambda word: (_rank(word), word), default=None)
    return best if best and (_rank(best) == 0 or all(words)) else None


def _rank(word: str) -> int:
    return _BEST_FIRST.index(STATUSES.get(word, "unknown"))
