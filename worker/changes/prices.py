"""The price that a buyer sees before discounts, as events show it. Pure."""

from typing import TypedDict


class Amount(TypedDict):
    """A price as events show it."""

    amount: str
    currency: str | None
    tax: str | None


def merged(known: Amount | None, now: Amount | None) -> Amount | None:
    """Give what is known of a price after another answer: amount and tax belong together, a currency is kept."""
    if now is None or known is None:
        return known if now is None else now
    return now if now["currency"] else {"amount": now["amount"], "currency": known["currency"], "tax": now["tax"]}
