"""The filters of a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shopstream_sandbox.catalogue.shop import Shop
from shopstream_sandbox.refusal.refusals import invalid, said

_STATUSES: Final = frozenset({
    "ALL", "DRAFT", "PENDING", "FAILED", "ACTIVATE", "SELLER_DEACTIVATED", "PLATFORM_DEACTIVATED", "FREEZE", "DELETED",
})  # fmt: skip
_TIMES: Final = ("create_time_ge", "create_time_le", "update_time_ge", "update_time_le")
_MOST_SKUS: Final = 10


@dataclass(frozen=True)
class Filter:
    """The parts of the body that narrow a search; times in Unix seconds, both ends included; SKUs sorted."""

    status: str | None
    times: tuple[int | None, ...]
    seller_skus: tuple[str, ...]
    sku_ids: tuple[str, ...]

    @property
    def is_everything(self) -> bool:
        """Whether nothing is narrowed."""
        return self.status is None and not self.seller_skus and not self.sku_ids and self.times == (None,) * 4

    def candidates(self, shop: Shop) -> Sequence[int]:
        """The places of the products that could match: those of the SKUs alone, if some are asked for."""
        if not self.sku_ids:
            return range(shop.size)
        owners = {owner for sku in self.sku_ids if (owner := shop.owner(sku))}
        return sorted(index for owner in owners if (index := shop.index_of(owner)) is not None)

    def fits(self, shop: Shop, index: int, moment: float | None, *, deleted_too: bool) -> bool:
        """Whether the product at that place matches, as of a moment (None is now)."""
        facts = shop.facts(index, moment)
        if facts is None:
            return False
        created, updated, status = facts
        after, before, changed_after, changed_before = self.times
        return (
            (self.status is None or status == self.status)
            and (deleted_too or status != "DELETED")
            and (after is None or created >= after)
            and (before is None or created <= before)
            and (changed_after is None or updated >= changed_after)
            and (changed_before is None or updated <= changed_before)
            and (not (self.seller_skus or self.sku_ids) or self._has_sku(shop, index, moment))
        )

    def _has_sku(self, shop: Shop, index: int, moment: float | None) -> bool:
        product = shop.seen(shop.id_at(index), moment)
        skus = product.skus if product else []
        return (not self.seller_skus or any(sku.seller_sku in self.seller_skus for sku in skus)) and (
            not self.sku_ids or any(sku.id in self.sku_ids for sku in skus)
        )


def narrowed(body: dict[str, Any]) -> Filter:
    """The filter of a search's body. Raises 36009004, and 12019027 for more than 10 SKUs."""
    status = body.get("status")
    if status is not None and status not in _STATUSES:
        raise invalid("status is not one of the known ones")
    for name in _TIMES:
        if body.get(name) is not None and type(body[name]) is not int:
            raise invalid(f"{name} must be Unix seconds")
    seller_skus, sku_ids = _texts(body, "seller_skus"), _texts(body, "sku_ids")
    if len(seller_skus) > _MOST_SKUS:
        raise said("seller_skus")
    if len(sku_ids) > _MOST_SKUS:
        raise invalid("sku_ids must be 10 or fewer")
    return Filter(None if status == "ALL" else status, tuple(map(body.get, _TIMES)), seller_skus, sku_ids)


def _texts(body: dict[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid(f"{name} must be a list of strings")
    return tuple(sorted(value))
