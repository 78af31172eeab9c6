"""Find the price that a buyer sees before discounts, in each view's own field. Pure.

TikTok's pages on Get Product and Search Products: a detail has it in `sale_price` for all sellers; a page has it there
for cross-border sellers, and in `tax_exclusive_price` for local ones, who have no `sale_price` there. A cross-border
seller's `tax_exclusive_price` is a price before tax, which no buyer sees.
"""

from typing import Final

from worker.changes.prices import Amount
from worker.formats import decimal
from worker.tiktok.reading.answers import AnswerPrice

CROSS_BORDER: Final = "CROSS_BORDER"


def display_price(price: AnswerPrice | None, *, line: bool, seller_type: str) -> Amount | None:
    """Give the price of a SKU as a buyer sees it before discounts; None if the answer has none.

    Args:
        price: TikTok's price object.
        line: true for a line of products search, false for a detail.
        seller_type: the shop's seller type by Authorized Shops; "" if it is unknown.
    """
    if price is None:
        return None
    sale, net = decimal(price.sale_price), decimal(price.tax_exclusive_price)
    currency = (price.currency or "").strip().upper() or None
    if seller_type == CROSS_BORDER and sale is not None:
        return {"amount": sale, "currency": currency, "tax": "included"}
    amount = None if seller_type == CROSS_BORDER else (net or sale) if line else (sale or net)
    amount = amount or decimal(price.original_price)
    return None if amount is None else {"amount": amount, "currency": currency, "tax": None}
