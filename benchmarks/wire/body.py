"""Answers of TikTok Shop as the lean upstream gives them: the shape of the fixtures, 12 KB, two SKUs. Pure."""

from pathlib import Path
from typing import Any, Final

import orjson

_FIXTURES: Final = Path(__file__).parents[2] / "tests/fixtures"
SIZE: Final = 12_000
"""Bytes of a product's answer: most of it description and signed image URLs, as in the wild."""
SKUS: Final = 2
STOCK: Final = b"7777777"
"""Where an inventory search has the number of its stock: no id has that many sevens, nor has anything else."""
# Stand for what differs from call to call. As long as what they stand for, so that the size is right.
_ID, _VERSION, _PRICE, _QUANTITY = "1729123456789012345", 1_234_567_899, "777.77", int(STOCK)


def product_ids(shop: int, count: int) -> list[str]:
    """Ids of a shop's products; their SKUs' begin with 1730 and 1731 instead of 1729."""
    return [f"1729{shop:05d}{number:010d}" for number in range(count)]


def detail(skus: int = SKUS) -> bytes:
    """A `%` template of the detail answer, with `id`, `rest` (the id behind its first 4 digits), `v`, `price`, `n`.

    At most 10 SKUs; with many of them it is longer than SIZE.
    """
    answer = orjson.loads((_FIXTURES / "product-202309.json").read_bytes())
    data = answer["data"]
    data |= {"id": _ID, "update_time": _VERSION, "status": "ACTIVATE"}
    data["main_images"] = [_image(data["main_images"][0], number) for number in range(9)]
    sku = data["skus"][0]
    sku["inventory"][0]["quantity"] = _QUANTITY
    sku["price"]["sale_price"] = _PRICE
    data["skus"] = [sku | {"id": str(1730 + number) + _ID[4:]} for number in range(skus)]
    text = orjson.dumps(answer).replace(b"%", b"%%")
    data["description"] += "<p>" + "As described on the label. " * ((SIZE - len(text)) // 27) + "</p>"
    return _template(orjson.dumps(answer))


def inventory(skus: int = SKUS) -> tuple[bytes, bytes]:
    """What stands around the products of an inventory search, and a template of one with `id` and `rest`.

    Its number is STOCK, to be replaced, so that a page is made once and then costs one search.
    """
    answer = orjson.loads((_FIXTURES / "inventory-search-202309.json").read_bytes())
    (product,) = answer["data"]["inventory"]
    (sku,) = product["skus"]
    sku["total_available_quantity"] = _QUANTITY
    sku["warehouse_inventory"][0]["available_quantity"] = _QUANTITY
    product["product_id"] = _ID
    product["skus"] = [sku | {"id": str(1730 + number) + _ID[4:]} for number in range(skus)]
    answer["data"]["inventory"] = ["HERE"]
    return orjson.dumps(answer), _template(orjson.dumps(product)).replace(b"%(n)d", STOCK)


def _image(like: dict[str, Any], number: int) -> dict[str, Any]:
    url = f"https://p16-oec.example.com/{number}~tplv.jpeg?x-expires=1764000000&x-signature={'q' * 43}"
    return like | {"uri": f"{like['uri']}-{number}", "urls": [url] * 2, "thumb_urls": [url]}


def _template(text: bytes) -> bytes:
    text = text.replace(b"%", b"%%").replace(_ID.encode(), b"%(id)b").replace(_ID[4:].encode(), b"%(rest)b")
    text = text.replace(str(_VERSION).encode(), b"%(v)d").replace(_PRICE.encode(), b"%(price)d.%(cents)02d")
    return text.replace(str(_QUANTITY).encode(), b"%(n)d")
