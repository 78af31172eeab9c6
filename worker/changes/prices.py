"""Merge the prices that a buyer sees before discounts. Pure."""

from typing import Literal, TypedDict


class Amount(TypedDict):
    """A price as events show it."""

    amount: str
    currency: str | None
    tax: Literal["included", "excluded"] | None


def merge_price(known: Amount | None, now: Amount | None) -> Amount | None:
    """Merge a price into the known one. Amount and tax belong together; a known currency is kept."""
    if now is None or known is None:
        return known if now is None else now
    return now if now["currency"] else {"amount": now["amount"], "currency": known["currency"], "tax": now["tax"]}
