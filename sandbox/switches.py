"""The switches: what is not known about TikTok, and slowness. `README.md` says what each does."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

VIEWS: Final = ("search", "detail", "inventory")
Lag = float | tuple[float, float]


@dataclass
class Switches:
    """All positions; the defaults are what is likeliest of TikTok."""

    stock_moves_update_time: bool = True
    unknown_ids: str = "refuse"
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    page_token_life_seconds: float | None = None
    most_results: int = 10_000
    repeat_page: str = "never"
    token_http: int = 401
    token_words: str = "x-tts-access-token"  # noqa: S105 - the name of a header
    version_code: int = 36009014
    uncovered: str = "106011"
    frozen_detail: str = "refuse"
    frozen_inventory: str = "answer"
    all_includes_deleted: bool = False
    total_count: str = "right"
    empty_lists: str = "list"
    list_order: str = "fixed"
    lag_seconds: dict[str, Lag] = field(default_factory=dict)
    seed: int = 0
    detail_without: tuple[str, ...] = ()
    line_without: tuple[str, ...] = ()
    without_share: float = 1.0
    inventory_leaves_out: tuple[str, ...] = ()
    shuffle_skus: bool = False
    category_order: str = "root_first"
    compress: bool = False

    def turn(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set what is asked for, all or nothing, and give the positions.

        Raises ValueError for a switch or a position that there is not.
        """
        unknown = set(asked) - set(_READERS)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_READERS))}")
        read = {name: _READERS[name](value) for name, value in asked.items()}
        for name, value in read.items():
            setattr(self, name, value)
        return asdict(self)


def _one_of(*positions: str | int) -> Callable[[object], object]:
    def read(value: object) -> object:
        if value not in positions:
            raise ValueError(f"{value!r} is none of {', '.join(map(str, positions))}")
        return value

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 - all nonsense is a ValueError here
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _share(value: object) -> float:
    share = _number(value)
    if not 0 <= share <= 1:
        raise ValueError("a share is between 0 and 1")
    return share


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} is no list of strings")
    return tuple(cast("Iterable[str]", value))


def _lags(value: object) -> dict[str, Lag]:
    """The seconds by view, those of 0 left out: a number, or the lowest and the highest of what is drawn."""
    if not isinstance(value, dict) or not set(value) <= set(VIEWS):
        raise ValueError(f"lag_seconds are seconds by view: {', '.join(VIEWS)}")
    lags: dict[str, Lag] = {}
    for view, given in value.items():
        low, high = map(_number, given) if isinstance(given, list) and len(given) == 2 else (_number(given),) * 2
        if not 0 <= low <= high:
            raise ValueError("a lag is 0 or more, and its lowest is not above its highest")
        if high:
            lags[view] = low if low == high else (low, high)
    return lags


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "stock_moves_update_time": _flag,
    "unknown_ids": _one_of("refuse", "omit"),
    "latency_ms": _number,
    "jitter_ms": _number,
    "page_token_life_seconds": _number_or_none,
    "most_results": lambda value: int(_number(value)),
    "repeat_page": _one_of("never", "once", "forever"),
    "token_http": _one_of(200, 401),
    "token_words": _one_of("x-tts-access-token", "access_token"),
    "version_code": _one_of(36009014, 36009004),
    "uncovered": _one_of("106011", "101000", "105005"),
    "frozen_detail": _one_of("refuse", "answer"),
    "frozen_inventory": _one_of("answer", "omit", "refuse"),
    "all_includes_deleted": _flag,
    "total_count": _one_of("right", "wavers", "over"),
    "empty_lists": _one_of("list", "null", "absent", "no_data"),
    "list_order": _one_of("fixed", "update_time_asc", "update_time_desc"),
    "lag_seconds": _lags,
    "seed": lambda value: int(_number(value)),
    "detail_without": _names,
    "line_without": _names,
    "without_share": _share,
    "inventory_leaves_out": _names,
    "shuffle_skus": _flag,
    "category_order": _one_of("root_first", "leaf_first"),
    "compress": _flag,
}
