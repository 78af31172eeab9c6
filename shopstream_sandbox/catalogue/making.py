"""Products made up from numbers: the same seed, shop and index give the same product, and none needs another."""

import random
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Final

from shopstream_sandbox.catalogue.products import Product, Sku

BEGIN: Final = 1_700_000_000  # Unix seconds at which the first product was created
_MASK: Final = (1 << 64) - 1
_NOUNS: Final = (
    "Cà phê viên nén", "Áo thun cotton", "ชาไทยเย็น", "เสื้อยืด", "手工皂 薰衣草", "陶瓷杯", "Short Boat Socks",
    "Kopi susu gula aren", "Lip balm 🍓", "حقيبة يد", "Bougie parfumée", "Khăn tắm mềm mịn", "Wireless earbuds",
)  # fmt: skip
_ADJECTIVES: Final = ("mới", "ใหม่", "限定", "✨ deluxe", "XL", "combo 2", "Aluminium", "for kids", "bio", "200 g")
_VARIANTS: Final = ("Red", "Xanh", "ดำ", "白", "Nude #3", "Azul", "M", "XL / 黒", "أسود")
_WORDS: Final = (*_NOUNS, *_ADJECTIVES, *_VARIANTS)
_ZERO_DECIMALS: Final = frozenset({"VND", "IDR"})
_RARE: Final = ("SELLER_DEACTIVATED", "DRAFT", "PENDING", "FAILED", "PLATFORM_DEACTIVATED", "FREEZE", "PENDING")


def number(seed: int, shop: int, index: int) -> int:
    """64 well-mixed bits for one product (splitmix64's finalizer)."""
    z = (seed * 0x9E3779B97F4A7C15 + shop * 0xBF58476D1CE4E5B9 + (index + 1) * 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def status(look: int, *, frozen: bool) -> str:
    """ACTIVATE for 9 in 10; FREEZE for 1 in 70 if some are to be `frozen`, in which case those have no detail."""
    if look % 10:
        return "ACTIVATE"
    rare = _RARE[look // 10 % len(_RARE)]
    return "SELLER_DEACTIVATED" if rare == "FREEZE" and not frozen else rare


def created(index: int) -> int:
    """Four products a moment, as sellers upload them, and a moment every 148 s."""
    return BEGIN + index // 4 * 148


def updated(index: int, look: int) -> int:
    """Within a day of its making."""
    return created(index) + look // 1000 % 86_400


def price(cents: int, currency: str) -> str:
    """A price as TikTok writes it in that currency."""
    return str(cents * 100) if currency in _ZERO_DECIMALS else f"{cents // 100}.{cents % 100:02}"


def before_tax(price: str) -> str:
    """Take an eleventh off a price, as a tax of 10 % would be. One that is no number stays as it is."""
    try:
        shown = Decimal(price)
        return f"{(shown / Decimal('1.1')).quantize(shown, ROUND_DOWN):f}"
    except InvalidOperation:
        return price


def product(
    product_id: str, index: int, look: int, currency: str, warehouses: list[str], *, frozen: bool = False
) -> Product:
    """One product, without what only its looks need."""
    rng = random.Random(look)  # noqa: S311 - repeatable, not secret
    first = int(product_id) + 1
    skus = []
    for n in range(rng.randint(1, 12)):
        in_stock = {
            warehouse: 0 if look >> n & 7 == 0 else rng.randrange(500)
            for warehouse in warehouses[: rng.randint(1, len(warehouses))]
        }
        skus.append(
            Sku(
                id=str(first + n),
                seller_sku="" if rng.random() < 0.1 else f"S{index}-{n}",
                price=price(rng.randrange(100, 99_999), currency),
                variant=_VARIANTS[(look + n) % len(_VARIANTS)],
                stock=in_stock,
                committed=rng.randrange(20),
            )
        )
    title = f"{rng.choice(_NOUNS)} {rng.choice(_ADJECTIVES)} #{index}"
    return Product(product_id, title, status(look, frozen=frozen), created(index), updated(index, look), skus, look)


def description(look: int) -> str:
    """HTML of 0.5 to 4 KB."""
    rng = random.Random(look ^ 1)  # noqa: S311 - repeatable
    paragraphs = (" ".join(rng.choices(_WORDS, k=rng.randint(12, 40))) for _ in range(rng.randint(2, 7)))
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def images(look: int) -> list[str]:
    """1 to 5 image ids."""
    rng = random.Random(look ^ 2)  # noqa: S311 - repeatable
    return [f"tos-maliva-i-o3syd03w52-us/{rng.getrandbits(128):032x}" for _ in range(rng.randint(1, 5))]


def brand(look: int) -> dict[str, str]:
    """A brand's id and name."""
    return {"id": str(7_082_427_311_584_347_905 + look % 97), "name": _NOUNS[look % len(_NOUNS)]}
