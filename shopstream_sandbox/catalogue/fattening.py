"""Products of TikTok's greatest size: 100 SKUs, in many warehouses, with all that a line of a search can hold."""

from typing import Final

from shopstream_sandbox.catalogue.products import Fields, Product, Sku

FAR: Final = 2 * 10**20  # ids of SKUs past those that have room beside their product's are so far away
_ROOM: Final = 99
_LINE: Final[Fields] = {
    "list_price": {"amount": "1", "currency": "USD"},
    "external_list_prices": [{"source": "SHOPIFY_COMPARE_AT_PRICE", "amount": "1", "currency": "USD"}],
    "pre_sale": {
        "type": "PRE_ORDER",
        "fulfillment_type": {"handling_duration_days": 7, "release_date": 1619611761},
    },
    "fees": [{"type": "PFAND", "amount": "1.01", "additional_attribute": "SINGLE_USE"}],
}
"""What TikTok's own sample of a search has of a SKU."""


def warehouses(known: list[str], count: int) -> list[str]:
    """Lengthen the ids of a shop's warehouses to `count`, never shorten them."""
    return known + [str(int(known[-1]) + n * 1_000) for n in range(1, count - len(known) + 1)]


def fatten(product: Product, count: int, at: list[str]) -> None:
    """Give a product exactly `count` SKUs, and each of them stock in all warehouses."""
    del product.skus[count:]
    taken = {sku.id for sku in product.skus}
    pattern = product.skus[0] if product.skus else None
    price = pattern.price if pattern else "1.00"
    place = 0
    while len(product.skus) < count:
        turn, room = divmod(place, _ROOM)
        place += 1
        sku_id = str(int(product.id) + 1 + room + turn * FAR)
        if sku_id not in taken:
            product.skus.append(Sku(sku_id, f"FAT-{place}", price, f"Variant {place}", {}, committed=0))
    for sku in product.skus:
        sku.stock = {warehouse: sku.stock.get(warehouse, 999) for warehouse in at}
        sku.extra = _LINE | sku.extra
    product.pristine = False
