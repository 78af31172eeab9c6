"""Check the settings of a shop: its walk intervals, published kinds and thresholds.

Redis has one document a shop.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

import orjson

from shopstream import ids
from shopstream.durations import parse_duration

Publish = Literal["stock", "prices", "products"]
_SECONDS: Final = ("interval", "full_interval", "stock_interval")
_SHORTEST: Final = 10
_LONGEST: Final = 30 * 86_400
_FLAGS: Final = ("description", "guard", "paused")
_WORDS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_OF_SKU: Final = "low:"
LOW_SKUS_MAX: Final = 1_000
"""Thresholds of single SKUs that a shop may have: 25 KB, which each claim carries."""


class InvalidSetting(ids.InvalidArgument):
    """A setting of a shop has no such name or value. The text names it, and its valid values."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """The settings of one shop.

    Attributes:
        interval: seconds between incremental walks, which read the changes since the last one; 0 is never.
        full_interval: seconds between full walks, which find missed changes and deletions; 0 is never.
        stock_interval: seconds between polls of all stock by batch, for stock that moves without its product; 0 is
            never.
        publish: `stock` for stock events alone; `prices` for products too, as products search shows them; `products`
            also with the fields that only the detail call has (category, brand, images, attributes), which costs a call
            a product. After a wider choice the next look at a product publishes the missing changes, at the latest in
            the next full walk.
        description: true if a changed description counts as a changed product.
        low: units at which stock is low.
        low_skus: units at which stock is low, by SKU id. Change one as `low:SKU`; an empty value removes it.
        guard: true if a product that sells fast is looked at sooner than by the next poll (oversell guard).
        paused: true if its products and stock are not fetched; requests wait, and its consent is kept alive.
    """

    interval: int = 3_600
    full_interval: int = 86_400
    stock_interval: int = 21_600
    publish: Publish = "products"
    description: bool = True
    low: int = 5
    low_skus: Mapping[str, int] = field(default_factory=dict)
    guard: bool = True
    paused: bool = False

    def low_of(self, sku_id: str) -> int:
        """Return the units at which the stock of a SKU is low."""
        return self.low_skus.get(sku_id, self.low)

    def intervals(self) -> dict[str, int]:
        """Return the seconds between walks, by kind (`shopstream.redis.keys.WALKS`); 0 is never."""
        return {"delta": self.interval, "full": self.full_interval, "poll": self.stock_interval}

    def to_json(self) -> bytes:
        """Encode the settings that differ from the defaults, so that a new default reaches all shops."""
        return orjson.dumps({name: value for name, value in asdict(self).items() if value != getattr(DEFAULT, name)})

    @classmethod
    def from_json(cls, stored: bytes | None) -> "ShopSettings":
        """Decode settings made by `to_json`. Unknown or damaged ones keep their defaults, so that the shop goes on."""
        try:
            document = orjson.loads(stored or b"{}")
        except orjson.JSONDecodeError:
            return DEFAULT
        known = DEFAULT
        for name, value in document.items() if isinstance(document, dict) else ():
            try:
                known = known.change({name: value})
            except InvalidSetting:
                continue  # probably a newer version's
        return known

    def change(self, changes: Mapping[str, object]) -> "ShopSettings":
        """Return these settings with changes. A value may be text, as on a command line; an interval also `5m` or `1h`.

        Raises:
            InvalidSetting: no setting has this name, or the value is not valid for it.
        """
        plain = {name: _check(name, value) for name, value in changes.items() if not name.startswith(_OF_SKU)}
        of_skus = {name: value for name, value in changes.items() if name.startswith(_OF_SKU)}
        if of_skus:
            plain["low_skus"] = _low_skus(plain.get("low_skus", self.low_skus), of_skus)
        return replace(self, **plain)


DEFAULT: Final = ShopSettings()


def recovery(low: int) -> int:
    """Compute the units from which low stock counts as recovered.

    They are one and a half times `low`, and at least `low` + 2, so that sales around `low` don't flap.
    """
    return low + max(2, low // 2)


def _check(name: str, value: object) -> Any:
    """Return a value in the type of its setting."""
    if name in _SECONDS:
        return _interval(name, value)
    if name == "low":
        return _whole(name, value)
    if name == "publish":
        if value not in get_args(Publish):
            raise InvalidSetting(f"publish is one of {', '.join(get_args(Publish))}, not {str(value)[:40]!r}")
        return value
    if name in _FLAGS:
        flag = value if isinstance(value, bool) else _WORDS.get(str(value).lower())
        if flag is None:
            raise InvalidSetting(f"{name} is true or false, not {str(value)[:40]!r}")
        return flag
    if name == "low_skus":
        return _all_low_skus(value)
    names = ", ".join("low:SKU" if f.name == "low_skus" else f.name for f in fields(ShopSettings))
    raise InvalidSetting(f"no setting is called {name[:40]!r}: {names}")


def _interval(name: str, value: object) -> int:
    """Return seconds: of a number, or of a duration as `5m`."""
    seconds = parse_duration(str(value).strip())
    if seconds is None:
        seconds = _whole(name, value, "a duration as 5m, 1h or 1d, or in seconds a whole number")
    if seconds and not _SHORTEST <= seconds <= _LONGEST:
        raise InvalidSetting(f"{name} is 0 (never) or {_SHORTEST} to {_LONGEST} seconds, not {seconds}")
    return seconds


def _all_low_skus(value: object) -> dict[str, int]:
    """Check all thresholds of single SKUs: SKU id → units, or that as JSON."""
    try:
        thresholds = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        thresholds = None
    if not isinstance(thresholds, Mapping):
        raise InvalidSetting(f"low_skus is SKU → units, not {str(value)[:40]!r}: set a single one as low:SKU=3")
    return _low_skus({}, {f"{_OF_SKU}{sku_id}": low for sku_id, low in thresholds.items()})


def _low_skus(known: Mapping[str, int], changes: Mapping[str, object]) -> dict[str, int]:
    """Apply changes to thresholds: `low:SKU` → units, or "" to remove one."""
    now = dict(known)
    for name, value in changes.items():
        sku_id = name.removeprefix(_OF_SKU)
        if not ids.is_id(sku_id):
            raise InvalidSetting(f"{name[:40]!r} has no valid SKU id: TikTok's ids are 1 to 21 digits")
        if str(value).strip():
            now[sku_id] = _whole(f"low:{sku_id}", value)
        else:
            now.pop(sku_id, None)
    if len(now) > LOW_SKUS_MAX:
        raise InvalidSetting(f"at most {LOW_SKUS_MAX} SKUs of a shop have a threshold of their own, not {len(now)}")
    return now


def _whole(name: str, value: object, kind: str = "a whole number") -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidSetting(f"{name} is {kind}, not {text[:40]!r}")
    return int(text)
